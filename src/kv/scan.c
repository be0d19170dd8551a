/* scan.c - commands that walk over the keyspace: KEYS, SCAN, RANDOMKEY. */
#include <errno.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/glob.h"
#include "kv/kv.h"
#include "kv/scan.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum {
    WALK_KEYS_MAX = SCAN_COUNT_MAX, /* While a command walks, nothing else runs. */
    WALK_KEY_WORK = 64,             /* Looking at a key costs about as much as comparing this many
                                 * bytes. */
    MATCH_BYTES_MAX = SCAN_MATCH_BYTES_MAX,
    PICKS_MAX = 100,
};

/* Matching keys are collected first, as slices, because their number comes first in the reply. */
struct gather {
    bool has_type; /* Only keys of that type. */
    struct slice type;
    bool has_pattern;
    struct slice pattern;
    struct buffer keys; /* Array of struct slice; at most `bytes_max` in the reply. */
    uint64_t key_count;
    uint64_t bytes; /* Their size in the reply. */
    uint64_t bytes_max;
    uint64_t walked_count;
    uint64_t match_left; /* How many bytes may still be compared with the pattern. */
};

static void set_pattern(struct gather *g, struct slice pattern)
{
    g->has_pattern = !(pattern.size == 1 && pattern.data[0] == '*');
    g->pattern = pattern;
    g->match_left = MATCH_BYTES_MAX;
}

static bool is_out_of_work(const struct gather *g)
{
    return g->has_pattern && g->match_left == 0;
}

static uint64_t work_of(const struct gather *g)
{
    return g->walked_count * WALK_KEY_WORK + (g->has_pattern ? MATCH_BYTES_MAX - g->match_left : 0);
}

static void refuse_work(struct command_call *call)
{
    resp_error(call->reply, ERROR_PATTERN_TOO_LONG);
}

static void gather_key(void *context, struct slice key, const struct kv_value *value)
{
    struct gather *g = context;

    g->walked_count++;
    if (g->has_type && !slice_is(g->type, value_type_name(value->traits.type))) {
        return;
    }
    if (g->bytes > g->bytes_max || is_out_of_work(g)) {
        return; /* Already refused; the walk only ends. */
    }
    if (!g->has_pattern || glob_matches_within(g->pattern, key, &g->match_left)) {
        g->bytes += key.size + REPLY_OVERHEAD_BYTES;
        buffer_append(&g->keys, &key, sizeof key);
        g->key_count++;
    }
}

static void reply_keys(struct command_call *call, const struct gather *g)
{
    const char *at = g->keys.data;

    resp_array(call->reply, g->key_count);
    for (uint64_t i = 0; i < g->key_count; i++) {
        struct slice key;

        memcpy(&key, at + i * sizeof key, sizeof key);
        resp_bulk(call->reply, key);
    }
}

static void keys_command(struct command_call *call)
{
    struct gather g = {.bytes_max = kv_reply_bytes_max(call->kv)};

    if (kv_count(call->kv) > WALK_KEYS_MAX) {
        resp_errorf(call->reply, ERROR_MANY_KEYS, WALK_KEYS_MAX);
        return;
    }
    set_pattern(&g, call->arguments[1]);
    kv_scan(call->kv, 0, UINT64_MAX, gather_key, &g);
    if (is_out_of_work(&g)) {
        refuse_work(call);
    } else if (g.bytes > g.bytes_max) {
        call_refuse_size(call, "SCAN gives the keys in steps");
    } else {
        reply_keys(call, &g);
    }
    call->work = work_of(&g);
    buffer_deinit(&g.keys);
}

static void randomkey_command(struct command_call *call)
{
    struct slice key;

    for (int i = 0; i < PICKS_MAX; i++) { /* Some may have expired. */
        if (kv_pick(call->kv, kv_chance(call->kv), &key)) {
            resp_bulk(call->reply, key);
            return;
        }
    }
    resp_null(call->reply);
}

/* --- SCAN --------------------------------------------------------------------------- */

