/* quorum.h - what a majority agrees on. In the joint state this needs a majority of C_old and
 * one of C_new, separately (§6); learners never count. */
#ifndef RAKIT_RAFT_QUORUM_H
#define RAKIT_RAFT_QUORUM_H

#include "raft/raft.h"

/* The highest value that a majority of each configuration has reached, if members[i] has reached
 * values[i]. 0 if there are no voters. Used for match indexes (commit), read rounds (reads) and
 * times heard (CheckQuorum). */
uint64_t quorum_value(const struct raft_configuration *c, const uint64_t values[]);

/* Whether the members[i] with bit i in `set` are a majority of each configuration. */
bool quorum_has(const struct raft_configuration *c, uint32_t set);

#endif /* RAKIT_RAFT_QUORUM_H */
