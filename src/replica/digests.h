/* digests.h - compares the state of this node with those of the others. Each node notes the
 * digest of its state after each entry whose index is a multiple of the interval, so all note
 * theirs after the same entries, and sends it to all members.
 *
 * If a majority of the voters has one digest at an index, a node with another one there is wrong.
 * Without such a majority nobody knows which node is wrong, so none is; nor if the majority is one
 * node, the only voter. Learners do not count, nor do nodes that are isolated: their states are
 * known to be wrong.
 *
 * The latest notes of each node are kept, and of older ones one in 64, so that nodes which apply
 * the same entry at different times find each other's. */
#ifndef RAKIT_REPLICA_DIGESTS_H
#define RAKIT_REPLICA_DIGESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

enum { DIGESTS_INTERVAL = 256, DIGESTS_KEPT = 64 };

struct digest_note {
    raft_index index; /* 0: none. */
    uint64_t digest;
};

/* Each note has its place by its index. */
struct digest_notes {
    struct digest_note latest[DIGESTS_KEPT];
    struct digest_note older[DIGESTS_KEPT]; /* Of each 64th. */
};

/* What another member has reported. */
struct digest_source {
    raft_id id; /* 0: nobody. */
    bool is_isolated;
    struct digest_notes notes;
};

enum digest_outcome {
    DIGESTS_UNKNOWN,     /* Too few nodes have reported theirs. */
    DIGESTS_EQUAL,       /* A majority, with this node, and nobody has another one. */
    DIGESTS_OTHER_WRONG, /* The same, but `other` differs. */
    DIGESTS_DISPUTED,    /* `other` differs, and no majority has one digest, as far as known. */
    DIGESTS_OWN_WRONG,   /* A majority has `right`, and this node has another one. */
};

struct digest_verdict {
    enum digest_outcome outcome;
    raft_index index;
    uint64_t own;
    uint64_t right;
    raft_id other;
};

struct digests {
    raft_index interval; /* A power of two, the same on all nodes. */
    struct digest_notes own;
    struct digest_source sources[RAFT_MEMBERS_MAX];
    struct digest_verdict last; /* At the highest index with an outcome. */
    uint64_t last_ns;
};

/* `interval` 0: the default. */
void digests_init(struct digests *d, raft_index interval);
/* Whether the digest after that entry is noted. */
static inline bool digests_are_due(const struct digests *d, raft_index index)
{
    return (index & (d->interval - 1)) == 0;
}
void digests_note_own(struct digests *d, raft_index index, uint64_t digest);
/* False: it is not known any more, or never was. */
bool digests_find_own(const struct digests *d, raft_index index, uint64_t *ret_digest);
/* This node's state was wrong. */
void digests_forget_own(struct digests *d);

/* A member of `c` has that digest there; index 0: it reports only whether it is isolated. */
void digests_note(struct digests *d, const struct raft_configuration *c, raft_id id,
                  raft_index index, uint64_t digest, bool is_isolated);
bool digests_is_isolated(const struct digests *d, raft_id id);
/* Whether that member has this digest there. */
bool digests_has(const struct digests *d, raft_id id, raft_index index, uint64_t digest);

/* Whether that member agrees with a majority of the voters, other than `self`, at one of the
 * indexes that it has reported last. */
bool digests_has_majority(const struct digests *d, const struct raft_configuration *c, raft_id self,
                          raft_id id);

/* Compares all that is known of that index. */
struct digest_verdict digests_compare(struct digests *d, const struct raft_configuration *c,
                                      raft_id self, raft_index index, uint64_t now_ns);

const char *digest_outcome_name(enum digest_outcome outcome);

#endif /* RAKIT_REPLICA_DIGESTS_H */
