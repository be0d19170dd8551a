/* cluster_log.c - see cluster_log.h. */
#include "cluster_log.h"

#include <stdlib.h>

#include "base/check.h"

void *cluster_grow(void *memory, uint32_t *capacity, uint32_t needed, size_t size)
{
    if (needed <= *capacity) {
        return memory;
    }
    *capacity = needed * 2 + 8;
    memory = realloc(memory, *capacity * size);
    CHECK(memory != NULL);
    return memory;
}

void cluster_log_append(struct cluster_log *log, const struct cluster_entry *entry)
{
    log->entries =
        cluster_grow(log->entries, &log->capacity, log->count + 1, sizeof(*log->entries));
    log->entries[log->count++] = *entry;
}

raft_index cluster_log_last(const struct cluster_log *log)
{
    return log->origin + log->count;
}

void cluster_log_cut(struct cluster_log *log, raft_index index)
{
    CHECK(index > log->origin);
    if (index <= cluster_log_last(log)) {
        log->count = (uint32_t)(index - log->origin - 1);
    }
}

void cluster_log_copy(struct cluster_log *log, const struct cluster_log *from)
{
    log->origin = from->origin;
    log->origin_term = from->origin_term;
    log->count = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        cluster_log_append(log, &from->entries[i]);
    }
}

const struct cluster_entry *cluster_log_at(const struct cluster_log *log, raft_index index)
{
    CHECK(index > log->origin);
    CHECK(index <= cluster_log_last(log));
    return &log->entries[index - log->origin - 1];
}

raft_term cluster_log_term(const struct cluster_log *log, raft_index index)
{
    return index == log->origin ? log->origin_term : cluster_log_at(log, index)->term;
}

bool cluster_entries_equal(const struct cluster_entry *a, const struct cluster_entry *b)
{
    return a->term == b->term && a->kind == b->kind && a->value == b->value;
}
