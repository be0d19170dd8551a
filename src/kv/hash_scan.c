/* hash_scan.c - commands that return some fields of a hash: HSCAN, HRANDFIELD. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/prng.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/glob.h"
#include "kv/hash_change.h"
#include "kv/kv.h"
#include "kv/scan.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum { FIELD_WORK = 64, SAMPLED_PART = 4 };

/* Fields are collected first, because their number comes first in the reply. */
struct gather {
    bool has_pattern;
    struct slice pattern;
    uint64_t match_left; /* How many bytes may still be compared with it. */
    struct hash_field *fields;
    uint64_t count, capacity;
    uint64_t bytes, bytes_max; /* In the reply. */
    uint64_t walked_count;
};

static void gather_field(void *context, const struct hash_field *field)
{
    struct gather *g = context;

    g->walked_count++;
    if (g->bytes > g->bytes_max || (g->has_pattern && g->match_left == 0)) {
        return; /* Already refused. */
    }
    if (!g->has_pattern || glob_matches_within(g->pattern, field->name, &g->match_left)) {
        g->bytes += field->name.size + field->value.size + 2 * (uint64_t)REPLY_OVERHEAD_BYTES;
        if (g->count == g->capacity) {
            g->capacity = g->capacity == 0 ? 16 : 2 * g->capacity;
            g->fields = memory_resize(g->fields, g->capacity * sizeof *g->fields);
        }
        g->fields[g->count++] = *field;
    }
}

static struct hash_field gathered(const struct gather *g, uint64_t i)
{
    return g->fields[i];
}

/* --- HSCAN ---------------------------------------------------------------------------------- */

struct hscan {
    uint64_t cursor, count;
    bool has_pattern;
    struct slice pattern;
    bool only_names;
};

/* Returns how many arguments the option has; 0: an error was replied. */
static uint32_t read_option(struct command_call *call, uint32_t i, struct hscan *o)
{
    struct slice word = call->arguments[i];
    bool has_value = i + 1 < call->argument_count;
    int64_t count = 0;

    if (slice_is(word, "NOVALUES")) {
        o->only_names = true;
        return 1;
    }
    if (slice_is(word, "MATCH") && has_value) {
        o->pattern = call->arguments[i + 1];
        o->has_pattern = !(o->pattern.size == 1 && o->pattern.data[0] == '*');
        return 2;
    }
    if (slice_is(word, "COUNT") && has_value) {
        if (!call_read_integer(call, i + 1, &count)) {
            return 0;
        }
        if (count >= 1) {
            o->count = count < SCAN_COUNT_MAX ? (uint64_t)count : SCAN_COUNT_MAX;
            return 2;
        }
    }
    resp_error(call->reply, ERROR_SYNTAX);
    return 0;
}

static bool read_hscan_cursor(struct command_call *call, uint64_t *ret_cursor)
{
    if (!scan_read_cursor(call->arguments[2], ret_cursor)) {
        resp_error(call->reply, ERROR_CURSOR);
        return false;
    }
    return true;
}

static bool read_options(struct command_call *call, struct hscan *ret_options)
{
    uint32_t used;

    for (uint32_t i = 3; i < call->argument_count; i += used) {
        used = read_option(call, i, ret_options);
        if (used == 0) {
            return false;
        }
    }
    return true;
}

/* As in Redis, wrong options matter only if there is a hash. */
static bool check_hscan(struct command_call *call)
{
    uint64_t cursor = 0;

    return read_hscan_cursor(call, &cursor);
}

static void reply_scanned(struct command_call *call, const struct gather *g, uint64_t cursor,
                          bool only_names)
{
    char text[DECIMAL_BYTES_MAX];

    resp_array(call->reply, 2);
    resp_bulk(call->reply, slice_of(text, decimal_write_unsigned(text, cursor)));
    resp_array(call->reply, only_names ? g->count : 2 * g->count);
    for (uint64_t i = 0; i < g->count; i++) {
        struct hash_field field = gathered(g, i);

        resp_bulk(call->reply, field.name);
        if (!only_names) {
            resp_bulk(call->reply, field.value);
        }
    }
}

