/* election.c - elections (§5.2, §5.4.1), with pre-votes (dissertation §9.6) and stickiness: a
 * node that hears a leader refuses to replace it.
 *
 * Fail-over must be fast without splitting the vote. When the connection to the leader breaks,
 * all its followers notice at the same moment, and if all campaigned at once, they would split
 * the vote. So they take turns: of the voters with the highest priority, the one with the lowest
 * id starts a pre-vote at once, the next one a fraction of a heartbeat later, and so on. Usually
 * the first one wins before the second one's turn comes: the expected time is two round trips and
 * one durable write, without a random wait. The others get their turns only if the previous ones
 * are down or behind. Whatever still fails is repeated after a random fraction of some heartbeats.
 *
 * A node whose host says that it is reluctant to lead lets the others campaign first. It
 * campaigns some timeouts later, because its log may be the only one that can win.
 *
 * A voter that never leads (priority 0) does so later still, for the same reason. Once elected it
 * is a caretaker: it takes no commands of clients, brings the others up to date, and hands over
 * to one that may lead (transfer.c). It makes changes of members, so the priorities can be
 * changed even if no other voter is left.
 *
 * Refuses: to let a learner, a removed node, or a node without room for another term campaign;
 * to raise the term for a pre-vote; to react to a vote request while it hears a leader. */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/election_rules.h"
#include "raft/quorum.h"
#include "raft/raft_state.h"

/* How many election timeouts it lets pass without a leader. */
static uint32_t patience_of(const struct raft *r)
{
    if (raft_never_leads(r) && !MUTANT(priority_0_campaigns)) {
        return RAFT_LAST_RESORT_TIMEOUTS;
    }
    return r->is_reluctant && !MUTANT(reluctance_forgotten) ? RAFT_RELUCTANT_TIMEOUTS : 1;
}

void raft_election_rearm(struct raft *r)
{
    uint64_t timeout_ns = r->options.election_timeout_ns;

    if (r->role == RAFT_FOLLOWER) {
        timeout_ns *= patience_of(r);
    }
    r->election_deadline_ns =
        r->now_ns + timeout_ns + raft_random_below(r, raft_rules_spread_ns(r));
}

/* The next campaign is only a pre-vote, so trying again soon disturbs nobody. */
static void rearm_soon(struct raft *r, uint64_t least_ns)
{
    r->election_deadline_ns =
        r->now_ns + least_ns + raft_random_below(r, r->options.heartbeat_interval_ns);
}

/* A voter that an uncommitted configuration leaves out may have the only log that can win, so it
 * must be able to campaign (dissertation §4.2.2). */
bool raft_election_is_electable(const struct raft *r)
{
    const struct raft_configuration *before = raft_configuration_before(r);

    MUTANT_DO(learner_campaigns, return raft_configuration(r)->member_count > 0);
    return raft_is_voter(r) || (raft_configuration_index(r) > r->commit_index && before != NULL &&
                                raft_configuration_has_voter(before, r->options.id));
}

bool raft_election_may_campaign(const struct raft *r)
{
    return raft_election_is_electable(r) && r->current_term < UINT64_MAX &&
           term_log_has_room(&r->log, r->current_term + 1) &&
           !raft_loss_forbids(r, r->log.last_index, term_log_last_term(&r->log));
}

/* The bit of that member in r->votes; 0 if it is not a member. */
static uint32_t vote_of(const struct raft *r, raft_id id)
{
    const struct raft_configuration *c = raft_configuration(r);
    const struct raft_member *member = raft_configuration_find(c, id);

    return member == NULL ? 0 : (uint32_t)1 << (member - c->members);
}

/* The only voter need not ask anybody, so there is nothing to wait for. */
static bool is_sole_voter(const struct raft *r)
{
    return raft_is_voter(r) && quorum_has(raft_configuration(r), vote_of(r, r->options.id));
}

/* Whether there is a leader as far as this node knows, so that votes for others would only
 * disturb (dissertation §4.2.3). */
static bool is_led(const struct raft *r)
{
    uint64_t heard_ns = r->leader_heard_ns;

    MUTANT_DO(no_stickiness, return false);
    if (r->role == RAFT_LEADER) {
        heard_ns = raft_leader_quorum_heard_ns(r);
    } else if (r->leader_id == 0) {
        return false;
    }
    return r->now_ns - heard_ns < r->options.election_timeout_ns;
}

