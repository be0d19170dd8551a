/* replica_health.c - looks now and then whether the election timeout suits this disk.
 * A sync that takes as long as an election timeout looks like a dead node to the
 * others (a follower acknowledges nothing meanwhile, a candidate's vote comes late),
 * so elections would follow each other for no reason. */
#include "server/replica_state.h"

static const uint64_t HEALTH_PERIOD_NS = 10 * 1000 * 1000 * 1000ull;

enum { HEALTH_SYNCS_MIN = 100, HEALTH_MARGIN = 4 };

void health_start(struct replica *r)
{
    io_timer_start(r->io, &r->health, io_now_ns(r->io) + HEALTH_PERIOD_NS);
}

void health_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, health);
    uint64_t timeout_ns = r->server->config.election_timeout_ns;
    struct store_stats stats;

    if (r->is_ended) {
        return;
    }
    store_get_stats(r->store, &stats);

    bool is_slow =
        stats.sync_count >= HEALTH_SYNCS_MIN && stats.sync_p99_ns * HEALTH_MARGIN > timeout_ns;

    if (is_slow && !r->disk_is_slow) {
        log_write(r->log, LOG_WARN, "the disk is slow for this election timeout",
                  "sync_p99_ms=%.1f election_timeout_ms=%llu advice=" LOG_Q,
                  (double)stats.sync_p99_ns / 1e6, (unsigned long long)(timeout_ns / 1000000),
                  "raise --election-timeout on all nodes to four times the sync time or more");
    }
    r->disk_is_slow = is_slow;
    health_start(r);
}
