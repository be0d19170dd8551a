/* stop.c - the end in order: a leader hands over, and what is under way is answered. */
#include "base/mutant.h"
#include "raft/quorum.h"
#include "replica/state.h"

enum { STOP_HEARTBEATS = 4 };

static const uint64_t STOP_WAIT_NS = 2000 * 1000 * 1000ull;

static bool leads_others(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t voter_count = 0;

    if (raft_role(r->raft) != RAFT_LEADER) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        voter_count += c->members[i].incoming ? 1 : 0;
    }
    return voter_count > 1;
}

/* Whether those that remain can commit at once: a majority of voters without this one, as far as
 * they are there, has what was committed when it was told to stop. */
static bool others_are_ready(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t there = 0;
    uint32_t ready = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;
        struct raft_progress p;

        if (id == raft_self(r->raft) || !raft_progress_of(r->raft, id, &p) ||
            !(p.is_active || peers_is_connected(r->peers, id))) {
            continue;
        }
        there |= 1u << i;
        if (p.is_active && p.match_index >= r->stop_index) {
            ready |= 1u << i;
        }
    }
    return quorum_has(c, ready) || !quorum_has(c, there) || MUTANT(stop_waits_for_nobody);
}

/* A leader that stops serves on while others catch up, for a moment; then it hands over, and tries
 * again where that fails. */
static void hand_over(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TRANSFER, .now_ns = io_now_ns(r->io)};

    if (raft_is_transferring(r->raft) ||
        (!others_are_ready(r) && event.now_ns < r->hand_over_by_ns)) {
        return;
    }
    event.peer = disk_successor(r);
    replica_step(r, &event, NULL);
}

void replica_hand_over(struct replica *r)
{
    r->is_stopping = true;
    r->stop_index = r->is_running ? raft_commit_index(r->raft) : 0;
    r->hand_over_by_ns = io_now_ns(r->io) + STOP_WAIT_NS;
    io_turn_soon(r->io); /* It may have been told from outside the loop. */
}

/* What the disk has yet to do is acknowledged if it is soon done; it is written in any case. */
bool replica_is_settled(const struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);
    bool is_stored = raft_is_durable(r->raft) && outbox_is_empty(&r->outbox);

    return !r->is_running ||
           (r->is_handed_over && r->requests.count == 0 && now_ns >= r->stay_until_ns &&
            (is_stored || (r->leave_by_ns != 0 && now_ns >= r->leave_by_ns)));
}

/* Once nobody is led any more, no further command is taken: those under way end. What others have
 * forwarded before they heard of it is on its way yet, and refused for certain as long as this
 * node is there: so it stays for a moment. */
void stop_progress(struct replica *r)
{
    uint64_t moment_ns = STOP_HEARTBEATS * r->options.heartbeat_interval_ns;

    if (!r->is_stopping || !r->is_running) {
        return;
    }
    if (r->is_handed_over) {
        if (r->requests.count == 0 && r->leave_by_ns == 0 && !MUTANT(stop_waits_for_a_lull)) {
            r->leave_by_ns = io_now_ns(r->io) + moment_ns;
        }
    } else if (leads_others(r)) {
        r->has_led = true;
        hand_over(r);
    } else {
        r->is_handed_over = true;
        if (r->has_led && !MUTANT(stop_does_not_stay)) {
            r->stay_until_ns = io_now_ns(r->io) + moment_ns;
        }
    }
}

/* When an end in order is to be looked at again; UINT64_MAX: not for this. */
uint64_t stop_due_ns(const struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);

    if (r->stay_until_ns > now_ns) {
        return r->stay_until_ns;
    }
    return r->leave_by_ns > now_ns ? r->leave_by_ns : UINT64_MAX;
}
