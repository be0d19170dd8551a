/* election_rules.h - the additions to elections in the paper's Figure 2, and the spread of
 * timeouts. They are in a separate file, so that bench/ can link other rules and measure the
 * difference. */
#ifndef RAKIT_RAFT_ELECTION_RULES_H
#define RAKIT_RAFT_ELECTION_RULES_H

#include "raft/raft.h"

/* Whether a node asks if it could win before it raises its term (dissertation §9.6). */
bool raft_rules_pre_vote(void);
/* The write that a request for a vote or pre-vote waits for; 0: none. */
raft_seq raft_rules_ask_after(const struct raft *r);
/* How long a candidate that is refused waits at least before it asks again; UINT64_MAX: until
 * its timeout. */
uint64_t raft_rules_patience_ns(struct raft *r);

/* Timeouts are drawn from [the election timeout, that plus this). */
uint64_t raft_rules_spread_ns(const struct raft *r);

#endif /* RAKIT_RAFT_ELECTION_RULES_H */
