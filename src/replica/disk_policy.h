/* disk_policy.h - what full disks decide: which node leads, and which writes are accepted.
 *
 * A node whose disk is full reports that with each message. It lets others campaign first, and
 * as leader it transfers leadership to a voter with room, so that one full disk alone stops no
 * writes. If no majority could store a write, the leader refuses it: otherwise it would end in
 * doubt. */
#ifndef RAKIT_REPLICA_DISK_POLICY_H
#define RAKIT_REPLICA_DISK_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "peer/wire.h"
#include "raft/raft.h"

struct disk_policy {
    uint64_t election_timeout_ns;
    bool is_full;            /* This node's disk. */
    uint64_t unstored_bytes; /* Bytes from a leader that have found no room since. */
    uint64_t full_ns;        /* Since when it is full. */
    uint64_t refusing_ns;    /* Leader: since when there is no room for growth; 0: there is. */
    uint64_t hand_over_ns;   /* When it last transferred leadership because of that, or tried to. */
    uint64_t pause_ns;       /* For how long it does not try again. */
};

/* What a leader knows about one member, including itself. */
struct disk_view {
    bool is_heard; /* Recently. */
    enum wire_disk disk;
    raft_index match_index; /* What it has certainly stored. */
};

enum disk_outlook {
    DISKS_HAVE_ROOM,   /* A majority of voters has room, as far as is known. */
    DISKS_ARE_TIGHT,   /* Full disks, which have some room left, are needed for a commit. */
    DISKS_ARE_LOW,     /* The same, and it is enough only for what makes room. */
    DISKS_ARE_UNKNOWN, /* One of the last two, but entries under way may need that room. */
    DISKS_ARE_SPENT,   /* A write could not be committed. */
};

void disk_policy_init(struct disk_policy *d, uint64_t election_timeout_ns);
/* Sets the state of this node's disk. Returns whether it has changed. */
bool disk_policy_set_full(struct disk_policy *d, bool is_full);
/* Entries of so many bytes came from a leader, and there was no room. */
void disk_policy_note_unstored(struct disk_policy *d, uint64_t bytes);

/* Leader: whether there is room for growth. Returns whether writes wait: if there is none, for a
 * moment, in which a snapshot may make room. Later they are refused at once. */
bool disk_policy_waits(struct disk_policy *d, bool has_room, uint64_t now_ns);

/* What disks mean for the next write. views[i] is of c->members[i]. */
enum disk_outlook disk_policy_outlook(const struct raft_configuration *c,
                                      const struct disk_view *views, raft_index last_index);
/* The voter, other than `self`, that is heard and has most of the log, preferably with room; 0:
 * none. */
raft_id disk_policy_successor(const struct raft_configuration *c, const struct disk_view *views,
                              raft_id self);
/* The same, but only among those with room that have everything committed. */
raft_id disk_policy_roomy_successor(const struct raft_configuration *c,
                                    const struct disk_view *views, raft_id self,
                                    raft_index commit_index);
/* Whether a full leader may try to transfer leadership now. `is_spent`: it accepts no writes
 * anyway. */
bool disk_policy_may_hand_over(const struct disk_policy *d, bool is_spent, uint64_t now_ns);
/* It tries. */
void disk_policy_note_attempt(struct disk_policy *d, uint64_t now_ns);

#endif /* RAKIT_REPLICA_DISK_POLICY_H */
