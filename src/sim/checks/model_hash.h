/* model_hash.h - the model's hashes: lists of fields, searched one by one. Private to the files of
 * the model. */
#ifndef RAKIT_SIM_CHECKS_MODEL_HASH_H
#define RAKIT_SIM_CHECKS_MODEL_HASH_H

#include "sim/checks/model_state.h"

/* Append the reply of a command on a hash; false: it is none. */
bool model_hash_write(struct model_place to, const struct slice *arguments, uint32_t count,
                      struct buffer *reply);
bool model_hash_read(struct model_place at, const struct slice *arguments, uint32_t count,
                     struct buffer *reply);
/* Removes the fields of a hash that have expired; it goes with the last one. */
void model_hash_remove_expired(struct model_place to, struct slice name);

#endif /* RAKIT_SIM_CHECKS_MODEL_HASH_H */
