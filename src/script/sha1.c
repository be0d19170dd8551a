#include "script/sha1.h"

#include <stdint.h>

enum { BLOCK_BYTES = 64, ROUNDS = 80 };

static uint32_t turn(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t choose(int round, uint32_t b, uint32_t c, uint32_t d)
{
    return round < 20                  ? ((b & c) | (~b & d))
           : round >= 40 && round < 60 ? ((b & c) | (b & d) | (c & d))
                                       : b ^ c ^ d;
}

static void add_block(uint32_t *state, const unsigned char *block)
{
    static const uint32_t constants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[ROUNDS] = {0};
    uint32_t s[5];

    memcpy(s, state, sizeof s);
    for (int i = 0; i < ROUNDS; i++) {
        w[i] = i >= 16 ? turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)
                       : (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                             (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];

        uint32_t next =
            turn(s[0], 5) + choose(i, s[1], s[2], s[3]) + s[4] + w[i] + constants[i / 20];

        s[4] = s[3];
        s[3] = s[2];
        s[2] = turn(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
    for (int i = 0; i < 5; i++) {
        state[i] += s[i];
    }
}

void sha1_digits(struct slice data, char *ret_digits)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t state[] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    unsigned char tail[2 * BLOCK_BYTES] = {0};
    size_t whole = data.size / BLOCK_BYTES * BLOCK_BYTES;
    size_t rest = data.size - whole;
    size_t tail_size = rest < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES;

    for (size_t at = 0; at < whole; at += BLOCK_BYTES) {
        add_block(state, (const unsigned char *)data.data + at);
    }
    if (rest > 0) {
        memcpy(tail, data.data + whole, rest);
    }
    tail[rest] = 0x80;
    for (size_t i = 0; i < 8; i++) {
        tail[tail_size - 1 - i] = (unsigned char)((uint64_t)data.size * 8 >> 8 * i);
    }
    for (size_t at = 0; at < tail_size; at += BLOCK_BYTES) {
        add_block(state, tail + at);
    }
    for (int i = 0; i < SHA1_DIGITS; i++) {
        ret_digits[i] = digits[state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    }
}
