/* disk_policy.h - what full disks decide: who leads, and which writes are taken.
 *
 * A node whose disk is full says so with each message. It lets others campaign first, and
 * as leader hands over to a voter that has room, so that a full disk alone stops no writes.
 * If no majority could store a write, the leader refuses it: else it would end in doubt. */
#ifndef RAKIT_REPLICA_DISK_POLICY_H
#define RAKIT_REPLICA_DISK_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "peer/wire.h"
#include "raft/raft.h"

struct disk_policy {
    uint64_t election_timeout_ns;
    bool is_full;            /* This node's disk. */
    uint64_t unstored_bytes; /* So much of a leader's has found no room meanwhile. */
    uint64_t hand_over_ns;   /* When it last gave office up for that, or tried to, */
    uint64_t pause_ns;       /* and for how long it does not again. */
};

/* What a leader knows of one member, itself too. */
struct disk_view {
    bool is_heard; /* Lately. */
    enum wire_disk disk;
    raft_index match_index; /* What it has surely stored. */
};

enum disk_outlook {
    DISKS_HAVE_ROOM,   /* On a majority of voters, as far as is known. */
    DISKS_ARE_TIGHT,   /* It takes full ones to commit a write, which have some room left. */
    DISKS_ARE_UNKNOWN, /* The same, but what is under way may need it. */
    DISKS_ARE_SPENT,   /* A write could not be committed. */
};

void disk_policy_init(struct disk_policy *d, uint64_t election_timeout_ns);
/* How this node's disk is. True: it was not so before. */
bool disk_policy_set_full(struct disk_policy *d, bool is_full);
/* Entries of so many bytes came from a leader, and there was no room. */
void disk_policy_note_unstored(struct disk_policy *d, uint64_t bytes);

/* What disks mean for the next write. views[i] is of c->members[i]. */
enum disk_outlook disk_policy_outlook(const struct raft_configuration *c,
                                      const struct disk_view *views, raft_index last_index);
/* The voter, not `self`, that is heard and has most of the log, of those with room before the
 * others; 0: none. */
raft_id disk_policy_successor(const struct raft_configuration *c, const struct disk_view *views,
                              raft_id self);
/* The same, but of those with room that have all that is committed. */
raft_id disk_policy_roomy_successor(const struct raft_configuration *c,
                                    const struct disk_view *views, raft_id self,
                                    raft_index commit_index);
/* Whether a full leader may try to hand over now. `is_spent`: it takes no writes anyway. */
bool disk_policy_may_hand_over(const struct disk_policy *d, bool is_spent, uint64_t now_ns);
/* It tries. */
void disk_policy_note_attempt(struct disk_policy *d, uint64_t now_ns);

#endif /* RAKIT_REPLICA_DISK_POLICY_H */
