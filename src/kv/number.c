/* number.c - commands on values that are decimal numbers. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "resp/decimal.h"

static void add(struct command_call *call, int64_t increment)
{
    struct slice key = call->arguments[1];
    struct slice value;
    int64_t number = 0;
    char text[DECIMAL_BYTES_MAX];

    if (kv_get(call->kv, key, &value) && !decimal_read(value, &number)) {
        resp_error(call->reply, REPLY_NOT_AN_INTEGER);
        return;
    }
    if (__builtin_add_overflow(number, increment, &number)) {
        resp_error(call->reply, "ERR increment or decrement would overflow");
        return;
    }
    kv_set(call->kv, key, slice_of(text, decimal_write(text, number)));
    resp_integer(call->reply, number);
}

void kv_command_incr(struct command_call *call)
{
    add(call, 1);
}

void kv_command_decr(struct command_call *call)
{
    add(call, -1);
}

bool kv_check_incrby(struct command_call *call)
{
    int64_t increment = 0;

    return call_read_integer(call, 2, &increment);
}

void kv_command_incrby(struct command_call *call)
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
    if (*ret_value == INT64_MIN) { /* Has no negative. */
        resp_error(call->reply, "ERR decrement would overflow");
        return false;
    }
    return true;
}

bool kv_check_decrby(struct command_call *call)
{
    int64_t decrement = 0;

    return read_decrement(call, &decrement);
}

void kv_command_decrby(struct command_call *call)
{
    int64_t decrement = 0;

    if (read_decrement(call, &decrement)) {
        add(call, -decrement);
    }
}
