/* report.h - what RAFT STATUS, MEMBERS and LOG show, as replies. */
#ifndef RAKIT_REPLICA_REPORT_H
#define RAKIT_REPLICA_REPORT_H

#include "replica/state.h"
#include "resp/resp.h"

void report_status(struct replica *r, struct resp_writer *w);
void report_members(struct replica *r, struct resp_writer *w);
/* One line of RAFT LOG: [index, term, kind, text]. */
void report_entry(const struct entry *e, struct resp_writer *w);
/* The same four, to be elements of an array that the caller has begun. */
void report_entry_fields(const struct entry *e, struct resp_writer *w);
/* With its stages as a fifth element, a map; it is empty if they are not known (any more). */
void report_entry_with_stages(const struct replica *r, const struct entry *e,
                              struct resp_writer *w);
/* RAFT SLOW: on which nodes entries wait, and the slowest ones. */
void report_slow(const struct replica *r, struct resp_writer *w);

#endif /* RAKIT_REPLICA_REPORT_H */
