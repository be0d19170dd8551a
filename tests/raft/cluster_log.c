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

const struct cluster_entry *cluster_log_at(const struct cluster_log *log, raft_index index)
{
    CHECK(index > 0);
    CHECK(index <= log->count);
    return &log->entries[index - 1];
}

raft_term cluster_log_term(const struct cluster_log *log, raft_index index)
{
    return index == 0 ? 0 : cluster_log_at(log, index)->term;
}

bool cluster_entries_equal(const struct cluster_entry *a, const struct cluster_entry *b)
{
    return a->term == b->term && a->kind == b->kind && a->value == b->value;
}
