/* election_spread.c - a separate file, so that bench/election_figure.c can link another one and
 * measure the effect of the spread. */
#include "raft/election_rules.h"
#include "raft/raft_state.h"

uint64_t raft_rules_spread_ns(const struct raft *r)
{
    return r->options.election_timeout_ns;
}
