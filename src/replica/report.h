/* report.h - what RAFT STATUS, MEMBERS and LOG show, as replies. */
#ifndef RAKIT_REPLICA_REPORT_H
#define RAKIT_REPLICA_REPORT_H

#include "replica/state.h"
#include "resp/resp.h"

void report_status(struct replica *r, struct resp_writer *w);
void report_members(struct replica *r, struct resp_writer *w);
/* One line of RAFT LOG: [index, term, kind, text]. */
void report_entry(const struct entry *e, struct resp_writer *w);

#endif /* RAKIT_REPLICA_REPORT_H */
