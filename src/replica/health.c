/* health.c - a sync that takes as long as an election timeout looks like a dead node to the
 * others (meanwhile a follower acknowledges nothing, and a candidate's vote comes late), so
 * elections would follow each other without need. */
#include "replica/health.h"

#include "base/mutant.h"

static const uint64_t PERIOD_NS = 1000 * 1000 * 1000ull;

enum { SYNCS_MIN = 100, MARGIN = 4, DISK_PERIODS = 10 };

void health_init(struct health *h, struct io *io, const struct log *log,
                 uint64_t election_timeout_ns, void (*fired)(struct io_timer *timer))
{
    *h = (struct health){
        .io = io, .log = log, .election_timeout_ns = election_timeout_ns, .timer.fired = fired};
}

void health_deinit(struct health *h)
{
    io_timer_stop(h->io, &h->timer);
}

void health_start(struct health *h)
{
    h->due_ns = io_now_ns(h->io) + PERIOD_NS;
    io_timer_start(h->io, &h->timer, h->due_ns);
}

bool health_was_held_up(const struct health *h)
{
    return io_now_ns(h->io) > h->due_ns + PERIOD_NS && !MUTANT(own_pause_is_theirs);
}

bool health_wants_disk(struct health *h)
{
    return ++h->count % DISK_PERIODS == 0;
}

void health_judge_write(struct health *h, uint64_t pending_ns)
{
    uint64_t least_ns = h->election_timeout_ns > PERIOD_NS ? h->election_timeout_ns : PERIOD_NS;
    bool is_stalled = pending_ns > least_ns && !MUTANT(stall_unnoticed);

    if (is_stalled && !h->disk_is_stalled) {
        log_write(h->log, LOG_WARN, "the disk is stalled: a write of the log does not end",
                  "pending_ms=%llu", (unsigned long long)(pending_ns / 1000000));
    }
    h->disk_is_stalled = is_stalled;
}

void health_judge_disk(struct health *h, const struct store_stats *stats)
{
    bool is_slow =
        stats->sync_count >= SYNCS_MIN && stats->sync_p99_ns * MARGIN > h->election_timeout_ns;

    if (is_slow && !h->disk_is_slow) {
        log_write(h->log, LOG_WARN, "the disk is slow for this election timeout",
                  "sync_p99_ms=%.1f election_timeout_ms=%llu advice=" LOG_Q,
                  (double)stats->sync_p99_ns / 1e6,
                  (unsigned long long)(h->election_timeout_ns / 1000000),
                  "raise --election-timeout on all nodes to four times the sync time or more");
    }
    h->disk_is_slow = is_slow;
}
