/* bytes.h - little-endian numbers in byte strings, the encoding of all of Rakit's files and of
 * its peer protocol. */
#ifndef RAKIT_BASE_BYTES_H
#define RAKIT_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian machines need swaps here");

static inline void put_u16(void *to, uint16_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline void put_u32(void *to, uint32_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline void put_u64(void *to, uint64_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline uint16_t get_u16(const void *from)
{
    uint16_t value;

    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint32_t get_u32(const void *from)
{
    uint32_t value;

    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint64_t get_u64(const void *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof value);
    return value;
}

#endif /* RAKIT_BASE_BYTES_H */
