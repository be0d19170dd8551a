/* members.h - who is in the cluster and where: the payload of a configuration entry
 * and the history of those that are in the log. The core knows ids and votes; the
 * addresses travel in the same entry and change with it.
 *
 * Invariant: what members_current() returns comes from the configuration entry that
 * the core has in force, so truncating the log takes addresses back exactly too. */
#ifndef RAKIT_CLUSTER_MEMBERS_H
#define RAKIT_CLUSTER_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"
#include "raft/raft.h"
#include "store/entry.h"

enum { MEMBERS_REMOVED_MAX = 4096 }; /* Newest removed ids remembered. */

struct member_address {
    raft_id id;
    struct io_address client; /* Where its clients go. */
    uint16_t peer_port;       /* Where its peers go, on the same host. */
};

struct membership {
    raft_index index; /* Of its entry. */
    struct raft_configuration configuration;
    /* One for each member, in the same order. */
    struct member_address addresses[RAFT_MEMBERS_MAX];
    uint32_t removed_count;
    raft_id *removed; /* Owned: ids that were members once, oldest first. */
};

struct membership *membership_copy(const struct membership *m);
void membership_free(struct membership *m);
/* Whether both are one place; ids do not count. */
bool member_address_equal(const struct member_address *a, const struct member_address *b);
const struct member_address *membership_address(const struct membership *m, raft_id id);
/* The member whose clients go to that address, or NULL. */
const struct member_address *membership_at(const struct membership *m,
                                           const struct io_address *client);
/* The same, but NULL also if there are two: a member may have taken the address of a dead one. */
const struct member_address *membership_only_at(const struct membership *m,
                                                const struct io_address *client);
bool membership_was_removed(const struct membership *m, raft_id id);
/* How many ids begin with these hex digits, four or more, of members and of who was removed (a
 * command given twice must not turn to another one). `ret_id` is set to the last of them. */
uint32_t membership_count_alike(const struct membership *m, struct slice digits, raft_id *ret_id);
/* The configuration entry's payload. Decoding returns NULL on anything malformed. */
struct entry *membership_encode(const struct membership *m);
struct membership *membership_decode(struct slice payload);
/* Whether the entry of `m` has an effect where `before` is the membership in force (NULL: none).
 * That is decided by what the log holds and nothing else, so all nodes decide alike. */
bool membership_may_follow(const struct membership *before, const struct membership *m);
/* The entry as the core is to see it, whose judgment comes out the same. `m` is decoded from it,
 * and lives as long as that is used; NULL for other kinds. */
struct raft_entry membership_core_entry(const struct entry *e, const struct membership *m);

/* The next membership after `m` (NULL: none yet): the configuration given, addresses
 * taken from `m`, or from `fresh` for its id; members that leave become removed. */
struct membership *membership_next(const struct membership *m,
                                   const struct raft_configuration *configuration,
                                   const struct member_address *fresh);

/* The memberships of the log's newest configuration entries. */
struct members {
    uint32_t count;
    struct membership *history[RAFT_CONFIGURATIONS_MAX]; /* Owned; oldest first. */
};

void members_deinit(struct members *m);
/* One that may not follow the newest has no effect. */
void members_append_take(struct members *m, struct membership *membership);
void members_truncate(struct members *m, raft_index from);
/* The one whose entry is at `index`, which is the core's; NULL where that is 0. */
const struct membership *members_current(const struct members *m, raft_index index);

#endif /* RAKIT_CLUSTER_MEMBERS_H */
