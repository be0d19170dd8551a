/* checker_log.h - a log as the checker remembers it: for each entry its term, its time, and a
 * hash over it and all entries before it, so two logs agree up to an index exactly if their
 * hashes there are equal. */
#ifndef RAKIT_SIM_CHECKS_CHECKER_LOG_H
#define RAKIT_SIM_CHECKS_CHECKER_LOG_H

#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "store/entry.h"

struct checker_entry {
    uint64_t term;
    uint64_t time_us;
    uint64_t chain;
    uint8_t kind;
};

struct checker_log {
    struct checker_entry *entries; /* From index 1 on; [0] is not used. */
    uint64_t last;
    uint64_t capacity;
};

static inline struct checker_entry checker_log_at(const struct checker_log *log, uint64_t index)
{
    CHECK(index <= log->last);
    return index == 0 ? (struct checker_entry){0} : log->entries[index];
}

static inline void checker_log_put(struct checker_log *log, struct checker_entry e)
{
    if (log->last + 1 >= log->capacity) {
        log->capacity = log->capacity == 0 ? 256 : 2 * log->capacity;
        log->entries = memory_resize(log->entries, log->capacity * sizeof *log->entries);
    }
    log->entries[++log->last] = e;
}

/* Drops entries from `from` on; does nothing if the log ends before. */
static inline void checker_log_cut(struct checker_log *log, uint64_t from)
{
    CHECK(from > 0);
    if (from <= log->last) {
        log->last = from - 1;
    }
}

static inline void checker_log_copy(struct checker_log *to, const struct checker_log *from)
{
    to->last = 0;
    for (uint64_t i = 1; i <= from->last; i++) {
        checker_log_put(to, from->entries[i]);
    }
}

/* The entry after one with hash `before`. */
static inline struct checker_entry checker_entry_of(const struct entry *e, uint64_t before)
{
    uint64_t seed = (before ^ (e->term * 0x9e3779b97f4a7c15u)) + e->kind;

    seed = (seed ^ e->time_us) * 0x9e3779b97f4a7c15u;
    return (struct checker_entry){.term = e->term,
                                  .time_us = e->time_us,
                                  .chain = checksum_seeded(e->data, e->size, seed),
                                  .kind = e->kind};
}

#endif /* RAKIT_SIM_CHECKS_CHECKER_LOG_H */
