#include "cluster/log_clock.h"

#include "base/mutant.h"

static uint64_t elapsed_ns(const struct log_clock *c, uint64_t now_ns)
{
    return now_ns > c->at_ns ? now_ns - c->at_ns : 0;
}

uint64_t log_clock_estimate_us(const struct log_clock *c, uint64_t now_ns)
{
    return c->is_known ? (c->log_ns + elapsed_ns(c, now_ns)) / 1000 : 0;
}

/* Towards the wall clock, but only a part of the time that has passed. */
static uint64_t corrected_ns(const struct log_clock *c, uint64_t now_ns, uint64_t wall_ns)
{
    uint64_t log_ns = c->log_ns + elapsed_ns(c, now_ns);
    uint64_t most_ns = elapsed_ns(c, now_ns) / LOG_CLOCK_SLEW;
    uint64_t off_ns = wall_ns > log_ns ? wall_ns - log_ns : log_ns - wall_ns;
    uint64_t by_ns = off_ns < most_ns ? off_ns : most_ns;

    return wall_ns > log_ns ? log_ns + by_ns : log_ns - by_ns;
}

uint64_t log_clock_go_on(struct log_clock *c, uint64_t now_ns, uint64_t wall_ns, uint64_t floor_us)
{
    uint64_t log_ns =
        c->is_known && !MUTANT(jump_is_believed) ? corrected_ns(c, now_ns, wall_ns) : wall_ns;

    if (log_ns < 1000) {
        log_ns = 1000; /* 0 is before the log. */
    }
    if (log_ns < floor_us * 1000) {
        log_ns = floor_us * 1000;
    }
    *c = (struct log_clock){.is_known = true, .at_ns = now_ns, .log_ns = log_ns};
    return log_ns / 1000;
}

void log_clock_hear(struct log_clock *c, uint64_t now_ns, uint64_t log_us)
{
    *c = (struct log_clock){.is_known = true, .at_ns = now_ns, .log_ns = log_us * 1000};
}

void log_clock_learn(struct log_clock *c, uint64_t now_ns, uint64_t log_us)
{
    if (!c->is_known) {
        log_clock_hear(c, now_ns, log_us);
    }
}
