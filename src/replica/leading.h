/* leading.h - what a replica knows in order to decide who should lead; see leading.c. */
#ifndef RAKIT_REPLICA_LEADING_H
#define RAKIT_REPLICA_LEADING_H

#include "replica/preference.h"
#include "replica/stall.h"

struct leading {
    struct preference preference;
    struct stall stall;
    bool is_reluctant;       /* As the core knows it. */
    uint64_t looked_ns;      /* When a leader last looked at the others. */
    raft_index needed_index; /* What a fit node has: committed an election timeout ago. */
    raft_index needed_next;  /* What it must have after another one. */
    uint64_t needed_ns;      /* When these two were set. */
};

#endif /* RAKIT_REPLICA_LEADING_H */
