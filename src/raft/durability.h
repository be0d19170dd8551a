/* durability.h - up to which index the log is durable. The disk acknowledges writes by number;
 * only this file derives from that what is durable (I-4): a write covers the log as it was then,
 * except what was cut since. */
#ifndef RAKIT_RAFT_DURABILITY_H
#define RAKIT_RAFT_DURABILITY_H

#include <stdbool.h>

#include "raft/types.h"

enum { DURABILITY_WRITES_MAX = 64 }; /* Distinguished while under way; see durability_note(). */

/* Once `seq` is durable, so is the log up to last_index. */
struct durability_write {
    raft_seq seq;
    raft_index last_index;
};

/* Zeroed at first. */
struct durability {
    raft_seq last_seq;    /* The last number given out. */
    raft_seq durable_seq; /* The last write reported durable. */
    raft_index index;     /* The log is durable up to here. */
    uint32_t write_first; /* A ring, by rising seq. */
    uint32_t write_count;
    struct durability_write writes[DURABILITY_WRITES_MAX];
};

/* The number of a new write. */
raft_seq durability_next_seq(struct durability *d);
/* That write is under way; with it the log ends at `last_index`. If there are too many, the
 * newest also stands for the previous one: credit then comes later, never too early. */
void durability_note(struct durability *d, raft_seq seq, raft_index last_index);
/* All writes up to `seq` are durable. False if that was known. CHECKs that the number was given
 * out. */
bool durability_reach(struct durability *d, raft_seq seq);
/* Entries from `index` on are cut. Writes under way no longer cover what replaces them:
 * otherwise the acknowledgement of a dropped entry would count for another one at its index. */
void durability_cut(struct durability *d, raft_index index);
/* A snapshot is durable: the log begins after `origin` now, and ends at `last_index`. */
void durability_begin(struct durability *d, raft_index origin, raft_index last_index);
/* The write to wait for until `seq` is durable; 0: it is. */
raft_seq durability_pending(const struct durability *d, raft_seq seq);
/* CHECKs that the ring is in order, and that nothing beyond the log's end counts as durable. */
void durability_check(const struct durability *d, raft_index last_index);

#endif /* RAKIT_RAFT_DURABILITY_H */
