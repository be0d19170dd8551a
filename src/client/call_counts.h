/* call_counts.h - how often each command was called, for INFO commandstats. Counting reads no clock
 * and takes a few nanoseconds. */
#ifndef RAKIT_CLIENT_CALL_COUNTS_H
#define RAKIT_CLIENT_CALL_COUNTS_H

#include <stdint.h>

#include "kv/command.h"

enum { CALL_COUNT_PLACES = 1024 }; /* More than there can be commands. */

/* A hash table with open addressing, by the address of the row. Empty if it is zeroed. */
struct call_counts {
    struct call_count {
        const struct command *command;
        uint64_t count;
    } places[CALL_COUNT_PLACES];
};

void call_counts_note(struct call_counts *counts, const struct command *command);
uint64_t call_counts_of(const struct call_counts *counts, const struct command *command);

#endif /* RAKIT_CLIENT_CALL_COUNTS_H */
