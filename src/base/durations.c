#include "base/durations.h"

#include "base/mutant.h"

#define US 1000ull
#define MS 1000000ull
#define S  1000000000ull

static const uint64_t bounds_ns[DURATIONS_BOUNDS] = {
    50 * US, 100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS,
    50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S,  2500 * MS, 5 * S,  10 * S,
};

void durations_add(struct durations *d, uint64_t ns)
{
    uint32_t place = 0;

    while (place < DURATIONS_BOUNDS && ns > bounds_ns[place]) {
        place++;
    }
    d->counts[place]++;
    d->total_ns += ns;
}

uint64_t durations_bound_ns(uint32_t bound)
{
    return bounds_ns[bound];
}

uint64_t durations_within(const struct durations *d, uint32_t bound)
{
    uint64_t count = 0;

    MUTANT_DO(buckets_not_cumulative, return d->counts[bound]);
    for (uint32_t i = 0; i <= bound; i++) {
        count += d->counts[i];
    }
    return count;
}
