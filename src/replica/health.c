/* health.c - a sync that takes as long as an election timeout looks like a dead node to the others
 * (a follower acknowledges nothing meanwhile, a candidate's vote comes late), so elections would
 * follow each other for no reason. */
#include "replica/health.h"

#include "base/mutant.h"
#include "replica/state.h"

static const uint64_t HEALTH_PERIOD_NS = 1000 * 1000 * 1000ull;

enum { HEALTH_SYNCS_MIN = 100, HEALTH_MARGIN = 4, DISK_PERIODS = 10 };

void health_start(struct replica *r)
{
    r->health.due_ns = io_now_ns(r->io) + HEALTH_PERIOD_NS;
    io_timer_start(r->io, &r->health.timer, r->health.due_ns);
}

/* Where this node was held up, what has come meanwhile is yet to be read. */
static bool was_held_up(const struct replica *r)
{
    return io_now_ns(r->io) > r->health.due_ns + HEALTH_PERIOD_NS && !MUTANT(own_pause_is_theirs);
}

/* A leader and who looks for one are answered by all members; followers hear nobody else. */
static void watch_members(struct replica *r)
{
    const struct membership *m = replica_membership(r);

    if (raft_role(r->raft) == RAFT_FOLLOWER || was_held_up(r)) {
        return;
    }
    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        struct peer *peer = peers_find(&r->peers, m->addresses[i].id);

        if (peer != NULL) {
            addresses_watch(peer, r->seen_since_ns);
        }
    }
}

static void watch_disk(struct replica *r)
{
    uint64_t timeout_ns = r->options.election_timeout_ns;
    struct store_stats stats;

    store_get_stats(r->store, &stats);

    bool is_slow =
        stats.sync_count >= HEALTH_SYNCS_MIN && stats.sync_p99_ns * HEALTH_MARGIN > timeout_ns;

    if (is_slow && !r->health.disk_is_slow) {
        log_write(r->log, LOG_WARN, "the disk is slow for this election timeout",
                  "sync_p99_ms=%.1f election_timeout_ms=%llu advice=" LOG_Q,
                  (double)stats.sync_p99_ns / 1e6, (unsigned long long)(timeout_ns / 1000000),
                  "raise --election-timeout on all nodes to four times the sync time or more");
    }
    r->health.disk_is_slow = is_slow;
}

static void health_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, health.timer);

    if (r->is_ended) {
        return;
    }
    watch_members(r);
    if (++r->health.count % DISK_PERIODS == 0) {
        watch_disk(r);
    }
    health_start(r);
}

void health_init(struct replica *r)
{
    r->health = (struct health){.timer.fired = health_fired};
}

void health_deinit(struct replica *r)
{
    io_timer_stop(r->io, &r->health.timer);
}
