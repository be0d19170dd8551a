#include "base/histogram.h"

#include <string.h>

enum { PART_BITS = 4, WINDOW_VALUES_MIN = 100 };

static const uint64_t WINDOW_NS = 30 * 1000 * 1000 * 1000ull;

/* Values below 16 have a bucket each; after that, each doubling has 16. */
static uint32_t bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_PARTS) {
        return (uint32_t)value;
    }

    uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - PART_BITS;

    return shift * HISTOGRAM_PARTS + (uint32_t)(value >> shift);
}

/* The largest value of a bucket. */
static uint64_t limit_of(uint32_t bucket)
{
    if (bucket < 2 * HISTOGRAM_PARTS) {
        return bucket;
    }

    uint32_t shift = bucket / HISTOGRAM_PARTS - 1;

    return ((uint64_t)(bucket % HISTOGRAM_PARTS + HISTOGRAM_PARTS) << shift) +
           ((1ull << shift) - 1);
}

static void turn_over(struct histogram *h, uint64_t now_ns)
{
    const struct histogram_window *w = &h->windows[h->newer];

    if (w->total == 0) {
        h->since_ns = now_ns;
    } else if (now_ns - h->since_ns >= WINDOW_NS && w->total >= WINDOW_VALUES_MIN) {
        h->newer = 1 - h->newer;
        memset(&h->windows[h->newer], 0, sizeof h->windows[h->newer]);
        h->since_ns = now_ns;
    }
}

void histogram_add(struct histogram *h, uint64_t value, uint64_t now_ns)
{
    turn_over(h, now_ns);

    struct histogram_window *w = &h->windows[h->newer];

    w->counts[bucket_of(value)]++;
    w->total++;
    w->max = value > w->max ? value : w->max;
}

uint64_t histogram_count(const struct histogram *h)
{
    return h->windows[0].total + h->windows[1].total;
}

uint64_t histogram_max(const struct histogram *h)
{
    uint64_t a = h->windows[0].max;
    uint64_t b = h->windows[1].max;

    return a > b ? a : b;
}

uint64_t histogram_percentile(const struct histogram *h, unsigned percent)
{
    uint64_t before = histogram_count(h) * percent / 100;
    uint64_t max = histogram_max(h);
    uint64_t seen = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->windows[0].counts[i] + h->windows[1].counts[i];
        if (seen > before) {
            return limit_of(i) < max ? limit_of(i) : max;
        }
    }
    return max;
}
