/* durations.h - how often something took how long, since the process started: what Prometheus shows
 * as a histogram. (histogram.h is about what was recent.) All zeros: nothing was counted. */
#ifndef RAKIT_BASE_DURATIONS_H
#define RAKIT_BASE_DURATIONS_H

#include <stdint.h>

enum { DURATIONS_BOUNDS = 17 };

struct durations {
    uint64_t counts[DURATIONS_BOUNDS + 1]; /* By the first bound that it is not above; the last
                                            * count is of those above all. */
    uint64_t total_ns;
};

void durations_add(struct durations *d, uint64_t ns);
/* The bounds rise; `bound` is below DURATIONS_BOUNDS. */
uint64_t durations_bound_ns(uint32_t bound);
/* How many did not exceed that bound; of all, for DURATIONS_BOUNDS. */
uint64_t durations_within(const struct durations *d, uint32_t bound);

#endif /* RAKIT_BASE_DURATIONS_H */
