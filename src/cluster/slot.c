/* slot.c - see slot.h. */
#include "cluster/slot.h"

#include <string.h>

#include "base/mutant.h"

/* Four bits at a time. */
static uint16_t crc16(struct slice text)
{
    static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                       0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                       0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint32_t crc = 0;

    for (size_t i = 0; i < text.size; i++) {
        uint32_t byte = (unsigned char)text.data[i];

        crc = (crc << 4 ^ table[(crc >> 12 ^ byte >> 4) & 15]) & 0xffff;
        crc = (crc << 4 ^ table[(crc >> 12 ^ byte) & 15]) & 0xffff;
    }
    return (uint16_t)crc;
}

static struct slice tag_of(struct slice key)
{
    const char *open = key.size == 0 ? NULL : memchr(key.data, '{', key.size);
    const char *close;

    if (open == NULL || MUTANT(tags_ignored)) {
        return key;
    }
    open++;
    close = memchr(open, '}', key.size - (size_t)(open - key.data));
    return close == NULL || close == open ? key : slice_of(open, (size_t)(close - open));
}

uint32_t slot_of_key(struct slice key)
{
    return crc16(tag_of(key)) % SLOT_COUNT;
}
