/* term_log.h - the log as consensus sees it: the term of each index, stored as runs of equal
 * terms, without payloads. Its memory grows with the number of terms in the log, not with the
 * number of entries.
 *
 * A log begins after its origin, an entry that is not here any more, but whose index and term
 * are known: a snapshot's lastIncludedIndex and lastIncludedTerm (§7). The origin of a log that
 * was never cut is index 0 of term 0.
 *
 * Invariants: runs have rising first indexes and rising terms; the first run starts at the
 * origin, and each of the others has at least one entry. */
#ifndef RAKIT_RAFT_TERM_LOG_H
#define RAKIT_RAFT_TERM_LOG_H

#include <stdbool.h>

#include "raft/types.h"

struct term_run {
    raft_index first_index;
    raft_term term;
};

struct term_log {
    struct term_run *runs; /* The host's memory; room for runs_max + 1. */
    uint32_t run_count;    /* Without the origin's, which is runs[0]. */
    uint32_t runs_max;
    raft_index last_index;
};

/* Empty, with origin 0. */
void term_log_init(struct term_log *log, struct term_run *runs, uint32_t runs_max);
/* Empty, after that entry, whatever was in the log. */
void term_log_begin(struct term_log *log, raft_index index, raft_term term);

/* Drops entries up to `index`, which becomes the origin. CHECKs that it is in the log or is the
 * origin. */
void term_log_compact(struct term_log *log, raft_index index);

/* Moves the table to larger memory; the old memory is not used any more. */
void term_log_move(struct term_log *log, struct term_run *runs, uint32_t runs_max);

raft_index term_log_origin(const struct term_log *log);
/* The term of the last entry; the origin's if the log is empty. */
raft_term term_log_last_term(const struct term_log *log);
/* CHECKs origin <= index <= last_index. */
raft_term term_log_term_at(const struct term_log *log, raft_index index);
/* Whether the entry at `index` has `term`, as far as is known: below the origin, terms are only
 * known not to exceed the origin's. False beyond the end. */
bool term_log_agrees(const struct term_log *log, raft_index index, raft_term term);
/* The first index, the origin included, of the run that contains `index`; CHECKs as above. */
raft_index term_log_first_of_run(const struct term_log *log, raft_index index);
/* The highest index <= `limit` whose term is <= `term`; 0 if there is none from the origin on.
 * CHECKs origin <= limit. */
raft_index term_log_last_not_above(const struct term_log *log, raft_index limit, raft_term term);

/* How many runs the log would have if it were cut after `last_index`. */
uint32_t term_log_runs_up_to(const struct term_log *log, raft_index last_index);
/* Whether one more entry of `term` fits at the end. */
bool term_log_has_room(const struct term_log *log, raft_term term);
/* CHECKs that it fits, and that terms never fall. */
void term_log_append(struct term_log *log, raft_term term, uint64_t entry_count);
/* Drops entries from `index` on; CHECKs that `index` is after the origin and in the log. */
void term_log_truncate_from(struct term_log *log, raft_index index);

#endif /* RAKIT_RAFT_TERM_LOG_H */