static void hscan_command(struct command_call *call)
{
    struct hscan o = {.count = 10};
    struct slice value;
    bool exists;

    if (!read_hscan_cursor(call, &o.cursor) || !call_find(call, 1, VALUE_HASH, &value, &exists)) {
        return;
    }
    if (!exists) {
        reply_scanned(call, &(struct gather){.count = 0}, 0, false);
        return;
    }
    if (!read_options(call, &o)) {
        return;
    }

    struct gather g = {.has_pattern = o.has_pattern,
                       .pattern = o.pattern,
                       .match_left = SCAN_MATCH_BYTES_MAX,
                       .bytes_max = kv_reply_bytes_max(call->kv)};
    uint64_t cursor =
        hash_value_scan(value, o.cursor, o.count, hash_now_ms(call), gather_field, &g);

    if (g.has_pattern && g.match_left == 0) {
        resp_error(call->reply, ERROR_PATTERN_TOO_LONG);
    } else if (g.bytes > g.bytes_max) {
        call_refuse_size(call, "ask for fewer fields by COUNT");
    } else {
        reply_scanned(call, &g, cursor, o.only_names);
    }
    call->work = g.walked_count * FIELD_WORK + SCAN_MATCH_BYTES_MAX - g.match_left;
    free(g.fields);
}

/* --- HRANDFIELD ----------------------------------------------------------------------------- */

static bool read_random(struct command_call *call, int64_t *ret_count, bool *ret_values)
{
    *ret_values = call->argument_count > 3;
    if (!call_read_integer(call, 2, ret_count)) {
        return false;
    }
    if (*ret_count == INT64_MIN) {
        resp_error(call->reply, ERROR_RANDOM_COUNT);
        return false;
    }
    if (call->argument_count > 4 || (*ret_values && !slice_is(call->arguments[3], "WITHVALUES"))) {
        resp_error(call->reply, ERROR_SYNTAX);
        return false;
    }
    if (*ret_values && (*ret_count < -INT64_MAX / 2 || *ret_count > INT64_MAX / 2)) {
        resp_error(call->reply, ERROR_OUT_OF_RANGE);
        return false;
    }
    return true;
}

static bool check_hrandfield(struct command_call *call)
{
    int64_t count = 0;
    bool values;

    return call->argument_count == 2 || read_random(call, &count, &values);
}

/* Any of them, some maybe more than once. */
static void pick_with_repetition(struct gather *g, struct slice value, struct prng *prng,
                                 uint64_t now_ms, uint64_t count)
{
    struct hash_field field;

    for (uint64_t i = 0; i < count; i++) {
        if (hash_value_pick(value, prng_next(prng), now_ms, &field)) {
            gather_field(g, &field);
        }
    }
}

/* Goes over all fields: each is taken if chance wants it among those that are left. */
static void sample_all(struct gather *g, struct slice value, struct prng *prng, uint64_t now_ms,
                       uint64_t wanted)
{
    uint64_t left = hash_value_count(value, now_ms);
    struct hash_field field;
    size_t at = 0;

    for (; wanted > 0 && hash_value_next(value, &at, now_ms, &field); left--) {
        if (prng_chance(prng, wanted, left)) {
            gather_field(g, &field);
            wanted--;
        }
    }
}

/* Few of many: picks, and takes those that were not picked before. */
static void sample_few(struct gather *g, struct slice value, struct prng *prng, uint64_t now_ms,
                       uint64_t wanted)
{
    uint64_t slots = 4;
    struct hash_field field;

    while (slots < 4 * wanted) {
        slots *= 2;
    }

    const char **taken = memory_take_zeroed(slots, sizeof taken[0]); /* By the field's address. */

    while (wanted > 0 && hash_value_pick(value, prng_next(prng), now_ms, &field)) {
        uint64_t slot = (uintptr_t)field.name.data * 0x9e3779b97f4a7c15u >> 20 & (slots - 1);

        while (taken[slot] != NULL && taken[slot] != field.name.data) {
            slot = (slot + 1) & (slots - 1);
        }
        if (taken[slot] == NULL) {
            taken[slot] = field.name.data;
            gather_field(g, &field);
            wanted--;
        }
    }
    free(taken);
}

