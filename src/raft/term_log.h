/* term_log.h - the log as consensus sees it: which index has which term, kept as
 * runs of equal terms, never a payload. Its memory grows with the number of
 * terms that left entries, not with the number of entries.
 *
 * A log begins behind its origin, an entry that is not here any more, but whose index and term
 * are known: what a snapshot names as lastIncludedIndex and lastIncludedTerm (§7). The origin of
 * a log that was never cut is index 0 of term 0.
 *
 * Holds at every instant: runs are by rising first index and by rising term; the first run
 * starts at the origin, and each of the others has at least one entry. */
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

/* Empty, and from the very beginning. */
void term_log_init(struct term_log *log, struct term_run *runs, uint32_t runs_max);
/* Empty, and behind that entry, whatever was in it. */
void term_log_begin(struct term_log *log, raft_index index, raft_term term);

/* Drops entries up to `index`, which becomes the origin. CHECKs that it is in the log, or is the
 * origin. */
void term_log_compact(struct term_log *log, raft_index index);

/* To larger memory; the old one is the host's again. */
void term_log_move(struct term_log *log, struct term_run *runs, uint32_t runs_max);

raft_index term_log_origin(const struct term_log *log);
/* The term of the last entry; the origin's for an empty log. */
raft_term term_log_last_term(const struct term_log *log);
/* CHECKs origin <= index <= last_index. */
raft_term term_log_term_at(const struct term_log *log, raft_index index);
/* Whether the entry at `index` is of `term`, as far as is known: below the origin no term is
 * known, but none is above the origin's. False beyond the end. */
bool term_log_agrees(const struct term_log *log, raft_index index, raft_term term);
/* The first index, the origin included, of the run that `index` lies in; CHECKs the same. */
raft_index term_log_first_of_run(const struct term_log *log, raft_index index);
/* The highest index <= `limit` whose term is <= `term`; 0 if none from the origin on is.
 * CHECKs origin <= limit. */
raft_index term_log_last_not_above(const struct term_log *log, raft_index limit, raft_term term);

/* How many runs the log would have, were it cut behind `last_index`. */
uint32_t term_log_runs_up_to(const struct term_log *log, raft_index last_index);
/* Whether one more entry of `term` fits at the end. */
bool term_log_has_room(const struct term_log *log, raft_term term);
/* CHECKs that it fits, and that terms never fall. */
void term_log_append(struct term_log *log, raft_term term, uint64_t entry_count);
/* Drops entries from `index` on; CHECKs that `index` is behind the origin and in the log. */
void term_log_truncate_from(struct term_log *log, raft_index index);

#endif /* RAKIT_RAFT_TERM_LOG_H */
