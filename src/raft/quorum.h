/* quorum.h - what a majority agrees on. While the joint state lasts it takes a
 * majority of C_old and one of C_new, each by itself (§6); learners never count. */
#ifndef RAKIT_RAFT_QUORUM_H
#define RAKIT_RAFT_QUORUM_H

#include "raft/raft.h"

/* The highest value that a majority of each configuration has reached, where
 * members[i] has reached values[i]. 0 where nobody votes. It is asked about match
 * indexes (commit), read rounds (reads) and times heard (CheckQuorum) alike. */
uint64_t quorum_value(const struct raft_configuration *c, const uint64_t values[]);

/* Whether members[i] for each bit i of `set` make a majority of each configuration. */
bool quorum_has(const struct raft_configuration *c, uint32_t set);

#endif /* RAKIT_RAFT_QUORUM_H */