/* Most fields have expired, so that picking would miss again and again. */
static void pick_from_all(struct gather *g, struct slice value, struct prng *prng, uint64_t now_ms,
                          uint64_t there, uint64_t wanted)
{
    struct hash_field *all = memory_take(there * sizeof *all);
    uint64_t count = 0;

    for (size_t at = 0; count < there && hash_value_next(value, &at, now_ms, &all[count]);) {
        count++;
    }
    for (uint64_t i = 0; i < wanted && count > 0; i++) {
        gather_field(g, &all[prng_below(prng, count)]);
    }
    free(all);
}

static void gather_random(struct command_call *call, struct gather *g, struct slice value,
                          int64_t count)
{
    struct prng prng = {kv_chance(call->kv)};
    uint64_t now_ms = hash_now_ms(call);
    uint64_t there = hash_value_count(value, now_ms);

    bool is_sparse = there < hash_value_count(value, 0) / 16;

    if (count < 0 && is_sparse && there > 0) {
        pick_from_all(g, value, &prng, now_ms, there, (uint64_t)-count);
    } else if (count < 0) {
        pick_with_repetition(g, value, &prng, now_ms, there == 0 ? 0 : (uint64_t)-count);
    } else if (is_sparse || (uint64_t)count >= there / SAMPLED_PART) {
        sample_all(g, value, &prng, now_ms, (uint64_t)count < there ? (uint64_t)count : there);
    } else {
        sample_few(g, value, &prng, now_ms, (uint64_t)count);
    }
}

static void reply_random(struct command_call *call, const struct gather *g, bool values)
{
    bool in_pairs = values && call->reply->version >= 3;

    resp_array(call->reply, values && !in_pairs ? 2 * g->count : g->count);
    for (uint64_t i = 0; i < g->count; i++) {
        struct hash_field field = gathered(g, i);

        if (in_pairs) {
            resp_array(call->reply, 2);
        }
        resp_bulk(call->reply, field.name);
        if (values) {
            resp_bulk(call->reply, field.value);
        }
    }
}

static void reply_one(struct command_call *call)
{
    struct slice value;
    struct hash_field field;

    if (!hash_read(call, &value)) {
        return;
    }
    if (hash_value_pick(value, kv_chance(call->kv), hash_now_ms(call), &field)) {
        resp_bulk(call->reply, field.name);
    } else {
        resp_null(call->reply);
    }
}

static void hrandfield_command(struct command_call *call)
{
    struct gather g = {.bytes_max = kv_reply_bytes_max(call->kv)};
    struct slice value;
    int64_t count = 0;
    bool values = false;

    if (call->argument_count == 2) {
        reply_one(call);
        return;
    }
    if (!read_random(call, &count, &values) || !hash_read(call, &value)) {
        return;
    }
    if (count < -SCAN_COUNT_MAX && hash_value_count(value, hash_now_ms(call)) > 0) {
        resp_errorf(call->reply, ERROR_MANY_RANDOM_FIELDS, SCAN_COUNT_MAX);
        return;
    }
    gather_random(call, &g, value, count);
    if (g.bytes > g.bytes_max) {
        call_refuse_size(call, "ask for fewer fields at once");
    } else {
        reply_random(call, &g, values);
    }
    call->work = g.walked_count * FIELD_WORK;
    free(g.fields);
}

/* --- rows ----------------------------------------------------------------------------------- */

/* clang-format off */
const struct command hash_scan_commands[] = {
    {.name = "HRANDFIELD", .arity = -2, .flags = COMMAND_READ | COMMAND_VARIES, COMMAND_ONE_KEY,
     .handler = hrandfield_command, .check = check_hrandfield, .group = "hash",
     .arguments = "key [count [WITHVALUES]]", .integers = "count", .since = "6.2.0",
     .summary = "Returns some fields of a hash; with a negative count, maybe some of them more "
                "than once."},
    {.name = "HSCAN", .arity = -3, .flags = COMMAND_READ, COMMAND_ONE_KEY,
     .handler = hscan_command, .check = check_hscan, .group = "hash",
     .arguments = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     .integers = "cursor count", .since = "2.8.0",
     .summary = "Walks over the fields of a hash in steps: begins at cursor 0, goes on at the "
                "cursor that it returned, and ends when that is 0."},
    {.name = NULL},
};
/* clang-format on */
