/* range.c - commands on parts of values: APPEND, GETRANGE, SETRANGE. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "resp/decimal.h"
#include "resp/errors.h"

/* Whether a value may be `offset` + `size` bytes long; if not, replies an error. */
static bool check_size(struct command_call *call, uint64_t offset, size_t size)
{
    if (offset > KV_VALUE_BYTES_MAX || size > KV_VALUE_BYTES_MAX - offset) {
        resp_error(call->reply, ERROR_STRING_TOO_LONG);
        return false;
    }
    return true;
}

static void append_command(struct command_call *call)
{
    struct slice value;
    struct slice tail = call->arguments[2];

    if (call_find_string(call, 1, &value) && check_size(call, value.size, tail.size)) {
        resp_integer(call->reply, (int64_t)kv_append(call->kv, call->arguments[1], tail));
        call_changed(call, EVENT_STRING, "append", call->arguments[1]);
    }
}

static uint64_t append_growth(const struct command_call *call, uint64_t ahead)
{
    struct slice value = {NULL, 0};
    uint64_t size = call->arguments[2].size + ahead;

    kv_get(call->kv, call->arguments[1], &value);
    size += value.size;
    return call_growth(call, size < KV_VALUE_BYTES_MAX ? size : KV_VALUE_BYTES_MAX, ahead);
}

static bool read_bounds(struct command_call *call, int64_t *ret_start, int64_t *ret_end)
{
    return call_read_integer(call, 2, ret_start) && call_read_integer(call, 3, ret_end);
}

static bool check_getrange(struct command_call *call)
{
    int64_t start = 0;
    int64_t end = 0;

    return read_bounds(call, &start, &end);
}

static void getrange_command(struct command_call *call)
{
    struct slice value;
    int64_t start = 0;
    int64_t end = 0;

    if (!read_bounds(call, &start, &end)) {
        return;
    }
    if (!call_find_string(call, 1, &value)) {
        return;
    }

    int64_t size = (int64_t)value.size;
    bool is_reversed = start < 0 && end < 0 && start > end;

    /* Negative positions count from the end; both are then limited to the value. */
    start = start < 0 ? start + size : start;
    end = end < 0 ? end + size : end;
    start = start < 0 ? 0 : start;
    end = end < 0 ? 0 : end;
    end = end >= size ? size - 1 : end;
    if (is_reversed || start > end) {
        resp_bulk(call->reply, slice_of("", 0));
    } else {
        resp_bulk(call->reply, slice_of(value.data + start, (size_t)(end - start + 1)));
    }
}

static bool read_offset(struct command_call *call, size_t *ret_offset)
{
    size_t size = call->arguments[3].size;
    int64_t offset = 0;

    if (!call_read_integer(call, 2, &offset)) {
        return false;
    }
    if (offset < 0) {
        resp_error(call->reply, ERROR_OFFSET);
        return false;
    }
    *ret_offset = (size_t)offset;
    return size == 0 || check_size(call, (uint64_t)offset, size);
}

static bool check_setrange(struct command_call *call)
{
    size_t offset = 0;
    bool is_valid = read_offset(call, &offset);

    if (is_valid && call->arguments[3].size > 0) {
        call->work = offset; /* All of that may be new. */
    }
    return is_valid;
}

static uint64_t setrange_growth(const struct command_call *call, uint64_t ahead)
{
    size_t size = call->arguments[3].size;
    int64_t offset = 0;

    if (size == 0 || !decimal_read(call->arguments[2], &offset)) {
        return 0;
    }
    return call_growth(call, (size_t)offset + size, ahead);
}

static void setrange_command(struct command_call *call)
{
    struct slice value;
    struct slice part = call->arguments[3];
    size_t offset = 0;

    if (!read_offset(call, &offset)) {
        return;
    }
    if (!call_find_string(call, 1, &value)) {
        return;
    }
    if (part.size == 0) {
        /* Changes nothing, and creates no key. */
        resp_integer(call->reply, (int64_t)value.size);
        return;
    }
    resp_integer(call->reply, (int64_t)kv_set_range(call->kv, call->arguments[1], offset, part));
    call_changed(call, EVENT_STRING, "setrange", call->arguments[1]);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command range_commands[] = {
    {.name = "APPEND", .arity = 3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = append_command, .growth = append_growth,
     .group = "string", .arguments = "key value", .since = "2.0.0",
     .summary = "Appends to a value and returns its new length."},
    {.name = "GETRANGE", .arity = 4, .flags = COMMAND_READ, COMMAND_ONE_KEY,
     .handler = getrange_command, .check = check_getrange, .group = "string",
     .arguments = "key start end", .integers = "start end", .since = "2.4.0",
     .summary = "Returns a part of a value, both ends included; negative ones count from its end."},
    {.name = "SETRANGE", .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM, COMMAND_ONE_KEY,
     .handler = setrange_command, .check = check_setrange, .growth = setrange_growth,
     .group = "string", .arguments = "key offset value", .integers = "offset", .since = "2.2.0",
     .summary = "Overwrites a part of a value and returns its length."},
    {.name = "SUBSTR", .arity = 4, .flags = COMMAND_READ | COMMAND_HIDDEN, COMMAND_ONE_KEY,
     .handler = getrange_command, .check = check_getrange, .group = "string",
     .arguments = "key start end", .integers = "start end", .since = "1.0.0",
     .summary = "Returns a part of a value: the same as GETRANGE."},
    {.name = NULL},
};
/* clang-format on */
