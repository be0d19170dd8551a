/* expire.c - commands about when keys expire: EXPIRE and its relatives, TTL and its, PERSIST. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "kv/lifetime.h"
#include "resp/errors.h"

/* --- EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT -------------------------------------------------- */

enum expire_condition { EXPIRE_NX = 1, EXPIRE_XX = 2, EXPIRE_GT = 4, EXPIRE_LT = 8 };

enum { SHOWN_BYTES_MAX = 512 };

static uint32_t condition_named(struct slice word)
{
    return slice_is(word, "NX")   ? EXPIRE_NX
           : slice_is(word, "XX") ? EXPIRE_XX
           : slice_is(word, "GT") ? EXPIRE_GT
           : slice_is(word, "LT") ? EXPIRE_LT
                                  : 0;
}

/* As in Redis, without line ends at its end. */
static void refuse_option(struct command_call *call, struct slice word)
{
    size_t size = word.size < SHOWN_BYTES_MAX ? word.size : SHOWN_BYTES_MAX;

    while (size > 0 && (word.data[size - 1] == '\r' || word.data[size - 1] == '\n')) {
        size--;
    }
    resp_errorf(call->reply, ERROR_UNSUPPORTED_OPTION, (int)size, size == 0 ? "" : word.data);
}

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

/* Reads the conditions, or replies an error. */
static bool read_conditions(struct command_call *call, uint32_t *ret_conditions)
{
    uint32_t all = 0;

    for (uint32_t i = 3; i < call->argument_count; i++) {
        struct slice word = call->arguments[i];
        uint32_t condition = condition_named(word);

        if (condition == 0) {
            refuse_option(call, word);
            return false;
        }
        all |= condition;
    }
    if ((all & EXPIRE_NX) != 0 && all != EXPIRE_NX) {
        return refuse(call, ERROR_NX_WITH_OTHERS);
    }
    if ((all & EXPIRE_GT) != 0 && (all & EXPIRE_LT) != 0) {
        return refuse(call, ERROR_GT_WITH_LT);
    }
    *ret_conditions = all;
    return true;
}

/* What is read from the arguments alone. */
struct expire {
    uint32_t conditions;
    int64_t ms; /* Since the epoch, or from now on. */
};

static bool read_expire(struct command_call *call, bool is_seconds, struct expire *ret_expire)
{
    int64_t number = 0;

    *ret_expire = (struct expire){0};
    if (!read_conditions(call, &ret_expire->conditions) || !call_read_integer(call, 2, &number)) {
        return false;
    }
    if (is_seconds && (number > INT64_MAX / 1000 || number < INT64_MIN / 1000)) {
        call_refuse_expire_time(call);
        return false;
    }
    ret_expire->ms = is_seconds ? number * 1000 : number;
    return true;
}

static bool check_seconds(struct command_call *call)
{
    struct expire expire;

    return read_expire(call, true, &expire);
}

static bool check_milliseconds(struct command_call *call)
{
    struct expire expire;

    return read_expire(call, false, &expire);
}

/* `old_ms` is 0 for a key that never expires, which is later than all else. */
static bool are_met(uint32_t conditions, int64_t old_ms, int64_t new_ms)
{
    if ((conditions & EXPIRE_NX) != 0 && old_ms != 0) {
        return false;
    }
    if ((conditions & EXPIRE_XX) != 0 && old_ms == 0) {
        return false;
    }
    if ((conditions & EXPIRE_GT) != 0 && (old_ms == 0 || new_ms <= old_ms)) {
        return false;
    }
    return (conditions & EXPIRE_LT) == 0 || old_ms == 0 || new_ms < old_ms;
}

static void expire_at(struct command_call *call, uint32_t conditions, int64_t at_ms)
{
    struct slice key = call->arguments[1];
    struct kv_value value;

    if (!kv_find(call->kv, key, &value) ||
        !are_met(conditions, (int64_t)value.traits.expires_ms, at_ms)) {
        resp_integer(call->reply, 0);
        return;
    }
    if (at_ms <= call_now_ms(call)) {
        kv_delete(call->kv, key);
        call_changed(call, EVENT_GENERIC, "del", key);
    } else {
        kv_set_expiry(call->kv, key, lifetime_trait(at_ms));
        call_changed(call, EVENT_GENERIC, "expire", key);
    }
    resp_integer(call->reply, 1);
}

static void expire(struct command_call *call, bool is_seconds, bool is_relative)
{
    int64_t from_ms = is_relative ? call_now_ms(call) : 0;
    struct expire expire;

    if (!read_expire(call, is_seconds, &expire)) {
        return;
    }
    if (expire.ms > INT64_MAX - from_ms) {
        call_refuse_expire_time(call);
        return;
    }
    expire_at(call, expire.conditions, expire.ms + from_ms);
}

static void expire_command(struct command_call *call)
{
    expire(call, true, true);
}

static void pexpire_command(struct command_call *call)
{
    expire(call, false, true);
}

