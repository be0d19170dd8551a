/* transfer.c - leadership transfer (dissertation §3.10). Meanwhile the leader accepts no
 * proposals, so that the target's log can become complete and its entries committed; then it
 * asks the target to campaign at once. If that takes an election timeout, it gives up and goes
 * on leading, so a transfer never interrupts service for longer.
 *
 * Refuses: a second transfer (RAFT_EBUSY); a target that could not lead, or that never does
 * (RAFT_EMEMBER). */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft_state.h"

static bool can_lead(const struct raft *r, raft_id id)
{
    const struct raft_member *member = raft_configuration_find(raft_configuration(r), id);

    return id != r->options.id && member != NULL && member->incoming &&
           (!member->never_leads || MUTANT(priority_0_elected));
}

static bool is_active(const struct raft *r, const struct raft_peer *peer)
{
    return r->now_ns - peer->heard_ns < r->options.election_timeout_ns;
}

static uint8_t precedence_of(const struct raft *r, raft_id id)
{
    return raft_configuration_find(raft_configuration(r), id)->precedence;
}

/* Of two that can lead. */
static bool is_better(const struct raft *r, const struct raft_peer *a, const struct raft_peer *b)
{
    if (is_active(r, a) != is_active(r, b)) {
        return is_active(r, a);
    }
    return a->match_index == b->match_index ? precedence_of(r, a->id) > precedence_of(r, b->id)
                                            : a->match_index > b->match_index;
}

raft_id raft_transfer_best(const struct raft *r)
{
    const struct raft_peer *best = NULL;

    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *peer = &r->peers[i];

        if (can_lead(r, peer->id) && (best == NULL || is_better(r, peer, best))) {
            best = peer;
        }
    }
    return best == NULL ? 0 : best->id;
}

int raft_transfer_on_ask(struct raft *r, raft_id target)
{
    if (r->role != RAFT_LEADER) {
        return RAFT_ENOTLEADER;
    }
    if (r->transfer_target != 0) {
        return RAFT_EBUSY;
    }
    if (target == 0) {
        target = raft_transfer_best(r);
    }
    if (!can_lead(r, target)) {
        return RAFT_EMEMBER;
    }
    r->transfer_target = target;
    r->transfer_is_sent = false;
    r->transfer_deadline_ns = r->now_ns + r->options.election_timeout_ns;
    return RAFT_OK;
}

void raft_transfer_give_up(struct raft *r)
{
    r->transfer_target = 0;
}

/* If everything that was proposed is committed, no command ends in doubt. But a leader whose own
 * disk prevents that must be able to leave as well. */
static bool is_settled(const struct raft *r)
{
    uint64_t half_ns = r->options.election_timeout_ns / 2;

    return r->commit_index == r->log.last_index || r->now_ns + half_ns >= r->transfer_deadline_ns ||
           MUTANT(hands_over_unsettled);
}

void raft_transfer_drive(struct raft *r)
{
    CHECK(r->role == RAFT_LEADER);
    const struct raft_peer *peer = raft_leader_peer(r, r->transfer_target);

    /* No change begins meanwhile, and one that ends keeps nodes that can lead. */
    CHECK(peer != NULL);
    CHECK(can_lead(r, peer->id));
    if (peer->match_index == r->log.last_index && is_settled(r) && !r->transfer_is_sent) {
        raft_send(r, peer->id, RAFT_TIMEOUT_NOW, raft_after_term(r));
        raft_lease_end(r);          /* It may arrive at any time. */
        r->transfer_is_sent = true; /* Repeated with the next heartbeat. */
    }
}

/* An attempt that fails is not repeated at once, because no change of members begins meanwhile. */
void raft_transfer_caretaker(struct raft *r)
{
    raft_id best;

    if (!raft_never_leads(r) || r->transfer_target != 0 || !raft_is_ready(r) ||
        r->now_ns < r->transfer_deadline_ns + r->options.election_timeout_ns) {
        return;
    }
    best = raft_transfer_best(r);
    if (best != 0 && is_active(r, raft_leader_peer(r, best)) &&
        raft_leader_peer(r, best)->match_index == r->log.last_index) {
        (void)raft_transfer_on_ask(r, best);
    }
}
