/* msetex.c - MSETEX: several values at once, which expire together. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "kv/lifetime.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum { FIRST_KEY = 2 };

struct msetex_options {
    uint32_t end; /* The argument after the last value. */
    bool only_new;
    bool only_existing;
    struct lifetime lifetime;
};

/* Replies an error if it returns false. */
static bool read_count(struct command_call *call, struct msetex_options *o)
{
    int64_t count = 0;

    if (!decimal_read(call->arguments[1], &count) || count < 1 || count > INT32_MAX) {
        resp_error(call->reply, ERROR_NUMKEYS);
        return false;
    }
    if (count > (call->argument_count - FIRST_KEY) / 2) {
        resp_error(call->reply, ERROR_KEY_VALUE_PAIRS);
        return false;
    }
    o->end = FIRST_KEY + 2 * (uint32_t)count;
    return true;
}

static bool read_words(const struct command_call *call, struct msetex_options *o)
{
    uint32_t used;

    for (uint32_t i = o->end; i < call->argument_count; i += used) {
        used = 1;
        if (slice_is(call->arguments[i], "NX") && !o->only_existing) {
            o->only_new = true;
        } else if (slice_is(call->arguments[i], "XX") && !o->only_new) {
            o->only_existing = true;
        } else {
            used = lifetime_read(call, i, LIFETIME_KEEPTTL, &o->lifetime);
        }
        if (used == 0) {
            return false;
        }
    }
    return true;
}

static bool read_options(struct command_call *call, struct msetex_options *ret_options)
{
    *ret_options = (struct msetex_options){0};
    if (!read_count(call, ret_options)) {
        return false;
    }
    if (!read_words(call, ret_options)) {
        resp_error(call->reply, ERROR_SYNTAX);
        return false;
    }
    return lifetime_check(call, &ret_options->lifetime);
}

static bool check_msetex(struct command_call *call)
{
    struct msetex_options options;

    return read_options(call, &options);
}

/* All keys are as NX or XX asks for. */
static bool are_as_asked(const struct command_call *call, const struct msetex_options *o)
{
    struct slice value;

    for (uint32_t i = FIRST_KEY; (o->only_new || o->only_existing) && i < o->end; i += 2) {
        if (kv_get(call->kv, call->arguments[i], &value) != o->only_existing) {
            return false;
        }
    }
    return true;
}

static void set_pair(struct command_call *call, uint32_t i, const struct msetex_options *o,
                     uint64_t expires_ms)
{
    struct slice key = call->arguments[i];
    struct kv_value old = {.traits = {0}};

    if (o->lifetime.kind == LIFETIME_KEEPTTL && kv_find(call->kv, key, &old)) {
        expires_ms = old.traits.expires_ms;
    }
    kv_put(call->kv, key, (struct traits){.expires_ms = expires_ms}, call->arguments[i + 1]);
    call_changed(call, EVENT_STRING, "set", key);
    if (lifetime_is_set(&o->lifetime)) {
        call_changed(call, EVENT_GENERIC, "expire", key);
    }
}

static void msetex_command(struct command_call *call)
{
    struct msetex_options options;
    uint64_t expires_ms = 0;

    if (!read_options(call, &options) || !lifetime_expiry(call, &options.lifetime, &expires_ms)) {
        return;
    }

    bool is_done = are_as_asked(call, &options);

    for (uint32_t i = FIRST_KEY; is_done && i < options.end; i += 2) {
        set_pair(call, i, &options, expires_ms);
    }
    resp_integer(call->reply, is_done ? 1 : 0);
}

/* --- rows -------------------------------------------------------------------------------- */

/* clang-format off */
const struct command msetex_commands[] = {
    {.name = "MSETEX", .arity = -4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM,
     .first_key = FIRST_KEY, .last_key = -1, .key_step = 2, .key_count_at = 1,
     .handler = msetex_command, .check = check_msetex, .group = "string",
     .arguments = "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | "
                  "EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
     .integers = "numkeys seconds milliseconds", .since = "8.4.0",
     .summary = "Sets several values at once. NX: if none of the keys exists; XX: if all do. EX "
                "and the others: when they all expire, as with SET."},
    {.name = NULL},
};
/* clang-format on */
