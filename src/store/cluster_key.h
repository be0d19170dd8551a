/* cluster_key.h - the file with the key of the cluster, the same on each member. Like the
 * identity, it is replaced as a whole, never changed in place. */
#ifndef RAKIT_STORE_CLUSTER_KEY_H
#define RAKIT_STORE_CLUSTER_KEY_H

#include <stdbool.h>

#include "store/basics.h"
#include "store/files.h"

/* The key in this data directory for its cluster or, if the file is missing, the given one.
 * *ret_is_missing: the file must be written. Returns 0, or a store_error with a message. */
int cluster_key_find(struct io *io, const char *dir, uint64_t cluster_id,
                     const struct store_key *given, struct store_key *ret_key, bool *ret_is_missing,
                     struct complaint *c);
/* Does not sync the directory; returns 0 or a negative errno value. */
int cluster_key_write(struct io *io, const char *dir, uint64_t cluster_id,
                      const struct store_key *key);

#endif /* RAKIT_STORE_CLUSTER_KEY_H */
