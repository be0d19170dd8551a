/* call_counts.h - how often each command was called, refused and failed, how long its replies took,
 * and how often which error was replied: for INFO commandstats, errorstats and latencystats. */
#ifndef RAKIT_CLIENT_CALL_COUNTS_H
#define RAKIT_CLIENT_CALL_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/command.h"

enum {
    CALL_COUNT_PLACES = 1024, /* More than there can be commands. */
    CALL_TIME_BUCKETS = 128,
    ERROR_NAMES_MAX = 64, /* Scripts may reply any error: beyond these they count as OTHERS. */
    ERROR_NAME_BYTES = 32,
};

/* How often a reply took how long: four buckets for each doubling of the microseconds. */
struct call_times {
    uint64_t count;
    uint64_t total_us;
    uint64_t buckets[CALL_TIME_BUCKETS];
};

struct call_count {
    const struct command *command;
    uint64_t count;
    uint64_t refused_count; /* Not executed, and not part of `count`. */
    uint64_t failed_count;
    struct call_times *times; /* Owned; NULL: none yet. */
};

struct error_count {
    char name[ERROR_NAME_BYTES]; /* Such as "WRONGTYPE". */
    uint64_t count;
};

/* A hash table with open addressing, by the address of the row. Empty if it is zeroed. */
struct call_counts {
    struct call_count places[CALL_COUNT_PLACES];
    struct error_count errors[ERROR_NAMES_MAX + 1];
    uint32_t error_name_count;
    uint64_t error_count;
};

void call_counts_clear(struct call_counts *counts);
void call_counts_note(struct call_counts *counts, const struct command *command);
/* It was answered. NULL: there is no such command. */
void call_counts_note_reply(struct call_counts *counts, const struct command *command,
                            bool is_refused, struct slice reply, uint64_t took_ns);
uint64_t call_counts_of(const struct call_counts *counts, const struct command *command);
const struct call_count *call_counts_find(const struct call_counts *counts,
                                          const struct command *command);
/* What so many of a thousand replies did not take longer than. */
uint64_t call_times_percentile_us(const struct call_times *times, uint64_t per_mille);

#endif /* RAKIT_CLIENT_CALL_COUNTS_H */
