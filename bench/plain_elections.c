/* plain_elections.c - only the rules of the paper's Figure 2, instead of
 * src/raft/election_rules.c: no pre-vote, requests are sent before the new term is durable, and
 * a candidate that is refused waits for its timeout. */
#include "raft/election_rules.h"

bool raft_rules_pre_vote(void)
{
    return false;
}

raft_seq raft_rules_ask_after(const struct raft *r)
{
    (void)r;
    return 0;
}

uint64_t raft_rules_patience_ns(struct raft *r)
{
    (void)r;
    return UINT64_MAX;
}
