#include "base/crc64.h"

#include "base/bytes.h"

enum { BYTES = 256, SLICES = 8 };

#define POLYNOMIAL 0x95ac9329ac4bc9b5u /* Reflected. */

/* tables[i][b]: the checksum of byte b with i zeros behind it. They are made anew each time: that
 * takes as long as some kilobytes of data. */
static void make_tables(uint64_t tables[SLICES][BYTES])
{
    for (uint64_t byte = 0; byte < BYTES; byte++) {
        uint64_t crc = byte;

        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        }
        tables[0][byte] = crc;
    }
    for (int i = 1; i < SLICES; i++) {
        for (int byte = 0; byte < BYTES; byte++) {
            uint64_t crc = tables[i - 1][byte];

            tables[i][byte] = tables[0][crc & 255] ^ crc >> 8;
        }
    }
}

uint64_t crc64(const void *data, size_t size)
{
    uint64_t tables[SLICES][BYTES];
    const unsigned char *at = data;
    uint64_t crc = 0;

    make_tables(tables);
    for (; size >= SLICES; at += SLICES, size -= SLICES) {
        uint64_t word = crc ^ get_u64(at);

        crc = 0;
        for (int i = 0; i < SLICES; i++) {
            crc ^= tables[SLICES - 1 - i][word >> 8 * i & 255];
        }
    }
    for (; size > 0; at++, size--) {
        crc = tables[0][(crc ^ *at) & 255] ^ crc >> 8;
    }
    return crc;
}
