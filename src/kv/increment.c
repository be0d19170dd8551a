/* increment.c - INCRBYFLOAT, and INCREX: an increment by a whole number or a fraction, within
 * bounds, of a number that may expire. INCREX has the options of Redis and of Valkey. */
#include <float.h>
#include <math.h>

#include "base/mutant.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "kv/lifetime.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "resp/real.h"

/* --- INCRBYFLOAT ------------------------------------------------------------------------- */

static bool read_real(struct command_call *call, struct slice text, long double *ret_value)
{
    if (!real_read(text, ret_value)) {
        resp_error(call->reply, ERROR_NOT_A_FLOAT);
        return false;
    }
    return true;
}

static bool check_incrbyfloat(struct command_call *call)
{
    long double increment = 0;

    return read_real(call, call->arguments[2], &increment);
}

static void incrbyfloat_command(struct command_call *call)
{
    struct slice key = call->arguments[1];
    long double number = 0;
    long double increment = 0;
    char text[REAL_BYTES_MAX];
    struct slice value;
    bool exists;

    if (!call_find(call, 1, VALUE_STRING, &value, &exists) ||
        (exists && !read_real(call, value, &number)) ||
        !read_real(call, call->arguments[2], &increment)) {
        return;
    }
    number += increment;
    if (isnan(number) || isinf(number)) {
        resp_error(call->reply, ERROR_NAN_OR_INFINITY);
        return;
    }
    value = slice_of(text, real_write(text, number));
    kv_replace(call->kv, key, value);
    call_changed(call, EVENT_STRING, "incrbyfloat", key);
    resp_bulk(call->reply, value);
}

/* --- options of INCREX ------------------------------------------------------------------- */

/* An argument with a number, which is read once it is known which kind of number it is. */
struct operand {
    bool is_given;
    struct slice text;
};

struct increx {
    bool only_new;      /* NX */
    bool only_existing; /* XX */
    bool is_real;       /* BYFLOAT */
    bool saturates;
    bool only_if_unset; /* ENX: the expiry, only if the key has none. */
    struct operand by, lower, upper;
    struct lifetime lifetime;
};

static bool is_flag(const struct command_call *call, uint32_t i, struct increx *o)
{
    struct slice word = call->arguments[i];

    o->only_new |= slice_is(word, "NX");
    o->only_existing |= slice_is(word, "XX");
    o->saturates |= slice_is(word, "SATURATE");
    o->only_if_unset |= slice_is(word, "ENX");
    return slice_is(word, "NX") || slice_is(word, "XX") || slice_is(word, "SATURATE") ||
           slice_is(word, "ENX");
}

/* The operand that the word at `i` names, if it is not given yet. */
static struct operand *operand_named(const struct command_call *call, uint32_t i, struct increx *o)
{
    struct slice word = call->arguments[i];
    struct operand *found = NULL;

    if (slice_is(word, "BYINT") || slice_is(word, "BYFLOAT")) {
        found = &o->by;
    } else if (slice_is(word, "LBOUND")) {
        found = &o->lower;
    } else if (slice_is(word, "UBOUND")) {
        found = &o->upper;
    }
    return found != NULL && !found->is_given && i + 1 < call->argument_count ? found : NULL;
}

static bool read_words(const struct command_call *call, struct increx *o)
{
    uint32_t used;

    for (uint32_t i = 2; i < call->argument_count; i += used) {
        struct operand *operand = operand_named(call, i, o);

        if (operand != NULL) {
            used = 2;
            o->is_real |= slice_is(call->arguments[i], "BYFLOAT");
            *operand = (struct operand){true, call->arguments[i + 1]};
        } else if (is_flag(call, i, o)) {
            used = 1;
        } else {
            used = lifetime_read(call, i, LIFETIME_PERSIST, &o->lifetime);
        }
        if (used == 0) {
            return false;
        }
    }
    return !(o->only_new && o->only_existing) &&
           !(o->only_if_unset && o->lifetime.kind == LIFETIME_PERSIST);
}

struct whole_numbers {
    int64_t by, lower, upper;
};

struct real_numbers {
    long double by, lower, upper;
};