/* §5.4.1: whether the candidate's log is at least as up to date as ours. */
static bool is_up_to_date(const struct raft *r, const struct raft_message *m)
{
    raft_term last_term = term_log_last_term(&r->log);

    MUTANT_DO(vote_for_stale_log, return true);
    if (raft_loss_forbids(r, m->request_vote.last_log_index, m->request_vote.last_log_term)) {
        return false;
    }
    if (m->request_vote.last_log_term != last_term && !MUTANT(vote_by_length)) {
        return m->request_vote.last_log_term > last_term;
    }
    return m->request_vote.last_log_index >= r->log.last_index;
}

/* --- campaigning ------------------------------------------------------------------ */

static void ask_voters(struct raft *r, enum raft_message_kind kind, raft_term term,
                       bool is_transfer)
{
    const struct raft_configuration *c = raft_configuration(r);

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        if (id == r->options.id || !raft_configuration_has_voter(c, id)) {
            continue;
        }
        struct raft_message *m = raft_send(r, id, kind, raft_rules_ask_after(r));

        m->term = term;
        m->request_vote = (struct raft_request_vote){
            .last_log_index = r->log.last_index,
            .last_log_term = term_log_last_term(&r->log),
            .is_transfer = is_transfer,
        };
    }
}

/* Its own vote counts once it is durable, like any other (I-3). */
static void campaign(struct raft *r, enum raft_reason reason)
{
    CHECK(raft_election_may_campaign(r));
    raft_set_vote(r, r->current_term + 1, r->options.id);
    raft_set_role(r, RAFT_CANDIDATE, 0, reason);
    r->votes = 0;
    raft_election_rearm(r);
    ask_voters(r, RAFT_REQUEST_VOTE, r->current_term, reason == RAFT_BECAUSE_TRANSFER);
}

static void pre_campaign(struct raft *r, enum raft_reason reason)
{
    CHECK(raft_election_may_campaign(r));
    raft_set_role(r, RAFT_PRE_CANDIDATE, 0, reason);
    r->votes = vote_of(r, r->options.id);
    if (quorum_has(raft_configuration(r), r->votes) || !raft_rules_pre_vote()) {
        campaign(r, RAFT_BECAUSE_PRE_ELECTED);
        return;
    }
    rearm_soon(r, r->options.heartbeat_interval_ns);
    ask_voters(r, RAFT_PRE_VOTE, r->current_term + 1, false);
}

uint64_t raft_election_deadline(const struct raft *r)
{
    if (!raft_election_may_campaign(r)) {
        return UINT64_MAX;
    }
    if (r->role == RAFT_FOLLOWER && is_sole_voter(r)) {
        return r->now_ns;
    }
    return raft_lease_is_promised(r) && r->promised_until_ns > r->election_deadline_ns
               ? r->promised_until_ns
               : r->election_deadline_ns;
}

void raft_election_on_tick(struct raft *r)
{
    CHECK(r->role != RAFT_LEADER);
    if (r->now_ns < raft_election_deadline(r) || !raft_election_may_campaign(r)) {
        return;
    }
    if (r->role == RAFT_CANDIDATE && durability_pending(&r->durability, r->term_seq) != 0) {
        raft_election_rearm(r); /* A stalled disk must not make the node run through terms. */
        return;
    }
    pre_campaign(r, r->reason == RAFT_BECAUSE_LEADER_LOST ? r->reason : RAFT_BECAUSE_TIMEOUT);
}

/* Whether `a`, another voter, has its turn before `b`. */
static bool has_turn_before(const struct raft_configuration *c, const struct raft_member *a,
                            raft_id b)
{
    const struct raft_member *own = raft_configuration_find(c, b);
    uint8_t precedence = own == NULL ? 0 : own->precedence;

    if (a->never_leads) {
        return false;
    }
    return a->precedence == precedence ? a->id < b : a->precedence > precedence;
}

/* The head of this file explains the turns. */
void raft_election_on_leader_lost(struct raft *r)
{
    const struct raft_configuration *c = raft_configuration(r);
    raft_id lost = r->leader_id;
    uint32_t patience = patience_of(r);
    uint64_t turn = 0;

    raft_set_role(r, RAFT_FOLLOWER, 0, RAFT_BECAUSE_LEADER_LOST);
    if (!raft_election_may_campaign(r)) {
        return;
    }
    if (patience > 1) {
        rearm_soon(r, (patience - 2) * r->options.election_timeout_ns);
        return;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        turn += id != lost && id != r->options.id && raft_configuration_has_voter(c, id) &&
                has_turn_before(c, &c->members[i], r->options.id);
    }
    if (turn == 0 && !raft_lease_is_promised(r)) {
        pre_campaign(r, RAFT_BECAUSE_LEADER_LOST);
        return;
    }
    r->election_deadline_ns = (raft_lease_is_promised(r) ? r->promised_until_ns : r->now_ns) +
                              turn * (r->options.heartbeat_interval_ns / RAFT_STAGGER_DIVISOR);
}

