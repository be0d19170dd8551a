/* prng.h - a small deterministic generator (splitmix64). The same seed gives the same numbers on
 * every machine. Not for secrets. */
#ifndef RAKIT_BASE_PRNG_H
#define RAKIT_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t state;
};

static inline uint64_t prng_next(struct prng *p)
{
    uint64_t z = (p->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

__extension__ typedef unsigned __int128 prng_wide;

/* Uniform in [0, bound); 0 if bound is 0. */
static inline uint64_t prng_below(struct prng *p, uint64_t bound)
{
    return bound == 0 ? 0
                      : (uint64_t)((__extension__(unsigned __int128) prng_next(p) * bound) >> 64);
}

/* Uniform in [low, high]. */
static inline uint64_t prng_between(struct prng *p, uint64_t low, uint64_t high)
{
    return low + prng_below(p, high - low + 1);
}

/* True with probability numerator / denominator. */
static inline bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator)
{
    return prng_below(p, denominator) < numerator;
}

#endif /* RAKIT_BASE_PRNG_H */
