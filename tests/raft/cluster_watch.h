/* cluster_watch.h - rules that concern several nodes. Each function is called with one event,
 * and aborts if a promise of the paper is broken. The numbers are those of docs/INVARIANTS.md. */
#ifndef RAKIT_TESTS_RAFT_CLUSTER_WATCH_H
#define RAKIT_TESTS_RAFT_CLUSTER_WATCH_H

#include "cluster.h"

/* An entry was appended: log matching (I-21). */
void cluster_see_entry(struct cluster *c, const struct cluster_log *log, raft_index index);
/* A commit index rose from `before`: state machine safety (I-23). */
void cluster_see_commit(struct cluster *c, const struct cluster_node *node, raft_index before);
/* A node leads: election safety (I-20) and leader completeness (I-22). */
void cluster_see_leader(struct cluster *c, const struct cluster_node *node);
/* Reads were confirmed: none misses what was committed before it was asked (I-12). */
void cluster_see_reads(struct cluster_node *node);
/* A message is sent: its sender's disk has what it claims (I-3). */
void cluster_see_message(const struct cluster_node *node, const struct raft_message *m);

#endif /* RAKIT_TESTS_RAFT_CLUSTER_WATCH_H */
