/* restoring.h - makes the data directory of a new cluster's first node out of a state: a snapshot,
 * and an identity. Blocking.
 *
 * The store must have been opened with `is_restoring`. Its identity says so, until the snapshot,
 * the key and the votes are durable; then one write makes it a member. So a crash leaves a
 * directory that no start takes, except one that restores and begins anew, or the whole node. */
#ifndef RAKIT_STORE_RESTORING_H
#define RAKIT_STORE_RESTORING_H

#include "store/snapshot_writer.h"
#include "store/store.h"

/* Begins the snapshot, of which index, term and time are given; chunks follow by
 * snapshot_writer_put(). Removes what an interrupted attempt has left. 0 or a negative errno
 * value. */
int restoring_begin(struct store *s, uint64_t cluster_id, const struct store_snapshot *snapshot,
                    struct snapshot_writer *writer);
/* Completes it, and makes this node a member of that cluster. Only store_close() may follow. */
int restoring_end(struct store *s, uint64_t cluster_id, const struct store_key *key,
                  struct store_snapshot *snapshot, struct snapshot_writer *writer);

#endif /* RAKIT_STORE_RESTORING_H */
