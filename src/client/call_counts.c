/* call_counts.c - see call_counts.h. */
#include "client/call_counts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
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

/* --- times ------------------------------------------------------------------------------- */

static uint32_t bucket_of(uint64_t us)
{
    uint32_t level = us < 4 ? 1 : 63 - (uint32_t)__builtin_clzll(us);
    uint32_t bucket = us < 4 ? (uint32_t)us : (level - 1) * 4 + (uint32_t)(us >> (level - 2) & 3);

    return bucket < CALL_TIME_BUCKETS ? bucket : CALL_TIME_BUCKETS - 1;
}

/* The longest time that belongs there. */
static uint64_t bucket_end_us(uint32_t bucket)
{
    return bucket < 4 ? bucket : ((5ull + bucket % 4) << (bucket / 4 - 1)) - 1;
}

static void note_time(struct call_count *c, uint64_t took_ns)
{
    uint64_t us = took_ns / 1000;

    if (c->times == NULL) {
        c->times = memory_take_zeroed(1, sizeof *c->times);
    }
    c->times->count++;
    c->times->total_us += us;
    c->times->buckets[bucket_of(us)]++;
}

uint64_t call_times_percentile_us(const struct call_times *t, uint64_t per_mille)
{
    uint64_t wanted = (t->count * per_mille + 999) / 1000;
    uint64_t seen = 0;
    uint32_t bucket = 0;

    for (; bucket + 1 < CALL_TIME_BUCKETS; bucket++) {
        seen += t->buckets[bucket];
        if (seen >= wanted) {
            break;
        }
    }
    return bucket_end_us(bucket);
}

/* --- errors ------------------------------------------------------------------------------ */

static bool may_be_in_a_name(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Its first word. */
static void read_error_name(struct slice reply, char *name)
{
    size_t size = 0;

    while (size + 1 < ERROR_NAME_BYTES && size + 1 < reply.size &&
           may_be_in_a_name(reply.data[size + 1])) {
        name[size] = reply.data[size + 1];
        size++;
    }
    name[size] = '\0';
}

static void note_error(struct call_counts *counts, struct slice reply)
{
    struct error_count *e = counts->errors;
    char name[ERROR_NAME_BYTES];
    uint32_t i = 0;

    counts->error_count++;
    read_error_name(reply, name);
    while (i < counts->error_name_count && strcmp(e[i].name, name) != 0) {
        i++;
    }
    if (i == ERROR_NAMES_MAX) {
        memcpy(e[i].name, "OTHERS", sizeof "OTHERS");
    } else if (i == counts->error_name_count) {
        memcpy(e[i].name, name, sizeof name);
        counts->error_name_count++;
    }
    e[i].count++;
}

void call_counts_note_reply(struct call_counts *counts, const struct command *command,
                            bool is_refused, struct slice reply, uint64_t took_ns)
{
    bool is_error = reply.size > 0 && reply.data[0] == '-';
    struct call_count *c;

    if (is_error) {
        note_error(counts, reply);
    }
    if (command == NULL) {
        return;
    }
    c = &counts->places[find_place(counts, command)];
    c->command = command;
    if (is_refused) {
        c->refused_count++;
    } else {
        c->failed_count += is_error ? 1 : 0;
        note_time(c, took_ns);
    }
}

void call_counts_clear(struct call_counts *counts)
{
    for (uint32_t i = 0; i < CALL_COUNT_PLACES; i++) {
        free(counts->places[i].times);
    }
    memset(counts, 0, sizeof *counts);
}

const struct call_count *call_counts_find(const struct call_counts *counts,
                                          const struct command *command)
{
    return &counts->places[find_place(counts, command)];
}

uint64_t call_counts_of(const struct call_counts *counts, const struct command *command)
{
    return counts->places[find_place(counts, command)].count;
}
