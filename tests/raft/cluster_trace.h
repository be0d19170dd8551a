/* cluster_trace.h - what a step did, as structured lines for transcripts. */
#ifndef RAKIT_TESTS_RAFT_CLUSTER_TRACE_H
#define RAKIT_TESTS_RAFT_CLUSTER_TRACE_H

#include "cluster.h"

void cluster_trace_effects(struct cluster *c, const struct cluster_node *node,
                           const struct raft_observation *before);
void cluster_trace_refusal(struct cluster *c, const struct cluster_node *node, int error);
/* One line: role, term, log, commit, configuration. */
void cluster_trace_node(struct cluster *c, const struct cluster_node *node);

#endif /* RAKIT_TESTS_RAFT_CLUSTER_TRACE_H */
