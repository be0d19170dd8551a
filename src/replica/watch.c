/* watch.c - checks once a second whether connected members send anything, and now and then
 * whether the disk keeps up. */
#include "replica/figures.h"
#include "replica/state.h"

/* All members answer a leader, or a node that looks for one; a follower hears nobody else. */
static void watch_members(struct replica *r)
{
    const struct membership *m = replica_membership(r);

    if (raft_role(r->raft) == RAFT_FOLLOWER || health_was_held_up(&r->health)) {
        return;
    }
    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        struct peer *peer = peers_find(r->peers, m->addresses[i].id);

        if (peer != NULL) {
            addresses_watch(peer, r->seen_since_ns);
        }
    }
}

void watch_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, health.timer);
    struct store_stats stats;
    struct figures figures;

    if (r->is_ended) {
        return;
    }
    watch_members(r);
    store_get_stats(r->store, &stats);
    health_judge_write(&r->health, stats.sync_pending_ns);
    isolation_each_second(r);
    if (health_wants_disk(&r->health)) {
        compare_send_again(r);
        health_judge_disk(&r->health, &stats);
    }
    holders_look(r);
    figures_collect(r, &figures);
    peers_set_figures(r->peers, &figures);
    health_start(&r->health);
}