static bool read_whole(struct command_call *call, const struct operand *operand, int64_t *number)
{
    if (operand->is_given && !decimal_read(operand->text, number)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
        return false;
    }
    return true;
}

static bool read_fraction(struct command_call *call, const struct operand *operand,
                          long double *number)
{
    return !operand->is_given || read_real(call, operand->text, number);
}

static bool read_whole_numbers(struct command_call *call, const struct increx *o,
                               struct whole_numbers *ret_numbers)
{
    *ret_numbers = (struct whole_numbers){.by = 1, .lower = INT64_MIN, .upper = INT64_MAX};
    if (!read_whole(call, &o->by, &ret_numbers->by) ||
        !read_whole(call, &o->lower, &ret_numbers->lower) ||
        !read_whole(call, &o->upper, &ret_numbers->upper)) {
        return false;
    }
    if (ret_numbers->lower > ret_numbers->upper) {
        resp_error(call->reply, ERROR_BOUNDS);
        return false;
    }
    return true;
}

static bool read_real_numbers(struct command_call *call, const struct increx *o,
                              struct real_numbers *ret_numbers)
{
    *ret_numbers = (struct real_numbers){.by = 1, .lower = -LDBL_MAX, .upper = LDBL_MAX};
    if (!read_fraction(call, &o->by, &ret_numbers->by) ||
        !read_fraction(call, &o->lower, &ret_numbers->lower) ||
        !read_fraction(call, &o->upper, &ret_numbers->upper)) {
        return false;
    }
    if (ret_numbers->lower > ret_numbers->upper) {
        resp_error(call->reply, ERROR_BOUNDS);
        return false;
    }
    return true;
}

/* Replies an error if it returns false. */
static bool read_increx(struct command_call *call, struct increx *ret_options)
{
    struct whole_numbers whole;
    struct real_numbers real;

    *ret_options = (struct increx){0};
    if (!read_words(call, ret_options)) {
        resp_error(call->reply, ERROR_SYNTAX);
        return false;
    }
    if (ret_options->only_if_unset && !lifetime_is_set(&ret_options->lifetime)) {
        resp_error(call->reply, ERROR_ENX);
        return false;
    }
    return (ret_options->is_real ? read_real_numbers(call, ret_options, &real)
                                 : read_whole_numbers(call, ret_options, &whole)) &&
           lifetime_check(call, &ret_options->lifetime);
}

static bool check_increx(struct command_call *call)
{
    struct increx options;

    return read_increx(call, &options);
}

/* --- INCREX ------------------------------------------------------------------------------ */

/* Sets the new number, and when it expires. */
static void set_number(struct command_call *call, const struct increx *o, struct slice text,
                       uint64_t old_expires_ms, uint64_t expires_ms)
{
    struct slice key = call->arguments[1];
    bool is_set = lifetime_is_set(&o->lifetime) && !(o->only_if_unset && old_expires_ms != 0);
    bool is_cleared = o->lifetime.kind == LIFETIME_PERSIST && old_expires_ms != 0;

    if (!is_set) {
        expires_ms = o->lifetime.kind == LIFETIME_PERSIST ? 0 : old_expires_ms;
    }
    kv_put(call->kv, key, (struct traits){.expires_ms = expires_ms}, text);
    call_changed(call, EVENT_STRING, o->is_real ? "incrbyfloat" : "incrby", key);
    if (is_set || is_cleared) {
        call_changed(call, EVENT_GENERIC, is_set ? "expire" : "persist", key);
    }
}

/* The sum, within the bounds; false if it is not, and the increment is refused. */
static bool add_whole(const struct whole_numbers *n, bool saturates, int64_t old, int64_t *ret_sum)
{
    int64_t sum = 0;
    bool is_over = __builtin_add_overflow(old, n->by, &sum);
    bool is_above = is_over ? n->by > 0 : sum > n->upper;
    bool is_below = is_over ? n->by < 0 : sum < n->lower;

    *ret_sum = is_above ? n->upper : is_below ? n->lower : sum;
    return saturates || !(is_above || is_below) || MUTANT(bounds_ignored);
}

static int64_t difference(int64_t a, int64_t b)
{
    int64_t result = 0;

    return __builtin_sub_overflow(a, b, &result) ? (a > b ? INT64_MAX : INT64_MIN) : result;
}

