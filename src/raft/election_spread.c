/* election_spread.c - in a file of its own, so that bench/election_figure.c can link another one
 * in its place, and draw what the spread is worth. */
#include "raft/election_rules.h"
#include "raft/raft_state.h"

uint64_t raft_rules_spread_ns(const struct raft *r)
{
    return r->options.election_timeout_ns;
}
