/* hash_number.c - HINCRBY and HINCRBYFLOAT: numbers in fields. A field that expires keeps that. */
#include <math.h>

#include "kv/call.h"
#include "kv/commands.h"
#include "kv/hash_change.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "resp/real.h"

static bool check_hincrby(struct command_call *call)
{
    int64_t increment = 0;

    return call_read_integer(call, 3, &increment);
}

/* Sets the field to the number in `text`, and ends the change. */
static void set_number(struct hash_change *c, const struct hash_field *old, struct slice text,
                       const char *event)
{
    hash_change_set(c, c->call->arguments[2], text, old->expires_ms);
    hash_change_end(c, event);
}

static void refuse(struct hash_change *c, const char *error)
{
    hash_change_end(c, NULL);
    resp_error(c->call->reply, error);
}

static void hincrby_command(struct command_call *call)
{
    struct slice name = call->arguments[2];
    struct hash_field old = {.expires_ms = 0};
    struct hash_change c;
    int64_t increment = 0;
    int64_t number = 0;
    char text[DECIMAL_BYTES_MAX];

    if (!call_read_integer(call, 3, &increment) ||
        !hash_change_begin(&c, call, 1, name.size + DECIMAL_BYTES_MAX)) {
        return;
    }
    if (hash_change_find(&c, name, &old) && !decimal_read(old.value, &number)) {
        refuse(&c, ERROR_FIELD_NOT_AN_INTEGER);
    } else if (__builtin_add_overflow(number, increment, &number)) {
        refuse(&c, ERROR_OVERFLOW);
    } else {
        set_number(&c, &old, slice_of(text, decimal_write(text, number)), "hincrby");
        resp_integer(call->reply, number);
    }
}

static bool read_increment(struct command_call *call, long double *ret_value)
{
    if (!real_read(call->arguments[3], ret_value)) {
        resp_error(call->reply, ERROR_NOT_A_FLOAT);
        return false;
    }
    if (isnan(*ret_value) || isinf(*ret_value)) {
        resp_error(call->reply, ERROR_FLOAT_NOT_FINITE);
        return false;
    }
    return true;
}

static bool check_hincrbyfloat(struct command_call *call)
{
    long double increment = 0;

    return read_increment(call, &increment);
}

static void hincrbyfloat_command(struct command_call *call)
{
    struct slice name = call->arguments[2];
    struct hash_field old = {.expires_ms = 0};
    struct hash_change c;
    long double increment = 0;
    long double number = 0;
    char text[REAL_BYTES_MAX];

    if (!read_increment(call, &increment) ||
        !hash_change_begin(&c, call, 1, name.size + REAL_BYTES_MAX)) {
        return;
    }
    if (hash_change_find(&c, name, &old) && !real_read(old.value, &number)) {
        refuse(&c, ERROR_FIELD_NOT_A_FLOAT);
        return;
    }
    number += increment;
    if (isnan(number) || isinf(number)) {
        refuse(&c, ERROR_NAN_OR_INFINITY);
        return;
    }

    struct slice sum = slice_of(text, real_write(text, number));

    set_number(&c, &old, sum, "hincrbyfloat");
    resp_bulk(call->reply, sum);
}

/* --- rows ----------------------------------------------------------------------------------- */

/* clang-format off */
const struct command hash_number_commands[] = {
    {.name = "HINCRBY", .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = hincrby_command, .check = check_hincrby, .growth = hash_growth,
     .group = "hash", .arguments = "key field increment", .integers = "increment",
     .since = "2.0.0",
     .summary = "Adds something to the number in a field of a hash."},
    {.name = "HINCRBYFLOAT", .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = hincrbyfloat_command, .check = check_hincrbyfloat,
     .growth = hash_growth, .group = "hash", .arguments = "key field increment", .since = "2.6.0",
     .summary = "Adds a number with a fraction to the number in a field of a hash."},
    {.name = NULL},
};
/* clang-format on */
