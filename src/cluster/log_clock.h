/* log_clock.h - the clock of the log. Each node knows what log time it is about, by the word of the
 * leader and its own monotonic clock. The node that leads lets log time go on from there, at the
 * rate of its monotonic clock, and a little faster or slower for as long as its wall clock is ahead
 * or behind. So neither a wall clock that is wrong, nor one that jumps, nor another leader makes a
 * noticeable difference to how long something lasts by log time, and yet log time comes to be the
 * wall clock's. */
#ifndef RAKIT_CLUSTER_LOG_CLOCK_H
#define RAKIT_CLUSTER_LOG_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Log time goes faster or slower than the clock by this part at the most: less than 1 %. */
enum { LOG_CLOCK_SLEW = 128 };

/* Zeroed: the log time is not known. */
struct log_clock {
    bool is_known;
    uint64_t at_ns;  /* By the monotonic clock, */
    uint64_t log_ns; /* it was this log time, since the Unix epoch. */
};

/* What log time it should be now; 0: that is not known. */
uint64_t log_clock_estimate_us(const struct log_clock *c, uint64_t now_ns);
/* For a leader: what log time it is now, which never falls from call to call, and is at least
 * `floor_us`, that of the last entry. If no log time is known, it is that of the wall clock. */
uint64_t log_clock_go_on(struct log_clock *c, uint64_t now_ns, uint64_t wall_ns, uint64_t floor_us);
/* The leader has said what log time it is. */
void log_clock_hear(struct log_clock *c, uint64_t now_ns, uint64_t log_us);
/* Another node has said so: better than nothing. */
void log_clock_learn(struct log_clock *c, uint64_t now_ns, uint64_t log_us);

#endif /* RAKIT_CLUSTER_LOG_CLOCK_H */
