/* lease.c - reads without a round, by choice of their clients (dissertation §6.4.1). A leader that
 * has asked for it in a round gets promises: each follower grants no vote for an election timeout,
 * and does not campaign, unless the leader itself asks for that (a transfer). While a majority is
 * bound by promises, nobody else can be elected, so the commit index is current without asking.
 *
 * Stickiness is not enough for that: a follower whose connection to the leader breaks forgets the
 * leader and votes at once, so that fail-over is fast. A promise outlasts this, and a restart
 * (raft_restore_promise()). So it is asked for only while such reads arrive, and fail-over takes up
 * to an election timeout then.
 *
 * The lease counts from when the round began, by the leader's clock, and the promises from when
 * the round was heard, by the followers' clocks. It is shorter by an eighth, so clocks may run
 * faster or slower than each other by 10 %. Clocks that differ by more end it.
 *
 * There is no lease once a transfer was sent in this term, as it may arrive late; none from before
 * the newest configuration, whose majority is another one; and none for a leader that is not a
 * voter. */
#include "base/mutant.h"
#include "raft/quorum.h"
#include "raft/raft_state.h"

/* --- as follower ---------------------------------------------------------------------- */

bool raft_lease_is_promised(const struct raft *r)
{
    return r->now_ns < r->promised_until_ns && !MUTANT(promise_broken);
}

uint64_t raft_lease_promise(struct raft *r, uint64_t promise_ns)
{
    if (promise_ns == 0 || promise_ns > r->options.election_timeout_ns) {
        return 0; /* Nobody may keep this node from voting for long. */
    }
    if (r->now_ns + promise_ns > r->promised_until_ns) {
        r->promised_until_ns = r->now_ns + promise_ns;
    }
    return r->now_ns > 0 ? r->now_ns : 1;
}

void raft_restore_promise(struct raft *r)
{
    if (!MUTANT(promise_forgotten)) {
        r->promised_until_ns = r->now_ns + r->options.election_timeout_ns;
    }
}

/* --- as leader ------------------------------------------------------------------------ */

void raft_lease_begin(struct raft *r)
{
    r->lease = (struct raft_lease){0};
}

void raft_lease_reset(struct raft *r)
{
    if (!MUTANT(lease_outlives_configuration)) {
        r->lease.round = 0;
        r->lease.since_ns = 0;
    }
}

void raft_lease_end(struct raft *r)
{
    r->lease.is_void = !MUTANT(lease_outlives_transfer);
}

static void confirm(struct raft *r)
{
    const struct raft_configuration *c = raft_configuration(r);
    uint64_t rounds[RAFT_MEMBERS_MAX];

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        rounds[i] = id == r->options.id ? UINT64_MAX : raft_leader_peer(r, id)->promised_round;
    }
    if (r->lease.round != 0 && quorum_value(c, rounds) >= r->lease.round) {
        r->lease.since_ns = r->lease.round_ns;
    }
}

void raft_lease_ask(struct raft *r)
{
    if (r->lease.is_void) {
        return;
    }
    r->lease.round = r->read_round;
    r->lease.round_ns = r->now_ns;
    confirm(r); /* The leader may be the only voter. */
}

/* Only until the lease is there: promises that nobody uses would delay the next fail-over. */
uint64_t raft_lease_wanted_ns(const struct raft *r)
{
    bool is_wanted = r->lease.round != 0 && r->lease.round == r->read_round && !r->lease.is_void &&
                     r->lease.since_ns < r->lease.round_ns;

    return is_wanted ? r->options.election_timeout_ns : 0;
}

/* Whether more time has passed on the peer's clock than can have passed here, beyond what lease and
 * promise allow for. */
static bool runs_fast(const struct raft_clock_sample *from, const struct raft_clock_sample *to)
{
    uint64_t there_ns = to->there_ns - from->there_ns;
    uint64_t here_ns = to->heard_ns - from->asked_ns; /* At most. */

    return there_ns > here_ns + here_ns / RAFT_CLOCKS_DIFFER_PART;
}

/* Compares the clocks over some election timeouts: over a shorter time the way of the messages
 * would count too much, over a longer one a change would show late. */
static void watch_clock(struct raft *r, struct raft_peer *peer, uint64_t there_ns)
{
    struct raft_clock_sample now = {
        .asked_ns = r->lease.round_ns, .heard_ns = r->now_ns, .there_ns = there_ns};
    uint64_t span_ns = RAFT_CLOCK_TIMEOUTS * r->options.election_timeout_ns;

    if (peer->clock.heard_ns == 0 || there_ns < peer->clock.there_ns ||
        there_ns < peer->next_clock.there_ns) {
        peer->clock = now; /* Its first sample, or its machine was started again. */
        peer->next_clock = now;
        return;
    }
    if (runs_fast(&peer->clock, &now) && !MUTANT(clocks_not_compared)) {
        r->lease.distrusted_until_ns =
            r->now_ns + RAFT_DISTRUST_TIMEOUTS * r->options.election_timeout_ns;
    }
    if (now.heard_ns - peer->next_clock.heard_ns >= span_ns) {
        peer->clock = peer->next_clock;
        peer->next_clock = now;
    }
}

void raft_lease_note(struct raft *r, struct raft_peer *peer, uint64_t read_round,
                     uint64_t promised_at_ns)
{
    if (promised_at_ns == 0 || r->lease.round == 0 || read_round < r->lease.round) {
        return;
    }
    watch_clock(r, peer, promised_at_ns);
    if (read_round > peer->promised_round) {
        peer->promised_round = read_round;
    }
    confirm(r);
}

bool raft_is_lease_distrusted(const struct raft *r)
{
    return r->role == RAFT_LEADER && r->now_ns < r->lease.distrusted_until_ns;
}

uint64_t raft_lease_until_ns(const struct raft *r)
{
    uint64_t timeout_ns = r->options.election_timeout_ns;

    if (!raft_is_ready(r) || r->lease.is_void || r->lease.since_ns == 0 || !raft_is_voter(r) ||
        raft_is_lease_distrusted(r)) {
        return 0;
    }
    MUTANT_DO(lease_never_ends, return UINT64_MAX);
    return r->lease.since_ns + timeout_ns - timeout_ns / RAFT_LEASE_MARGIN_PART;
}
