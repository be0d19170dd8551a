/* cluster_log.h - a log with its entries, as a host has it. */
#ifndef RAKIT_TESTS_RAFT_CLUSTER_LOG_H
#define RAKIT_TESTS_RAFT_CLUSTER_LOG_H

#include "cluster.h"

/* `memory` with room for `needed` items of `size`; like realloc(), in rare, large steps. */
void *cluster_grow(void *memory, uint32_t *capacity, uint32_t needed, size_t size);
void cluster_log_append(struct cluster_log *log, const struct cluster_entry *entry);
raft_index cluster_log_last(const struct cluster_log *log);
/* Drops entries from `index` on; the log may end before. */
void cluster_log_cut(struct cluster_log *log, raft_index index);
/* Copies `from`; reuses memory that `log` has. */
void cluster_log_copy(struct cluster_log *log, const struct cluster_log *from);
const struct cluster_entry *cluster_log_at(const struct cluster_log *log, raft_index index);
raft_term cluster_log_term(const struct cluster_log *log, raft_index index);
bool cluster_entries_equal(const struct cluster_entry *a, const struct cluster_entry *b);

#endif /* RAKIT_TESTS_RAFT_CLUSTER_LOG_H */
