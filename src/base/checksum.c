#include "base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t checksum(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

uint64_t checksum_seeded(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

uint64_t checksum_seeded_parts(const void *first, size_t first_size, const void *second,
                               size_t second_size, uint64_t seed)
{
    XXH3_state_t state = {0};

    XXH3_64bits_reset_withSeed(&state, seed);
    XXH3_64bits_update(&state, first, first_size);
    XXH3_64bits_update(&state, second, second_size);
    return XXH3_64bits_digest(&state);
}
