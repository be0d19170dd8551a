#include "raft/election_rules.h"

#include "base/mutant.h"
#include "raft/raft_state.h"

bool raft_rules_pre_vote(void)
{
    return !MUTANT(no_pre_vote);
}

raft_seq raft_rules_ask_after(const struct raft *r)
{
    return raft_after_term(r);
}

/* The vote was split, or our log is not up to date. Asks again soon, at a random time, and with
 * a pre-vote first. */
uint64_t raft_rules_patience_ns(struct raft *r)
{
    MUTANT_DO(refused_candidate_waits, return UINT64_MAX);
    return raft_random_below(r, 2 * r->options.heartbeat_interval_ns);
}
