/* call_counts.c - see call_counts.h. */
#include "client/call_counts.h"

#include <stddef.h>

#include "command/table.h"

_Static_assert((int)CALL_COUNT_PLACES > (int)COMMANDS_MAX, "a search ends at an empty place");

static uint32_t find_place(const struct call_counts *counts, const struct command *command)
{
    uint64_t hash = (uint64_t)(uintptr_t)command->name * 0x9e3779b97f4a7c15ull;
    uint32_t place = (uint32_t)(hash >> 32) % CALL_COUNT_PLACES;

    while (counts->places[place].command != NULL &&
           counts->places[place].command->name != command->name) {
        place = (place + 1) % CALL_COUNT_PLACES;
    }
    return place;
}

void call_counts_note(struct call_counts *counts, const struct command *command)
{
    struct call_count *c = &counts->places[find_place(counts, command)];

    c->command = command;
    c->count++;
}

uint64_t call_counts_of(const struct call_counts *counts, const struct command *command)
{
    return counts->places[find_place(counts, command)].count;
}
