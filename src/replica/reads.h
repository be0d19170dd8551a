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
#include "replica/freshness.h"
#include "replica/requests.h"

struct reads {
    struct list waiting; /* For a question to be asked. */
    struct list asked;   /* They wait for the answer to the question. */
    struct list ready;   /* `ticket` is the index to be applied first. */
    struct list due;     /* To be served from the state as it is. */
    uint64_t number;     /* Of the newest question; of a round, its ticket. */
    uint64_t asked_ns;   /* When it was first asked. */
    bool is_asking;      /* That question is not answered yet. */
    bool wants_refresh;  /* One should be asked, even if no read waits for it. */
    bool wants_lease;    /* The next round should ask for what a lease needs. */
    bool has_leased;     /* Reads that accept a lease are among those that wait. */
    bool may_have_stale; /* Stale reads may be among those that are not due. */
    struct freshness freshness;
};

void reads_init(struct reads *r);
void reads_add(struct reads *r, struct request *request);
/* A question should be asked, and none is under way. */
bool reads_want_question(const struct reads *r);
/* Any are here. */
bool reads_are_under_way(const struct reads *r);
/* A question is asked, for all that wait. Only if none is under way. */
void reads_ask(struct reads *r, uint64_t number, uint64_t now_ns);
/* The question with that number is answered: its reads see at least that index. No effect if it
 * is not the one under way. */
void reads_confirm(struct reads *r, uint64_t number, raft_index index);
/* Makes stale reads due for which the state is fresh enough, and recent enough for their
 * connections. `now_ns` must be exact: a read may have been sent after the loop last looked at its
 * clock. */
void reads_take_stale(struct reads *r, uint64_t now_ns, raft_index applied_index);
/* Leader, under a lease: makes those ready that accept one; they see at least that index. Returns
 * how many. */
uint32_t reads_take_leased(struct reads *r, raft_index index);
/* Whether all that wait accept a lease. */
bool reads_accept_lease(const struct reads *r);
/* Fails the stale reads that wait for a question. */
void reads_fail_stale(struct reads *r, struct requests *requests, const char *error);
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
