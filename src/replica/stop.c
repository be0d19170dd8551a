/* stop.c - what stopping.h must know of the replica, and what follows from its decisions. */
#include "base/mutant.h"
#include "raft/quorum.h"
#include "replica/state.h"

static bool leads_others(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t successor_count = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct raft_member *member = &c->members[i];

        successor_count +=
            member->incoming && !member->never_leads && member->id != raft_self(r->raft);
    }
    return raft_role(r->raft) == RAFT_LEADER && successor_count > 0;
}

/* Whether the remaining nodes can commit immediately: a majority of the voters without this one,
 * as far as they are reachable, has what was committed when the stop began. */
static bool others_are_ready(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t there = 0;
    uint32_t ready = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;
        struct raft_progress p;

        if (id == raft_self(r->raft) || !raft_progress_of(r->raft, id, &p) ||
            !(replica_hears(r, &p) || peers_is_connected(r->peers, id))) {
            continue;
        }
        there |= 1u << i;
        if (replica_hears(r, &p) && p.match_index >= r->stopping.index) {
            ready |= 1u << i;
        }
    }
    return quorum_has(c, ready) || !quorum_has(c, there) || MUTANT(stop_waits_for_nobody);
}

void replica_hand_over(struct replica *r)
{
    stopping_begin(&r->stopping, r->is_running ? raft_commit_index(r->raft) : 0, io_now_ns(r->io));
    io_turn_soon(r->io); /* It may have been called from outside the loop. */
}

bool replica_is_settled(const struct replica *r)
{
    bool is_stored = raft_is_durable(r->raft) && outbox_is_empty(&r->outbox);

    return !r->is_running ||
           stopping_is_over(&r->stopping, r->requests.count, is_stored, io_now_ns(r->io));
}

void stop_progress(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TRANSFER, .now_ns = io_now_ns(r->io)};

    if (!r->stopping.is_begun || !r->is_running) {
        return;
    }

    struct stopping_view view = {.leads_others = leads_others(r),
                                 .others_are_ready = others_are_ready(r),
                                 .is_transferring = raft_is_transferring(r->raft),
                                 .request_count = r->requests.count};

    if (stopping_progress(&r->stopping, &view, event.now_ns)) {
        event.peer = disk_successor(r);
        replica_step(r, &event, NULL);
    }
}
