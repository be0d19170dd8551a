/* forwards.h - as follower: the commands that this node has sent to the leader, and their
 * answers.
 *
 * Each has a correlation number, which is never reused, and ends when the leader answers it,
 * refuses it, or can't answer any more. A write that was sent is never sent again, because its
 * leader may have executed it. If the leader changes, the former one gets some time for its
 * answers; meanwhile nothing is sent, so that what it refuses keeps its place in the order. */
#ifndef RAKIT_REPLICA_FORWARDS_H
#define RAKIT_REPLICA_FORWARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "peer/wire.h"
#include "raft/raft.h"
#include "replica/pending.h"
#include "replica/requests.h"

struct forwards {
    uint32_t piece_bytes;      /* Large commands are sent in pieces of this size. */
    struct requests *requests; /* Borrowed. */
    struct pending sent;       /* By correlation number. */
    raft_id leader;            /* The leader that has them. */
    raft_term term;            /* Its term. */
    raft_term refused_term;    /* The leader of that term reports that it is not: send nothing
                                * until there is another. */
    uint64_t grace_ns;         /* It does not lead any more, but may answer until then; 0: it
                                * leads. */
    uint64_t sent_count;       /* So far. */
};

/* Where correlation numbers begin: no answer to an earlier life of this node may match a request
 * of this one. */
void forwards_init(struct forwards *f, struct requests *requests, uint64_t first_correlation);
void forwards_deinit(struct forwards *f);

/* Whether the leader of that term accepts commands, as far as is known. */
bool forwards_may_send(const struct forwards *f, raft_term term);
/* Puts a waiting command into `out` for the leader of that term. `until_ns`, by the leader's
 * clock, is when it may be begun at the latest. */
void forwards_send(struct forwards *f, struct request *request, raft_id leader, raft_term term,
                   uint64_t until_ns, struct buffer *out);
/* Node `from` has answered or refused. Numbers can be guessed, so only the node that was asked
 * is believed. */
void forwards_answered(struct forwards *f, raft_id from, const struct wire_answer *a);
/* Reports to the leader which of its commands were sent by clients that have gone. `out` is for
 * that leader; NULL: not now. */
void forwards_report_abandoned(struct forwards *f, struct buffer *out);
/* Commands with lower correlation numbers were answered or given up. */
uint64_t forwards_held_from(const struct forwards *f);

/* Whether reads are among those that were sent. */
bool forwards_have_reads(const struct forwards *f);

/* There is another leader. The former one may answer until then; 0: it can't. */
void forwards_wind_down(struct forwards *f, uint64_t until_ns);
/* Whether it still may; nothing is sent meanwhile. */
bool forwards_are_winding_down(struct forwards *f);
/* Gives up what was not answered in time. */
void forwards_sweep(struct forwards *f, bool is_removed, uint64_t now_ns);
/* The connection to a node broke. */
void forwards_lost(struct forwards *f, raft_id id);
/* No answers will come. */
void forwards_abandon(struct forwards *f);
/* The node ends. */
void forwards_end(struct forwards *f);

#endif /* RAKIT_REPLICA_FORWARDS_H */
