#include "kv/listpack.h"

#include "base/bytes.h"

/* Its size in bytes (4) and the number of its entries (2), the entries, and LAST. The first byte
 * of an entry has one of these prefixes:
 *
 *   0       an integer of 7 bits
 *   10      the size of a string, of 6 bits
 *   110     an integer of 13 bits, with a sign
 *   1110    the size of a string, of 12 bits
 *
 * or is one of the codes below. Behind each entry stands its size, in 1 to 5 bytes. */
enum {
    HEAD_BYTES = 6,
    LAST = 0xff,
    STRING_32 = 0xf0,
    INTEGER_16 = 0xf1,
    INTEGER_64 = 0xf4,
};

static bool take(struct listpack *l, size_t size, struct slice *ret_bytes)
{
    if (size > l->rest.size) {
        return false;
    }
    *ret_bytes = slice_of(l->rest.data, size);
    l->rest = slice_of(l->rest.data + size, l->rest.size - size);
    return true;
}

bool listpack_open(struct listpack *l, struct slice bytes)
{
    struct slice head;

    l->rest = bytes;
    return take(l, HEAD_BYTES, &head) && get_u32(head.data) == bytes.size;
}

bool listpack_is_over(const struct listpack *l)
{
    return l->rest.size == 1 && (unsigned char)l->rest.data[0] == LAST;
}

/* How many bytes the size of an entry of `size` bytes takes behind it. */
static size_t size_bytes(size_t size)
{
    return size <= 127 ? 1 : size < 16383 ? 2 : size < 2097151 ? 3 : size < 268435455 ? 4 : 5;
}

static struct slice write_integer(struct listpack *l, int64_t number)
{
    return slice_of(l->number, decimal_write(l->number, number));
}

/* Little-endian, with a sign, of 2, 3, 4 or 8 bytes. */
static int64_t read_signed(struct slice bytes)
{
    uint64_t number = 0;
    size_t bits = 8 * bytes.size;

    memcpy(&number, bytes.data, bytes.size);
    return (int64_t)(number << (64 - bits)) >> (64 - bits);
}

static bool take_integer(struct listpack *l, unsigned code, struct slice *ret_string)
{
    size_t size = code == INTEGER_64 ? 8 : code - INTEGER_16 + 2;
    struct slice bytes;

    if (!take(l, size, &bytes)) {
        return false;
    }
    *ret_string = write_integer(l, read_signed(bytes));
    return true;
}

static bool take_long_string(struct listpack *l, struct slice *ret_string)
{
    struct slice size;

    return take(l, 4, &size) && take(l, get_u32(size.data), ret_string);
}

/* An entry whose first byte begins with 110 or 1110: the rest of it is the high part of a
 * number. */
static bool take_medium(struct listpack *l, unsigned code, struct slice *ret_string)
{
    struct slice low;
    int64_t number;

    if (!take(l, 1, &low)) {
        return false;
    }
    if (code >= 0xe0) {
        return take(l, (code & 15) << 8 | (unsigned char)low.data[0], ret_string);
    }
    number = (code & 31) << 8 | (unsigned char)low.data[0];
    *ret_string = write_integer(l, number < 1 << 12 ? number : number - (1 << 13));
    return true;
}

static bool take_content(struct listpack *l, struct slice *ret_string)
{
    struct slice first;

    if (!take(l, 1, &first)) {
        return false;
    }

    unsigned code = (unsigned char)first.data[0];

    if (code < 0x80) {
        *ret_string = write_integer(l, code);
        return true;
    }
    if (code < 0xc0) {
        return take(l, code & 63, ret_string);
    }
    if (code < STRING_32) {
        return take_medium(l, code, ret_string);
    }
    if (code == STRING_32) {
        return take_long_string(l, ret_string);
    }
    return code <= INTEGER_64 && take_integer(l, code, ret_string);
}

bool listpack_take(struct listpack *l, struct slice *ret_string)
{
    size_t before = l->rest.size;
    struct slice size;

    return take_content(l, ret_string) && take(l, size_bytes(before - l->rest.size), &size);
}
