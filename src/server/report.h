/* report.h - what RAFT STATUS, MEMBERS and LOG show, as replies. */
#ifndef RAKIT_SERVER_REPORT_H
#define RAKIT_SERVER_REPORT_H

#include "resp/resp.h"
#include "server/replica_state.h"

void report_status(struct replica *r, struct resp_writer *w);
void report_members(struct replica *r, struct resp_writer *w);
/* One line of RAFT LOG: [index, term, kind, text]. */
void report_entry(const struct entry *e, struct resp_writer *w);

#endif /* RAKIT_SERVER_REPORT_H */