static void expireat_command(struct command_call *call)
{
    expire(call, true, false);
}

static void pexpireat_command(struct command_call *call)
{
    expire(call, false, false);
}

static void persist_command(struct command_call *call)
{
    struct slice key = call->arguments[1];
    struct kv_value value;
    bool expires = kv_find(call->kv, key, &value) && value.traits.expires_ms != 0;

    if (expires) {
        kv_set_expiry(call->kv, key, 0);
        call_changed(call, EVENT_GENERIC, "persist", key);
    }
    resp_integer(call->reply, expires ? 1 : 0);
}

/* --- TTL, PTTL, EXPIRETIME, PEXPIRETIME ----------------------------------------------------- */

enum { NO_SUCH_KEY = -2, NEVER = -1 };

static int64_t rounded_seconds(int64_t ms)
{
    return (ms + 500) / 1000;
}

/* When the key expires; NO_SUCH_KEY, NEVER. */
static int64_t find_expiry(const struct command_call *call)
{
    struct kv_value value;

    if (!kv_find(call->kv, call->arguments[1], &value)) {
        return NO_SUCH_KEY;
    }
    return value.traits.expires_ms == 0 ? NEVER : (int64_t)value.traits.expires_ms;
}

static int64_t find_time_left(const struct command_call *call)
{
    int64_t expires_ms = find_expiry(call);
    int64_t now_ms = call_now_ms(call);

    if (expires_ms < 0) {
        return expires_ms;
    }
    return expires_ms > now_ms ? expires_ms - now_ms : 0;
}

static void reply_seconds(struct command_call *call, int64_t ms)
{
    resp_integer(call->reply, ms < 0 ? ms : rounded_seconds(ms));
}

static void ttl_command(struct command_call *call)
{
    reply_seconds(call, find_time_left(call));
}

static void pttl_command(struct command_call *call)
{
    resp_integer(call->reply, find_time_left(call));
}

static void expiretime_command(struct command_call *call)
{
    reply_seconds(call, find_expiry(call));
}

static void pexpiretime_command(struct command_call *call)
{
    resp_integer(call->reply, find_expiry(call));
}

/* --- rows ------------------------------------------------------------------------------ */

#define CONDITIONS " [NX | XX | GT | LT]"
#define CONDITIONS_SUMMARY                                                                         \
    " NX: only if it has no expiry. XX: only if it has one. GT, LT: only if the new one is "       \
    "later, "                                                                                      \
    "or earlier."

/* clang-format off */
const struct command expire_commands[] = {
    {.name = "EXPIRE", .arity = -3, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = expire_command, .check = check_seconds, .group = "generic",
     .arguments = "key seconds" CONDITIONS, .integers = "seconds", .since = "1.0.0",
     .summary = "Lets a key expire in so many seconds." CONDITIONS_SUMMARY},
    {.name = "EXPIREAT", .arity = -3, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = expireat_command, .check = check_seconds, .group = "generic",
     .arguments = "key unix-time-seconds" CONDITIONS, .since = "1.2.0",
     .summary = "Lets a key expire at an instant, in seconds since 1970." CONDITIONS_SUMMARY},
    {.name = "EXPIRETIME", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = expiretime_command, .group = "generic", .arguments = "key", .since = "7.0.0",
     .summary = "Returns when a key expires, in seconds since 1970; -1: never; -2: no such key."},
    {.name = "PERSIST", .arity = 2, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = persist_command, .group = "generic", .arguments = "key", .since = "2.2.0",
     .summary = "Lets a key never expire."},
    {.name = "PEXPIRE", .arity = -3, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = pexpire_command, .check = check_milliseconds, .group = "generic",
     .arguments = "key milliseconds" CONDITIONS, .integers = "milliseconds", .since = "2.6.0",
     .summary = "Lets a key expire in so many milliseconds." CONDITIONS_SUMMARY},
    {.name = "PEXPIREAT", .arity = -3, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = pexpireat_command, .check = check_milliseconds, .group = "generic",
     .arguments = "key unix-time-milliseconds" CONDITIONS, .since = "2.6.0",
     .summary = "Lets a key expire at an instant, in milliseconds since 1970." CONDITIONS_SUMMARY},
    {.name = "PEXPIRETIME", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = pexpiretime_command, .group = "generic", .arguments = "key", .since = "7.0.0",
     .summary = "Returns when a key expires, in milliseconds since 1970; -1: never; -2: no such "
                "key."},
    {.name = "PTTL", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = pttl_command, .group = "generic", .arguments = "key", .since = "2.6.0",
     .summary = "Returns in how many milliseconds a key expires; -1: never; -2: no such key."},
    {.name = "TTL", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = ttl_command, .group = "generic", .arguments = "key", .since = "1.0.0",
     .summary = "Returns in how many seconds a key expires; -1: never; -2: no such key."},
    {.name = NULL},
};
/* clang-format on */
