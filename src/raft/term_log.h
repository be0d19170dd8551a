/* term_log.h - the log as consensus sees it: which index has which term, kept as
 * runs of equal terms, never a payload. Its memory grows with the number of
 * terms that left entries, not with the number of entries.
 *
 * Holds at every instant: runs are by rising first index and by rising term; the
 * first run starts at 1; each run has at least one entry. */
#ifndef RAKIT_RAFT_TERM_LOG_H
#define RAKIT_RAFT_TERM_LOG_H

#include "raft/raft.h"

struct term_run {
    raft_index first_index;
    raft_term term;
};

struct term_log {
    struct term_run *runs; /* The host's memory; room for runs_max. */
    uint32_t run_count;
    uint32_t runs_max;
    raft_index last_index;
};

void term_log_init(struct term_log *log, struct term_run *runs, uint32_t runs_max);

/* To larger memory; the old one is the host's again. */
void term_log_move(struct term_log *log, struct term_run *runs, uint32_t runs_max);

/* The term of the last entry; 0 for an empty log. */
raft_term term_log_last_term(const struct term_log *log);
/* 0 for index 0; CHECKs index <= last_index. */
raft_term term_log_term_at(const struct term_log *log, raft_index index);
/* The first index of the run that `index` lies in; CHECKs that it is in the log. */
raft_index term_log_first_of_run(const struct term_log *log, raft_index index);
/* The highest index <= `limit` whose term is <= `term`; 0 where there is none. */
raft_index term_log_last_not_above(const struct term_log *log, raft_index limit, raft_term term);

/* How many runs the log would have, were it cut behind `last_index`. */
uint32_t term_log_runs_up_to(const struct term_log *log, raft_index last_index);
/* Whether one more entry of `term` fits at the end. */
bool term_log_has_room(const struct term_log *log, raft_term term);
/* CHECKs that it fits, and that terms never fall. */
void term_log_append(struct term_log *log, raft_term term, uint64_t entry_count);
/* Drops entries from `index` on; CHECKs that `index` is in the log. */
void term_log_truncate_from(struct term_log *log, raft_index index);

#endif /* RAKIT_RAFT_TERM_LOG_H */