static void increment_whole(struct command_call *call, const struct increx *o,
                            const struct kv_value *old, uint64_t expires_ms)
{
    struct whole_numbers n;
    int64_t number = 0;
    int64_t sum = 0;
    char text[DECIMAL_BYTES_MAX];

    if (!read_whole_numbers(call, o, &n)) {
        return;
    }
    if (old->bytes.data != NULL && !decimal_read(old->bytes, &number)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
        return;
    }
    if (add_whole(&n, o->saturates, number, &sum)) {
        set_number(call, o, slice_of(text, decimal_write(text, sum)), old->traits.expires_ms,
                   expires_ms);
    } else {
        sum = number;
    }
    resp_array(call->reply, 2);
    resp_integer(call->reply, sum);
    resp_integer(call->reply, difference(sum, number));
}

static bool add_real(const struct real_numbers *n, bool saturates, long double old,
                     long double *ret_sum)
{
    long double sum = old + n->by;
    bool is_outside = sum > n->upper || sum < n->lower;

    *ret_sum = sum > n->upper ? n->upper : sum < n->lower ? n->lower : sum;
    return saturates || !is_outside;
}

static void reply_real(struct resp_writer *w, long double value)
{
    char text[REAL_BYTES_MAX];

    if (w->version >= 3) {
        resp_double(w, (double)value);
    } else {
        resp_bulk(w, slice_of(text, real_write(text, value)));
    }
}

static void increment_real(struct command_call *call, const struct increx *o,
                           const struct kv_value *old, uint64_t expires_ms)
{
    struct real_numbers n;
    long double number = 0;
    long double sum = 0;
    char text[REAL_BYTES_MAX];

    if (!read_real_numbers(call, o, &n) ||
        (old->bytes.data != NULL && !read_real(call, old->bytes, &number))) {
        return;
    }
    if (isnan(number + n.by)) {
        resp_error(call->reply, ERROR_NAN_OR_INFINITY);
        return;
    }
    if (add_real(&n, o->saturates, number, &sum)) {
        set_number(call, o, slice_of(text, real_write(text, sum)), old->traits.expires_ms,
                   expires_ms);
    } else {
        sum = number;
    }
    resp_array(call->reply, 2);
    reply_real(call->reply, sum);
    reply_real(call->reply, sum - number);
}

static void increx_command(struct command_call *call)
{
    struct increx options;
    struct kv_value old = {.bytes = {NULL, 0}};
    uint64_t expires_ms = 0;

    if (!read_increx(call, &options) || !lifetime_expiry(call, &options.lifetime, &expires_ms)) {
        return;
    }

    bool exists = kv_find(call->kv, call->arguments[1], &old);

    if (exists && old.traits.type != VALUE_STRING) {
        resp_error(call->reply, ERROR_WRONG_TYPE);
    } else if ((options.only_new && exists) || (options.only_existing && !exists)) {
        resp_null_array(call->reply);
    } else if (options.is_real) {
        increment_real(call, &options, &old, expires_ms);
    } else {
        increment_whole(call, &options, &old, expires_ms);
    }
}

/* --- rows -------------------------------------------------------------------------------- */

/* clang-format off */
const struct command increment_commands[] = {
    {.name = "INCRBYFLOAT", .arity = 3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = incrbyfloat_command, .check = check_incrbyfloat,
     .group = "string", .arguments = "key increment", .since = "2.6.0",
     .summary = "Adds a number with a fraction to a number."},
    {.name = "INCREX", .arity = -2, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = increx_command, .check = check_increx, .group = "string",
     .arguments = "key [NX | XX] [BYFLOAT float | BYINT integer] [LBOUND lowerbound] "
                  "[UBOUND upperbound] [SATURATE] [EX seconds | PX milliseconds "
                  "| EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] [ENX]",
     .integers = "integer seconds milliseconds", .since = "8.8.0",
     .summary = "Adds to a number, and returns the new one and what was added. LBOUND, UBOUND: "
                "nothing is added beyond these; SATURATE: as much as fits. EX and the others: "
                "when the key expires; ENX: only if it does not yet."},
    {.name = NULL},
};
/* clang-format on */
