/* reads.h - the leader's reads beside the log. A read waits for a round, which asks the
 * followers whether this node still leads. Once its round is confirmed, the read waits until
 * everything is applied that was committed when it arrived (I-12). One round is under way at a
 * time, so all reads that arrive meanwhile share the next one. */
#ifndef RAKIT_REPLICA_READS_H
#define RAKIT_REPLICA_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "command/request.h"
#include "raft/raft.h"

struct reads {
    struct list waiting;       /* For a round to begin. */
    struct list asked;         /* `ticket` is that of their round. */
    struct list ready;         /* Confirmed: `ticket` is the index to be applied first. */
    uint64_t asked_ticket;     /* Of the newest round. */
    uint64_t confirmed_ticket; /* Of the newest confirmed round. */
};

void reads_init(struct reads *r);
void reads_add(struct reads *r, struct request *request);
/* Some wait, and no round is under way. */
bool reads_want_round(const struct reads *r);
/* A round has begun, for all that wait. Its ticket is higher than all before. */
void reads_ask(struct reads *r, uint64_t ticket);
/* That round is confirmed, and all before it: its reads see at least that index. */
void reads_confirm(struct reads *r, uint64_t ticket, raft_index index);
/* The next one that may be served at this applied index, still in its list; NULL: none. */
struct request *reads_next(const struct reads *r, raft_index applied_index);
/* Leadership is lost, so rounds under way are never confirmed. The caller empties the lists. */
void reads_forget_rounds(struct reads *r);

#endif /* RAKIT_REPLICA_READS_H */
