#include "kv/rdb.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "base/mutant.h"
#include "kv/lzf.h"
#include "resp/decimal.h"

/* The two highest bits of the first byte of a size, and what follows if it is no size. */
enum {
    SIZE_6_BITS = 0,
    SIZE_14_BITS = 1,
    SIZE_WIDE = 2,
    NO_SIZE = 3,
    WIDE_32 = 0x80,
    WIDE_64 = 0x81,
    FOOTER_BYTES = 10,
};

/* What is encoded instead of a string. */
enum encoding { ENCODED_INT8 = 0, ENCODED_INT16 = 1, ENCODED_INT32 = 2, ENCODED_LZF = 3 };

/* --- writing ----------------------------------------------------------------------------- */

void rdb_write_type(struct buffer *out, enum rdb_type type)
{
    char byte = (char)type;

    buffer_append(out, &byte, 1);
}

void rdb_write_size(struct buffer *out, uint64_t size)
{
    unsigned char bytes[9];
    size_t count = 0;

    if (size < 1 << 6) {
        bytes[count++] = (unsigned char)size;
    } else if (size < 1 << 14) {
        bytes[count++] = (unsigned char)(SIZE_14_BITS << 6 | size >> 8);
        bytes[count++] = (unsigned char)size;
    } else {
        unsigned width = size <= UINT32_MAX ? 4 : 8;

        bytes[count++] = width == 4 ? WIDE_32 : WIDE_64;
        for (unsigned i = 1; i <= width; i++) { /* The only big-endian numbers. */
            bytes[count++] = (unsigned char)(size >> (8 * (width - i)));
        }
    }
    buffer_append(out, bytes, count);
}

/* As Redis does with numbers of up to 32 bits; false if it is none of them. */
static bool write_integer(struct buffer *out, struct slice value)
{
    char bytes[5];
    int64_t number = 0;
    size_t size;

    if (!decimal_read(value, &number) || number < INT32_MIN || number > INT32_MAX) {
        return false;
    }
    if (number >= INT8_MIN && number <= INT8_MAX) {
        bytes[0] = (char)(NO_SIZE << 6 | ENCODED_INT8);
        size = 2;
    } else if (number >= INT16_MIN && number <= INT16_MAX) {
        bytes[0] = (char)(NO_SIZE << 6 | ENCODED_INT16);
        size = 3;
    } else {
        bytes[0] = (char)(NO_SIZE << 6 | ENCODED_INT32);
        size = 5;
    }
    put_u32(bytes + 1, (uint32_t)number);
    buffer_append(out, bytes, size);
    return true;
}

void rdb_write_string(struct buffer *out, struct slice value)
{
    if (!write_integer(out, value)) {
        rdb_write_size(out, value.size);
        buffer_append_slice(out, value);
    }
}

void rdb_write_footer(struct buffer *out, uint16_t version)
{
    char bytes[FOOTER_BYTES];

    put_u16(bytes, version);
    buffer_append(out, bytes, 2);
    put_u64(bytes, crc64(buffer_begin(out), buffer_size(out)));
    buffer_append(out, bytes, 8);
}

/* --- reading ----------------------------------------------------------------------------- */

/* `*ret_bytes` are the next ones; false if there are not so many. */
static bool take_bytes(struct slice *rest, uint64_t size, struct slice *ret_bytes)
{
    if (size > rest->size) {
        return false;
    }
    *ret_bytes = slice_of(rest->data, size);
    *rest = slice_of(rest->data + size, rest->size - size);
    return true;
}

bool rdb_take_footer(struct slice *dump)
{
    struct slice whole = *dump;

    if (whole.size < FOOTER_BYTES) {
        return false;
    }

    const char *footer = whole.data + whole.size - FOOTER_BYTES;
    uint64_t expected = get_u64(footer + 2);

    if (get_u16(footer) > RDB_VERSION_MAX) {
        return false;
    }
    *dump = slice_of(whole.data, whole.size - FOOTER_BYTES);
    /* Redis writes 0 if checksums are switched off. */
    return expected == 0 || expected == crc64(whole.data, whole.size - 8) ||
           MUTANT(dump_checksum_ignored);
}

