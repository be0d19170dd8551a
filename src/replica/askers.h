/* askers.h - as leader: the nodes that ask for a read index, and wait for a round to confirm that
 * this node still leads. Each has one question under way; a new one takes its place. */
#ifndef RAKIT_REPLICA_ASKERS_H
#define RAKIT_REPLICA_ASKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

enum { ASKERS_MAX = 2 * RAFT_MEMBERS_MAX };

struct asker {
    raft_id id;
    uint64_t number; /* Of its question. */
    uint64_t ticket; /* Of the round that it waits for; 0: for one to begin. */
};

struct askers {
    uint32_t count;
    struct asker list[ASKERS_MAX];
};

/* A node asks. The same question again changes nothing while it waits; if there are too many
 * nodes, the question is dropped, and comes again. */
void askers_add(struct askers *a, raft_id id, uint64_t number);
/* Some wait for a round to begin. */
bool askers_want_round(const struct askers *a);
/* A round has begun, for all that wait. */
void askers_ask(struct askers *a, uint64_t ticket);
/* Takes out one whose round is confirmed: that round, or an earlier one. False: there is none. */
bool askers_take(struct askers *a, uint64_t ticket, struct asker *ret_asker);
/* This node does not lead any more. */
void askers_forget(struct askers *a);

#endif /* RAKIT_REPLICA_ASKERS_H */
