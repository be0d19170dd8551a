/* reads.h - the reads beside the log that this node serves. A read waits for the answer to a
 * question: which entries must it see? At the leader the question is a round, which asks the
 * followers whether this node still leads; any other node asks the leader (read_index.h). Then
 * the read waits until everything is applied that was committed when it arrived (I-12). One
 * question is under way at a time, so all reads that arrive meanwhile share the next one. */
#ifndef RAKIT_REPLICA_READS_H
#define RAKIT_REPLICA_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "command/request.h"
#include "raft/raft.h"
#include "replica/requests.h"

struct reads {
    struct list waiting; /* For a question to be asked. */
    struct list asked;   /* They wait for the answer to the question. */
    struct list ready;   /* `ticket` is the index to be applied first. */
    uint64_t number;     /* Of the newest question; of a round, its ticket. */
    bool is_asking;      /* That question is not answered yet. */
};

void reads_init(struct reads *r);
void reads_add(struct reads *r, struct request *request);
/* Some wait, and no question is under way. */
bool reads_want_question(const struct reads *r);
/* Any are here. */
bool reads_are_under_way(const struct reads *r);
/* A question is asked, for all that wait. Only if none is under way. */
void reads_ask(struct reads *r, uint64_t number);
/* The question with that number is answered: its reads see at least that index. No effect if it
 * is not the one under way. */
void reads_confirm(struct reads *r, uint64_t number, raft_index index);
/* The next one that may be served at this applied index, still in its list; NULL: none. */
struct request *reads_next(const struct reads *r, raft_index applied_index);
/* The first one that waits for entries to be applied; NULL: none. */
const struct request *reads_held_up(const struct reads *r, raft_index applied_index);
/* All of them wait again to be placed, in their order; the question under way is void. */
void reads_take_back(struct reads *r, struct requests *requests);
/* Those whose time is over, or all of them, fail. */
void reads_fail_overdue(struct reads *r, struct requests *requests, uint64_t until_ns,
                        const char *error);

#endif /* RAKIT_REPLICA_READS_H */
