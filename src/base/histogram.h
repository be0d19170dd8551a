/* histogram.h - how often values occurred, for percentiles of what was recent. The memory is
 * fixed: buckets are a sixteenth of their values wide, so a percentile is at most that much too
 * high. There are two windows. A value is counted in the newer one; when that is 30 s old and has
 * a hundred values, it replaces the older one. All zeros is an empty histogram. */
#ifndef RAKIT_BASE_HISTOGRAM_H
#define RAKIT_BASE_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_PARTS = 16, /* Buckets for each doubling of the value. */
    HISTOGRAM_BUCKETS = 61 * HISTOGRAM_PARTS,
};

struct histogram_window {
    uint32_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max;
};

struct histogram {
    struct histogram_window windows[2];
    uint32_t newer; /* Which of them is filled. */
    uint64_t since_ns;
};

void histogram_add(struct histogram *h, uint64_t value, uint64_t now_ns);
/* The value that `percent` of a hundred values are not above; 0 if there are none. */
uint64_t histogram_percentile(const struct histogram *h, unsigned percent);
uint64_t histogram_max(const struct histogram *h);
uint64_t histogram_count(const struct histogram *h);

#endif /* RAKIT_BASE_HISTOGRAM_H */
