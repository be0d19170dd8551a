/* varint.h - unsigned numbers in as few bytes as possible: 7 bits per byte, lowest first, the
 * top bit set on all but the last. Each number has one encoding; longer ones are refused. */
#ifndef RAKIT_BASE_VARINT_H
#define RAKIT_BASE_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { VARINT_BYTES_MAX = 10 };

static inline size_t varint_size(uint64_t value)
{
    size_t size = 1;

    for (; value >= 0x80; value >>= 7) {
        size++;
    }
    return size;
}

/* Returns where the next byte goes. */
static inline char *varint_write(char *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *to++ = (char)(unsigned char)(value | 0x80);
    }
    *to++ = (char)value;
    return to;
}

/* Takes one varint off the front of *rest. False, with nothing changed, if there is none. */
static inline bool varint_read(struct slice *rest, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < rest->size && i < VARINT_BYTES_MAX; i++) {
        uint64_t byte = (unsigned char)rest->data[i];

        if (i == VARINT_BYTES_MAX - 1 && byte > 1) {
            return false; /* More than 64 bits. */
        }
        value |= (byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            if (byte == 0 && i > 0) {
                return false; /* Longer than needed. */
            }
            *rest = slice_of(rest->data + i + 1, rest->size - i - 1);
            *ret_value = value;
            return true;
        }
    }
    return false;
}

#endif /* RAKIT_BASE_VARINT_H */
