#include "kv/digest.h"

#include <stdbool.h>

#include "base/checksum.h"

uint64_t digest_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* It distinguishes an empty value from a missing item. */
uint64_t digest_of_key(uint64_t key_hash)
{
    return digest_mix(key_hash + 0x9e3779b97f4a7c15u);
}

uint64_t digest_of_block(uint64_t key_hash, uint64_t number, struct slice block)
{
    return checksum_seeded(block.data, block.size, key_hash + number * 0x9e3779b97f4a7c15u);
}

uint64_t digest_of_range_with_zeros(uint64_t key_hash, struct slice value, size_t begin, size_t end,
                                    size_t zeros_begin, size_t zeros_end)
{
    static const char zeros[DIGEST_BLOCK_BYTES];
    size_t block = begin / DIGEST_BLOCK_BYTES;
    uint64_t digest = 0;

    if (end > value.size) {
        end = value.size;
    }
    for (size_t at = block * DIGEST_BLOCK_BYTES; at < end; at += DIGEST_BLOCK_BYTES) {
        size_t size = value.size - at;

        if (size > DIGEST_BLOCK_BYTES) {
            size = DIGEST_BLOCK_BYTES;
        }

        bool is_zero = at >= zeros_begin && at + size <= zeros_end;

        digest +=
            digest_of_block(key_hash, block++, slice_of(is_zero ? zeros : value.data + at, size));
    }
    return digest;
}

uint64_t digest_of_range(uint64_t key_hash, struct slice value, size_t begin, size_t end)
{
    return digest_of_range_with_zeros(key_hash, value, begin, end, 0, 0);
}

uint64_t digest_of_traits(uint64_t key_hash, struct traits traits)
{
    uint64_t number = (uint64_t)traits.type << 48 | traits.expires_ms;

    return traits_are_plain(traits) ? 0 : digest_mix(digest_mix(key_hash ^ number) + number);
}

/* Most have one block. */
static uint64_t digest_of_value(uint64_t key_hash, struct slice value)
{
    return value.size > 0 && value.size <= DIGEST_BLOCK_BYTES
               ? digest_of_block(key_hash, 0, value)
               : digest_of_range(key_hash, value, 0, value.size);
}

uint64_t digest_of_item(uint64_t key_hash, struct traits traits, struct slice value)
{
    return digest_of_key(key_hash) + digest_of_traits(key_hash, traits) +
           digest_of_value(key_hash, value);
}
