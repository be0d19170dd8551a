/* loss.c - entries that this node may have acknowledged, and that its disk has lost. The host has
 * noticed the damage; the log ends before it, and the leader sends again what is missing. Until
 * the log holds all of it again, this node must not help to elect a leader that lacks it.
 *
 * If it is known with which entry the log had ended, that is simple: a log that ends there or
 * later (§5.4.1) has all that was committed with this node's help, because the proof of leader
 * completeness (§5.4.3) needs no more of a voter than how its log ended. So the node votes for
 * such logs as before, and campaigns once its own is one of them.
 *
 * Otherwise the node abstains, until it agrees with a leader, up to where that leader's log ended
 * after this process had begun. A leader of this term has sent all that it ever got acknowledged,
 * so that is in its log; and what was acknowledged to leaders of earlier terms is in its log if
 * it is, or will be, committed: for this node and all others voted in this term, if at all, when
 * they still had it. The leader's word must be later than the start, because acknowledgements of
 * the process before may still be under way: so it repeats the number of this life, which it can
 * know only from this process. Its commit index at that time would not do: what it counts later
 * may contain such an acknowledgement. */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft_state.h"

void raft_restore_loss(struct raft *r, raft_index last_index, raft_term last_term)
{
    CHECK(r->durability.last_seq == 0);
    r->loss = (struct raft_loss){
        .has_lost = true, .is_open = true, .last_index = last_index, .last_term = last_term};
}

bool raft_is_whole(const struct raft *r)
{
    return !r->loss.is_open;
}

static bool is_end_known(const struct raft_loss *loss)
{
    return loss->last_term != 0;
}

bool raft_loss_forbids(const struct raft *r, raft_index last_index, raft_term last_term)
{
    const struct raft_loss *loss = &r->loss;

    if (!loss->is_open || MUTANT(abstainer_votes)) {
        return false;
    }
    if (!is_end_known(loss)) {
        return true;
    }
    return last_term == loss->last_term ? last_index < loss->last_index
                                        : last_term < loss->last_term;
}

void raft_loss_note_agreement(struct raft *r, raft_index index)
{
    struct raft_loss *loss = &r->loss;

    if (loss->agreed_term != r->current_term) {
        loss->agreed_term = r->current_term;
        loss->agreed_index = 0;
    }
    if (index > loss->agreed_index) {
        loss->agreed_index = index;
    }
}

void raft_loss_note_end(struct raft *r, raft_index leader_last, uint64_t life)
{
    struct raft_loss *loss = &r->loss;
    bool is_of_this_life = life == r->options.life || MUTANT(end_of_any_life);

    if (loss->is_open && is_of_this_life && loss->goal_term != r->current_term) {
        loss->goal_term = r->current_term;
        loss->goal_index = leader_last;
    }
}

static bool has_reached_goal(const struct raft *r)
{
    const struct raft_loss *loss = &r->loss;
    raft_index agreed =
        loss->agreed_index < r->durability.index || MUTANT(abstention_ends_undurable)
            ? loss->agreed_index
            : r->durability.index;

    return loss->goal_term == r->current_term && loss->agreed_term == r->current_term &&
           agreed >= loss->goal_index;
}

void raft_loss_look(struct raft *r)
{
    struct raft_loss *loss = &r->loss;
    raft_index durable = r->durability.index;

    if (!loss->is_open) {
        return;
    }
    if ((is_end_known(loss) && !raft_loss_forbids(r, durable, raft_term_at(r, durable))) ||
        has_reached_goal(r)) {
        loss->is_open = false;
        if (r->role == RAFT_FOLLOWER) {
            raft_election_rearm(r);
        }
    }
}
