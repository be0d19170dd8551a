/* members.h - who is in the cluster, and their addresses: the payload of a configuration entry,
 * and the history of those in the log. The core knows ids and votes; the addresses are in the
 * same entry and change with it.
 *
 * Invariant: members_current() returns the membership of the configuration entry that the core
 * has in force, so truncating the log restores the previous addresses, too. */
#ifndef RAKIT_CLUSTER_MEMBERS_H
#define RAKIT_CLUSTER_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/member_name.h"
#include "io/io.h"
#include "raft/raft.h"
#include "store/entry.h"

enum { MEMBERS_REMOVED_MAX = 4096 }; /* So many removed ids, the newest, are remembered. */

/* The priority of a member as people give it: 0 never leads; of the others, the voter with the
 * highest should lead. The core keeps it as never_leads and precedence. */
enum { MEMBER_PRIORITY_DEFAULT = 1, MEMBER_PRIORITY_MAX = 100 };

struct member_address {
    raft_id id;
    struct io_address client;       /* For its clients. */
    uint16_t peer_port;             /* For its peers, on the same host. */
    char name[MEMBER_NAME_MAX + 1]; /* What people call it; "": it has no name. */
};

struct membership {
    raft_index index; /* Index of its entry. */
    struct raft_configuration configuration;
    /* One per member, in the same order. */
    struct member_address addresses[RAFT_MEMBERS_MAX];
    uint32_t removed_count;
    raft_id *removed; /* Owned: ids that are members no longer, oldest first. */
};

struct membership *membership_copy(const struct membership *m);
void membership_free(struct membership *m);
/* Whether both are the same address; ids and names do not count. */
bool member_address_equal(const struct member_address *a, const struct member_address *b);
const struct member_address *membership_address(const struct membership *m, raft_id id);
/* The member with that address for clients, or NULL. */
const struct member_address *membership_at(const struct membership *m,
                                           const struct io_address *client);
/* The same, but NULL also if there are two: a member may have taken the address of a dead one. */
const struct member_address *membership_only_at(const struct membership *m,
                                                const struct io_address *client);
bool membership_was_removed(const struct membership *m, raft_id id);
/* The member with that name, or NULL. Until a voter is replaced, its name means that voter, even
 * if the node that replaces it has the same name. */
const struct member_address *membership_named(const struct membership *m, struct slice name);
/* Whether the member `id`, which may be new and replace `replaced` (0: nobody), may have that
 * name: no other member has it. */
bool membership_may_name(const struct membership *m, raft_id id, raft_id replaced,
                         struct slice name);
unsigned member_priority(const struct raft_member *member);
void member_set_priority(struct raft_change *change, unsigned priority);
/* How many ids of members and of removed nodes begin with these hex digits, four or more.
 * Removed ones count, so that a repeated command does not affect another node. `ret_id` is set
 * to the last match. */
uint32_t membership_count_alike(const struct membership *m, struct slice digits, raft_id *ret_id);
/* The configuration entry's payload. Decoding returns NULL if anything is malformed. */
struct entry *membership_encode(const struct membership *m);
struct membership *membership_decode(struct slice payload);
/* Whether that payload names members other than this one. True if it is not a membership, because
 * nothing is known then. */
bool membership_names_others(struct slice payload, raft_id id);
/* Whether the entry of `m` has an effect if `before` is the membership in force (NULL: none).
 * This depends on the log alone, so all nodes decide alike. */
bool membership_may_follow(const struct membership *before, const struct membership *m);
/* The entry for the core, with the same outcome of membership_may_follow(). `m` was decoded from
 * the entry and must live as long as the result; NULL for other kinds of entries. */
struct raft_entry membership_core_entry(const struct entry *e, const struct membership *m);

/* The membership after `m` (NULL: none yet): the given configuration, with addresses and names
 * from `m`, or from `fresh` for its id. Members that leave become removed. */
struct membership *membership_next(const struct membership *m,
                                   const struct raft_configuration *configuration,
                                   const struct member_address *fresh);

/* The membership of this node alone, which begins an epoch. All others become removed. */
struct membership *membership_alone(const struct membership *m, const struct member_address *self,
                                    uint64_t epoch);

/* The memberships of the newest configuration entries in the log. */
struct members {
    uint32_t count;
    struct membership *history[RAFT_CONFIGURATIONS_MAX]; /* Owned; oldest first. */
};

void members_deinit(struct members *m);
/* A membership that may not follow the newest one has no effect. */
void members_append_take(struct members *m, struct membership *membership);
void members_truncate(struct members *m, raft_index from);
/* The membership of the entry at `index`, which must be the core's; NULL if that is 0. */
const struct membership *members_current(const struct members *m, raft_index index);

#endif /* RAKIT_CLUSTER_MEMBERS_H */
