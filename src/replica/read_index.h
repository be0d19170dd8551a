/* read_index.h - how a node that does not lead comes to serve reads itself (dissertation §6.4):
 * it asks the leader up to where it must have applied the log; and how the leader answers.
 *
 * A question has a number that is never used again. The reads that wait for its answer arrived
 * before it was first sent, so whenever and however often it is answered, the answer holds for
 * them; it is repeated under the same number until it is answered.
 *
 * A node that is far behind would have to wait long before it could serve a read. It forwards its
 * reads to the leader instead, until it has caught up. Reads of one connection must not overtake
 * each other, so all of them change their way at the same moment. */
#ifndef RAKIT_REPLICA_READ_INDEX_H
#define RAKIT_REPLICA_READ_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "peer/wire.h"
#include "raft/raft.h"

struct replica;

/* As follower. */
struct read_index {
    uint64_t next_number;
    bool is_distrust_logged;    /* Leader: that clocks differ. */
    bool accepts_lease;         /* All reads of the question do. */
    raft_id asked_id;           /* The node that has the question. */
    uint64_t repeat_ns;         /* When to send it again. */
    raft_index committed_index; /* Committed by the last answer, */
    raft_term committed_term;   /* in that term. */
    raft_index catch_up_to;     /* Reads are forwarded until this is applied; 0: they are not. */
    uint64_t asked_count;       /* Questions so far. */
    uint64_t behind_count;      /* How often this node was behind. */
};

enum read_way {
    READ_HERE,    /* Add it to the reads of this node. */
    READ_FORWARD, /* To the leader. */
    READ_WAIT,    /* Until reads that were forwarded are answered. */
    READ_WAIT_FOR_LEADER,
};

/* `first_number` is random: no answer to an earlier life of this node may match. */
void read_index_init(struct read_index *x, uint64_t first_number);
/* As follower, each turn, before requests are placed: whether this node is behind. */
void read_index_judge(struct replica *r);
/* Entries after `before` were applied in this turn. */
void read_index_note_applied(struct replica *r, raft_index before);
enum read_way read_index_way(const struct replica *r);
/* As follower, each turn, after requests were placed: asks for the reads that wait. */
void read_index_ask(struct replica *r);
void read_index_on_reply(void *context, raft_id from, const struct wire_read_index_reply *w);

/* As leader. */
void read_index_on_question(void *context, raft_id from, const struct wire_read_index *w);
/* Each turn: under a lease, makes the reads ready that accept one. */
void read_index_take_leased(struct replica *r);
/* A round is confirmed: answers those that waited for it. */
void read_index_confirm(struct replica *r, uint64_t ticket, raft_index index);

#endif /* RAKIT_REPLICA_READ_INDEX_H */