bool rdb_take_type(struct slice *rest, uint8_t *ret_type)
{
    struct slice byte;

    if (!take_bytes(rest, 1, &byte)) {
        return false;
    }
    *ret_type = (unsigned char)byte.data[0];
    return true;
}

static uint64_t big_endian(struct slice bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        number = number << 8 | (unsigned char)bytes.data[i];
    }
    return number;
}

/* A size, or an encoding instead of it. */
static bool take_head(struct slice *rest, bool *ret_is_encoding, uint64_t *ret_number)
{
    struct slice more = {NULL, 0};
    uint8_t first;
    uint64_t wide;

    if (!rdb_take_type(rest, &first)) {
        return false;
    }
    *ret_is_encoding = first >> 6 == NO_SIZE;
    *ret_number = first & 63;
    switch (first >> 6) {
    case SIZE_14_BITS:
        if (!take_bytes(rest, 1, &more)) {
            return false;
        }
        *ret_number = *ret_number << 8 | (unsigned char)more.data[0];
        return true;
    case SIZE_WIDE:
        wide = first == WIDE_32 ? 4 : 8;
        if ((first != WIDE_32 && first != WIDE_64) || !take_bytes(rest, wide, &more)) {
            return false;
        }
        *ret_number = big_endian(more);
        return true;
    default:
        return true;
    }
}

bool rdb_take_size(struct slice *rest, uint64_t *ret_size)
{
    bool is_encoding;

    return take_head(rest, &is_encoding, ret_size) && !is_encoding;
}

static bool take_integer(struct slice *rest, size_t size, struct buffer *scratch,
                         struct slice *ret_value)
{
    struct slice bytes;

    if (!take_bytes(rest, size, &bytes)) {
        return false;
    }

    int64_t number = size == 1   ? (signed char)bytes.data[0]
                     : size == 2 ? (int16_t)get_u16(bytes.data)
                                 : (int32_t)get_u32(bytes.data);

    buffer_clear(scratch);
    buffer_commit(scratch, decimal_write(buffer_reserve(scratch, DECIMAL_BYTES_MAX), number));
    *ret_value = buffer_slice(scratch);
    return true;
}

static bool take_compressed(struct slice *rest, uint64_t bytes_max, struct buffer *scratch,
                            struct slice *ret_value)
{
    struct slice packed;
    uint64_t packed_size;
    uint64_t size;

    if (!rdb_take_size(rest, &packed_size) || !rdb_take_size(rest, &size) || size > bytes_max ||
        !take_bytes(rest, packed_size, &packed)) {
        return false;
    }
    buffer_clear(scratch);
    if (!lzf_unpack(packed, buffer_reserve(scratch, size), size)) {
        return false;
    }
    buffer_commit(scratch, size);
    *ret_value = buffer_slice(scratch);
    return true;
}

bool rdb_take_string(struct slice *rest, uint64_t bytes_max, struct buffer *scratch,
                     struct slice *ret_value)
{
    bool is_encoding;
    uint64_t number;

    if (!take_head(rest, &is_encoding, &number)) {
        return false;
    }
    if (!is_encoding) {
        return number <= bytes_max && take_bytes(rest, number, ret_value);
    }
    return number == ENCODED_LZF  ? take_compressed(rest, bytes_max, scratch, ret_value)
           : number < ENCODED_LZF ? take_integer(rest, (size_t)1 << number, scratch, ret_value)
                                  : false;
}

uint64_t rdb_string_size(struct slice rest)
{
    bool is_encoding;
    uint64_t number;
    uint64_t size;

    if (!take_head(&rest, &is_encoding, &number)) {
        return 0;
    }
    if (!is_encoding) {
        return number;
    }
    return number == ENCODED_LZF && rdb_take_size(&rest, &size) && rdb_take_size(&rest, &size)
               ? size
               : DECIMAL_BYTES_MAX;
}