/* --- pre-votes -------------------------------------------------------------------- */

/* Changes nothing here, whatever the answer. A refusal carries our term: otherwise a candidate
 * whose term is too old could never win. */
void raft_election_on_pre_vote(struct raft *r, const struct raft_message *m)
{
    bool granted = m->term > r->current_term && !is_led(r) && !raft_lease_is_promised(r) &&
                   is_up_to_date(r, m);

    struct raft_message *reply = raft_send(r, m->from, RAFT_PRE_VOTE_REPLY, raft_after_term(r));

    reply->request_vote_reply = (struct raft_request_vote_reply){.vote_granted = granted};
    if (granted) {
        MUTANT_DO(pre_vote_raises_term, raft_set_vote(r, m->term, 0));
        reply->term = m->term;
    }
}

void raft_election_on_pre_vote_reply(struct raft *r, const struct raft_message *m)
{
    if (r->role != RAFT_PRE_CANDIDATE) {
        return; /* Of an earlier campaign. */
    }
    if (!m->request_vote_reply.vote_granted) {
        if (m->term > r->current_term) {
            raft_become_follower(r, m->term, 0, RAFT_BECAUSE_HIGHER_TERM);
            rearm_soon(r, 0);
        }
        return;
    }
    if (m->term != r->current_term + 1) {
        return;
    }
    r->votes |= vote_of(r, m->from);
    if (quorum_has(raft_configuration(r), r->votes)) {
        campaign(r, RAFT_BECAUSE_PRE_ELECTED);
    }
}

/* --- votes ------------------------------------------------------------------------ */

void raft_election_on_request_vote(struct raft *r, const struct raft_message *m)
{
    if (m->term > r->current_term) {
        if ((is_led(r) || raft_lease_is_promised(r)) && !m->request_vote.is_transfer) {
            return; /* Not even the term is taken over, because that would depose the leader. */
        }
        raft_become_follower(r, m->term, 0,
                             m->request_vote.is_transfer ? RAFT_BECAUSE_TRANSFER
                                                         : RAFT_BECAUSE_HIGHER_TERM);
    }
    bool is_free = r->voted_for == 0 || r->voted_for == m->from || MUTANT(vote_twice);
    bool granted = m->term == r->current_term && is_free && is_up_to_date(r, m);

    if (granted && r->voted_for == 0) {
        raft_set_vote(r, r->current_term, m->from);
    }
    if (granted && r->role == RAFT_FOLLOWER) {
        raft_election_rearm(r);
    }
    raft_seq after = granted ? raft_after_all(r) : raft_after_term(r);

    MUTANT_DO(vote_before_durable, after = 0);
    raft_send(r, m->from, RAFT_REQUEST_VOTE_REPLY, after)->request_vote_reply =
        (struct raft_request_vote_reply){.vote_granted = granted};
}

static void count_vote(struct raft *r, raft_id voter)
{
    CHECK(r->role == RAFT_CANDIDATE);
    r->votes |= vote_of(r, voter);
    if (quorum_has(raft_configuration(r), r->votes)) {
        raft_leader_begin(r);
    }
}

void raft_election_on_request_vote_reply(struct raft *r, const struct raft_message *m)
{
    CHECK(m->term == r->current_term);
    if (r->role != RAFT_CANDIDATE) {
        return;
    }
    if (m->request_vote_reply.vote_granted || MUTANT(refusal_counts_as_vote)) {
        count_vote(r, m->from);
        return;
    }
    uint64_t patience_ns = raft_rules_patience_ns(r);

    if (r->now_ns < r->election_deadline_ns && patience_ns < r->election_deadline_ns - r->now_ns) {
        r->election_deadline_ns = r->now_ns + patience_ns;
    }
}

void raft_election_on_durable(struct raft *r)
{
    if (durability_pending(&r->durability, r->term_seq) == 0) {
        count_vote(r, r->options.id);
    }
}

/* Dissertation §3.10: the leader has made sure that our log is complete. */
void raft_election_on_timeout_now(struct raft *r, const struct raft_message *m)
{
    if (m->term < r->current_term || r->role == RAFT_LEADER) {
        return;
    }
    if (m->term > r->current_term) {
        raft_become_follower(r, m->term, m->from, RAFT_BECAUSE_HIGHER_TERM);
    }
    if (raft_election_may_campaign(r)) {
        campaign(r, RAFT_BECAUSE_TRANSFER);
    }
}
