/* cluster_origin.h - where the logs of a cluster begin, and snapshots, which replace what came
 * before; see also cluster_begin_at() and cluster_install(). */
#ifndef RAKIT_TESTS_RAFT_CLUSTER_ORIGIN_H
#define RAKIT_TESTS_RAFT_CLUSTER_ORIGIN_H

#include "cluster.h"

/* The node's newest snapshot, for its core. */
struct raft_snapshot cluster_snapshot_of(const struct cluster_node *node);
/* Makes its durable log begin after `index`; keeps what follows if the log has that entry. */
void cluster_replace_log(const struct cluster *c, struct cluster_node *node, raft_index index);

/* The configuration in force at the end of that node's snapshot, and the index of its entry;
 * NULL: none. */
const struct raft_configuration *cluster_members_at_snapshot(const struct cluster *c,
                                                             const struct cluster_node *node,
                                                             raft_index *ret_index);

#endif /* RAKIT_TESTS_RAFT_CLUSTER_ORIGIN_H */
