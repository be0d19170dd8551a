/* quarantine.h - how a node goes on whose state turned out to be wrong: it answers nothing from
 * that state, keeps a copy of it as evidence, gets a right one, and goes on.
 *
 * There are two ways to know. If its digest differs from a majority's, nobody knows since when,
 * so its own snapshots may be wrong as well: it fetches one of a node that is right. If memory
 * does not hold what was put there, its disk is not concerned, and is enough.
 *
 * Its log is right in any case, so it goes on voting and acknowledging entries. If it is wrong
 * again soon after it was rebuilt, and again, it stays isolated: it needs a person. */
#ifndef RAKIT_REPLICA_QUARANTINE_H
#define RAKIT_REPLICA_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

enum { QUARANTINE_ATTEMPTS_MAX = 3 }; /* Within an hour. */

enum quarantine_phase {
    QUARANTINE_NONE,
    QUARANTINE_KEEPS,    /* The wrong state is written as evidence. */
    QUARANTINE_FETCHES,  /* A snapshot of another node is needed. */
    QUARANTINE_RESTARTS, /* All that is needed is on the disk. */
    QUARANTINE_REBUILDS, /* The state is a new one; entries are applied, and compared. */
    QUARANTINE_STAYS,    /* It was wrong too often. */
};

enum quarantine_reason { QUARANTINE_BY_DIGEST, QUARANTINE_BY_MEMORY };

struct quarantine {
    enum quarantine_phase phase;
    enum quarantine_reason reason;
    uint64_t since_ns;
    uint64_t ended_ns;      /* When the last one ended; 0: never. */
    raft_index index;       /* By digest: where it differed, */
    uint64_t right;         /* and what a majority has there. */
    raft_index until_index; /* Rebuilt up to here, the state is believed again. */
    uint32_t attempts;      /* Of the last hour. */
    uint64_t count;         /* Since the process started. */
};

/* The state is wrong; all up to `applied_index` has been applied to it. False: that was known. */
bool quarantine_begin(struct quarantine *q, enum quarantine_reason reason, raft_index index,
                      uint64_t right, raft_index applied_index, uint64_t now_ns);
/* Whether the node is isolated: it leads nobody if others can, reads nothing from its state, and
 * makes and serves no snapshot. */
static inline bool quarantine_is_on(const struct quarantine *q)
{
    return q->phase != QUARANTINE_NONE;
}
/* Whether entries are applied. */
bool quarantine_applies(const struct quarantine *q);
/* The evidence is written, or can't be. */
void quarantine_note_kept(struct quarantine *q);
/* A right snapshot is on the disk. */
void quarantine_note_fetched(struct quarantine *q);
/* The state was replaced, by a snapshot that was installed. */
void quarantine_note_rebuilt(struct quarantine *q);
/* The replica has started again, for this or for another reason. What is on its own disk does not
 * help if its state differed from a majority's, and no right snapshot was fetched. */
void quarantine_note_restarted(struct quarantine *q);
/* The digest after that entry of the rebuilt state. Whether it is wrong again. */
bool quarantine_is_wrong_again(const struct quarantine *q, raft_index index, uint64_t digest);
/* So much is applied, and nothing was found wrong. Returns whether it is over now. */
bool quarantine_note_applied(struct quarantine *q, raft_index applied_index, uint64_t now_ns);

const char *quarantine_name(const struct quarantine *q);

#endif /* RAKIT_REPLICA_QUARANTINE_H */
