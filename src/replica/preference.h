/* preference.h - when a leader hands over to a voter with a higher priority: only to one that has
 * been fit to lead for a while, and not too often. If that voter keeps losing its place, or does
 * not take over, the pauses grow, so leadership does not go to and fro. */
#ifndef RAKIT_REPLICA_PREFERENCE_H
#define RAKIT_REPLICA_PREFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"
#include "replica/backoff.h"

struct preference {
    uint64_t election_timeout_ns;
    raft_id candidate;     /* The preferred voter that is fit now; 0: none. */
    uint64_t fit_since_ns; /* Since when it is. */
    struct backoff backoff;
};

void preference_init(struct preference *p, uint64_t election_timeout_ns);
/* Leader, several times per election timeout: returns the voter to hand over to now, and counts
 * that as an attempt; 0: none. is_fit[i] is of c->members[i]. */
raft_id preference_look(struct preference *p, const struct raft_configuration *c,
                        const bool *is_fit, raft_id self, uint64_t now_ns);
/* This node does not lead, so it knows nothing about the others. */
void preference_forget(struct preference *p);

#endif /* RAKIT_REPLICA_PREFERENCE_H */
