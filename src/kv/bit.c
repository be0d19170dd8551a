/* bit.c - commands on single bits of values: GETBIT, SETBIT. Bit 0 is the most significant bit
 * of the first byte. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "resp/decimal.h"
#include "resp/errors.h"

/* The place of a bit: `mask` in byte `at` of the value. */
struct place {
    size_t at;
    uint8_t mask;
};

static bool read_place(struct command_call *call, struct place *ret_place)
{
    int64_t offset = 0;

    if (!decimal_read(call->arguments[2], &offset) || offset < 0 ||
        offset / 8 >= KV_VALUE_BYTES_MAX) {
        resp_error(call->reply, ERROR_BIT_OFFSET);
        return false;
    }
    *ret_place = (struct place){(size_t)offset / 8, (uint8_t)(0x80 >> offset % 8)};
    return true;
}

static bool read_bit(struct command_call *call, bool *ret_bit)
{
    int64_t bit = 0;

    if (!decimal_read(call->arguments[3], &bit) || bit < 0 || bit > 1) {
        resp_error(call->reply, ERROR_BIT);
        return false;
    }
    *ret_bit = bit == 1;
    return true;
}

/* Bits after the end of a value are 0, and all bits of a missing key. */
static bool find_byte(struct command_call *call, size_t at, uint8_t *ret_byte)
{
    struct slice value;

    if (!call_find_string(call, 1, &value)) {
        return false;
    }
    *ret_byte = at < value.size ? (uint8_t)value.data[at] : 0;
    return true;
}

static bool check_getbit(struct command_call *call)
{
    struct place place;

    return read_place(call, &place);
}

static void getbit_command(struct command_call *call)
{
    struct place place;
    uint8_t byte;

    if (read_place(call, &place) && find_byte(call, place.at, &byte)) {
        resp_integer(call->reply, (byte & place.mask) != 0);
    }
}

static bool check_setbit(struct command_call *call)
{
    struct place place;
    bool bit = false;

    if (!read_place(call, &place) || !read_bit(call, &bit)) {
        return false;
    }
    call->work = place.at; /* All of that may be new. */
    return true;
}

static uint64_t setbit_growth(const struct command_call *call, uint64_t ahead)
{
    int64_t offset = 0;

    return decimal_read(call->arguments[2], &offset)
               ? call_growth(call, (size_t)offset / 8 + 1, ahead)
               : 0;
}

static void setbit_command(struct command_call *call)
{
    struct place place;
    bool bit = false;

    if (!read_place(call, &place) || !read_bit(call, &bit)) {
        return;
    }

    uint8_t old;

    if (!find_byte(call, place.at, &old)) {
        return;
    }

    char new = (char)(bit ? old | place.mask : old & ~place.mask);

    /* Written even if the bit is unchanged, because the key is created, and the value extended. */
    kv_set_range(call->kv, call->arguments[1], place.at, slice_of(&new, 1));
    call_changed(call, EVENT_STRING, "setbit", call->arguments[1]);
    resp_integer(call->reply, (old & place.mask) != 0);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command bit_commands[] = {
    {.name = "GETBIT", .arity = 3, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = getbit_command, .check = check_getbit, .group = "bitmap",
     .arguments = "key offset", .integers = "offset", .since = "2.2.0",
     .summary = "Returns a bit of a value; 0 is the highest of its first byte."},
    {.name = "SETBIT", .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM, COMMAND_ONE_KEY,
     .handler = setbit_command, .check = check_setbit, .growth = setbit_growth, .group = "bitmap",
     .arguments = "key offset value", .integers = "offset value", .since = "2.2.0",
     .summary = "Sets a bit of a value to 0 or 1 and returns the one before."},
    {.name = NULL},
};
/* clang-format on */
