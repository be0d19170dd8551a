/* number.c - commands on values that are decimal numbers. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "resp/decimal.h"
#include "resp/errors.h"

static void add(struct command_call *call, int64_t increment)
{
    struct slice key = call->arguments[1];
    struct slice value;
    bool exists;
    int64_t number = 0;
    char text[DECIMAL_BYTES_MAX];

    if (!call_find(call, 1, VALUE_STRING, &value, &exists)) {
        return;
    }
    if (exists && !decimal_read(value, &number)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
        return;
    }
    if (__builtin_add_overflow(number, increment, &number)) {
        resp_error(call->reply, ERROR_OVERFLOW);
        return;
    }
    kv_replace(call->kv, key, slice_of(text, decimal_write(text, number)));
    call_changed(call, EVENT_STRING, "incrby", key);
    resp_integer(call->reply, number);
}

static void incr_command(struct command_call *call)
{
    add(call, 1);
}

static void decr_command(struct command_call *call)
{
    add(call, -1);
}

static bool check_incrby(struct command_call *call)
{
    int64_t increment = 0;

    return call_read_integer(call, 2, &increment);
}

static void incrby_command(struct command_call *call)
{
    int64_t increment = 0;

    if (call_read_integer(call, 2, &increment)) {
        add(call, increment);
    }
}

static bool read_decrement(struct command_call *call, int64_t *ret_value)
{
    if (!call_read_integer(call, 2, ret_value)) {
        return false;
    }
    if (*ret_value == INT64_MIN) { /* It has no positive counterpart. */
        resp_error(call->reply, ERROR_DECREMENT_OVERFLOW);
        return false;
    }
    return true;
}

static bool check_decrby(struct command_call *call)
{
    int64_t decrement = 0;

    return read_decrement(call, &decrement);
}

static void decrby_command(struct command_call *call)
{
    int64_t decrement = 0;

    if (read_decrement(call, &decrement)) {
        add(call, -decrement);
    }
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command number_commands[] = {
    {.name = "DECR", .arity = 2, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = decr_command, .group = "string", .arguments = "key",
     .since = "1.0.0",
     .summary = "Decrements a number by one."},
    {.name = "DECRBY", .arity = 3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = decrby_command, .check = check_decrby, .group = "string",
     .arguments = "key decrement", .integers = "decrement", .since = "1.0.0",
     .summary = "Decrements a number."},
    {.name = "INCR", .arity = 2, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = incr_command, .group = "string", .arguments = "key",
     .since = "1.0.0",
     .summary = "Adds one to a number."},
    {.name = "INCRBY", .arity = 3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = incrby_command, .check = check_incrby, .group = "string",
     .arguments = "key increment", .integers = "increment", .since = "1.0.0",
     .summary = "Adds something to a number."},
    {.name = NULL},
};
/* clang-format on */
