/* cluster_origin.h - where the logs of a cluster begin, and snapshots, which stand for what came
 * before; see also cluster_begin_at() and cluster_install(). */
#ifndef RAKIT_TESTS_RAFT_CLUSTER_ORIGIN_H
#define RAKIT_TESTS_RAFT_CLUSTER_ORIGIN_H

#include "cluster.h"

/* What that node tells its core of its newest snapshot. */
struct raft_snapshot cluster_snapshot_of(const struct cluster_node *node);
/* Its durable log begins behind `index` now; it keeps what follows if it has that entry. */
void cluster_replace_log(const struct cluster *c, struct cluster_node *node, raft_index index);

/* In force where the snapshot of that node ends, and the index of its entry; NULL: nothing is. */
const struct raft_configuration *cluster_members_at_snapshot(const struct cluster *c,
                                                             const struct cluster_node *node,
                                                             raft_index *ret_index);

#endif /* RAKIT_TESTS_RAFT_CLUSTER_ORIGIN_H */
