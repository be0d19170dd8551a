/* freshness.h - how old the applied state may be, for reads that may be stale. Whenever a question
 * of reads is answered, everything that was acknowledged before it was asked is in the entries up
 * to the answer's index. So once these are applied, the state is at least as new as the question.
 * Only this node's clock counts. */
#ifndef RAKIT_REPLICA_FRESHNESS_H
#define RAKIT_REPLICA_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

struct freshness {
    uint64_t since_ns;     /* All that was acknowledged before is applied; 0: nothing is known. */
    uint64_t next_ns;      /* The same will be true of this time, */
    raft_index next_index; /* once this is applied; 0: nothing is to come. */
};

/* A question asked at `asked_ns` was answered. */
void freshness_note(struct freshness *f, uint64_t asked_ns, raft_index index);
/* Everything up to there is applied. */
void freshness_note_applied(struct freshness *f, raft_index applied_index);
/* Whether all that was acknowledged `max_age_ns` before `now_ns` is applied. */
bool freshness_is_within(const struct freshness *f, uint64_t now_ns, uint64_t max_age_ns);

#endif /* RAKIT_REPLICA_FRESHNESS_H */