struct scan_options {
    uint64_t cursor;
    uint64_t count;
    bool has_type;
    struct slice type;
    bool has_pattern;
    struct slice pattern;
};

bool scan_read_cursor(struct slice text, uint64_t *ret_cursor)
{
    char copy[DECIMAL_BYTES_MAX + 2];
    char *end = NULL;

    if (text.size >= sizeof copy ||
        (text.size > 0 && text.data[0] >= '\t' && (text.data[0] <= '\r' || text.data[0] == ' '))) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    errno = 0;
    *ret_cursor = strtoul(copy, &end, 10);
    return *end == '\0' && errno == 0;
}

/* Replies an error if it returns false. */
static bool read_scan_options(struct command_call *call, struct scan_options *o)
{
    for (uint32_t i = 2; i < call->argument_count; i += 2) {
        struct slice word = call->arguments[i];
        bool has_value = i + 1 < call->argument_count;
        int64_t count = 0;

        if (slice_is(word, "COUNT") && has_value) {
            if (!call_read_integer(call, i + 1, &count)) {
                return false;
            }
            if (count < 1) {
                resp_error(call->reply, ERROR_SYNTAX);
                return false;
            }
            /* COUNT is only a hint. */
            o->count = count < WALK_KEYS_MAX ? (uint64_t)count : WALK_KEYS_MAX;
        } else if (slice_is(word, "MATCH") && has_value) {
            o->has_pattern = true;
            o->pattern = call->arguments[i + 1];
        } else if (slice_is(word, "TYPE") && has_value) {
            o->has_type = true;
            o->type = call->arguments[i + 1];
        } else {
            resp_error(call->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

static bool read_scan(struct command_call *call, struct scan_options *ret_options)
{
    *ret_options = (struct scan_options){.count = 10};
    if (!scan_read_cursor(call->arguments[1], &ret_options->cursor)) {
        resp_error(call->reply, ERROR_CURSOR);
        return false;
    }
    return read_scan_options(call, ret_options);
}

static bool check_scan(struct command_call *call)
{
    struct scan_options options;

    return read_scan(call, &options);
}

static void scan_command(struct command_call *call)
{
    struct scan_options options;
    struct gather g = {.bytes_max = kv_reply_bytes_max(call->kv)};
    char text[DECIMAL_BYTES_MAX];

    if (!read_scan(call, &options)) {
        return;
    }
    g.has_type = options.has_type;
    g.type = options.type;
    if (options.has_pattern) {
        set_pattern(&g, options.pattern);
    }

    uint64_t cursor = kv_scan(call->kv, options.cursor, options.count, gather_key, &g);

    if (is_out_of_work(&g)) {
        refuse_work(call);
    } else if (g.bytes > g.bytes_max) {
        call_refuse_size(call, "ask for fewer keys by COUNT");
    } else {
        resp_array(call->reply, 2);
        resp_bulk(call->reply, slice_of(text, decimal_write_unsigned(text, cursor)));
        reply_keys(call, &g);
    }
    call->work = work_of(&g);
    buffer_deinit(&g.keys);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command scan_commands[] = {
    {.name = "KEYS", .arity = 2, .flags = COMMAND_READ | COMMAND_WALKS, .handler = keys_command,
     .group = "generic", .arguments = "pattern", .since = "1.0.0",
     .summary = "Returns all keys that match the pattern, such as h?llo*."},
    {.name = "RANDOMKEY", .arity = 1, .flags = COMMAND_READ | COMMAND_VARIES,
     .handler = randomkey_command,
     .group = "generic", .arguments = "", .since = "1.0.0",
     .summary = "Returns some key."},
    {.name = "SCAN", .arity = -2, .flags = COMMAND_READ | COMMAND_WALKS, .handler = scan_command,
     .check = check_scan, .group = "generic",
     .arguments = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     .integers = "cursor count", .since = "2.8.0",
     .summary = "Walks over the keys in steps: begins at cursor 0, goes on at the cursor that "
                "it returned, and ends when that is 0."},
    {.name = NULL},
};
/* clang-format on */
