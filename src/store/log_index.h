/* log_index.h - where each live entry is on disk: runs of consecutive entries in consecutive
 * batches, by rising index. A run covers about 64 KB, so the map stays small and a read begins
 * near its target.
 *
 * Invariant: the runs are contiguous, from the entry after the origin to the last one. */
#ifndef RAKIT_STORE_LOG_INDEX_H
#define RAKIT_STORE_LOG_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_run {
    uint64_t first_index;
    uint64_t count; /* Entries; the first and last batches may contain more, which were dropped. */
    uint64_t segment;
    uint64_t offset; /* Of its first batch. */
    uint64_t end;    /* Where its last batch ends. */
    bool is_closed;  /* It was truncated, so nothing is appended to it. */
};

struct log_index {
    uint64_t origin; /* Entries up to here are not in the log. */
    struct log_run *runs;
    size_t count;
    size_t capacity;
};

void log_index_deinit(struct log_index *index);
/* The origin if there are no entries. */
uint64_t log_index_last(const struct log_index *index);
/* A batch with entries that follow the last one. */
void log_index_append(struct log_index *index, uint64_t segment, uint64_t offset, uint64_t bytes,
                      uint64_t first_index, uint32_t count);
/* Drops entries up to `origin`, after which the log begins from now on. */
void log_index_begin(struct log_index *index, uint64_t origin);
/* Drops entries from `from` on. */
void log_index_truncate(struct log_index *index, uint64_t from);
/* The run that contains an entry; NULL if there is no such entry. */
const struct log_run *log_index_find(const struct log_index *index, uint64_t entry_index);

#endif /* RAKIT_STORE_LOG_INDEX_H */
