/* cluster_key.h - the file with the key of the cluster, the same on each of its members. Like
 * the identity it is replaced whole, never changed in place. */
#ifndef RAKIT_STORE_CLUSTER_KEY_H
#define RAKIT_STORE_CLUSTER_KEY_H

#include <stdbool.h>

#include "store/basics.h"
#include "store/files.h"

/* The key that this data directory holds for its cluster, or, where the file is missing, the one
 * that was given. *ret_is_missing: the file has yet to be written. 0, or a store_error with
 * words. */
int cluster_key_find(struct io *io, const char *dir, uint64_t cluster_id,
                     const struct store_key *given, struct store_key *ret_key, bool *ret_is_missing,
                     struct complaint *c);
/* The directory is not synced; 0 or a negative errno value. */
int cluster_key_write(struct io *io, const char *dir, uint64_t cluster_id,
                      const struct store_key *key);

#endif /* RAKIT_STORE_CLUSTER_KEY_H */
