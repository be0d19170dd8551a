/* contact.h - a node's dealings with the contact that it was started with, for as long as the node
 * runs:
 *
 *     JOINING        asks for the key if it has none, then to be added to the contact's cluster
 *                    added -> AWAITING_LOG; refused -> the node ends
 *     AWAITING_LOG   is a member, but has heard of no leader yet
 *                    has a log -> STANDING_BY; after 2 s without one it asks to be added again,
 *                    which changes nothing for a member, and tells a node that it was removed
 *     CHECKING       has a log from an earlier run; asks which cluster the contact is of
 *                    another one -> the node ends; else, or without an answer -> STANDING_BY
 *     STANDING_BY    asks where the contact lives whenever the node misses somebody: every 2 s
 *                    while no leader is known, every 10 s while a member is out of reach
 *
 * It knows of the node what its events report, and of the contact what join.h learns. */
#ifndef RAKIT_SERVER_CONTACT_H
#define RAKIT_SERVER_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "cluster/join.h"
#include "cluster/members.h"
#include "io/io.h"
#include "store/store.h"

/* The state of the node, as far as it matters here. */
struct contact_node {
    uint64_t cluster_id; /* 0: of none yet. */
    bool has_log;
    bool is_over;       /* It is stopping, or was removed: the contact is not needed any more. */
    bool knows_leader;  /* (It may lead itself.) */
    bool misses_member; /* One has been out of reach for a while. */
};

/* Each with the context given, from the loop. */
struct contact_events {
    void *context;
    struct contact_node (*look)(void *context);
    /* With `wants_key`: the contact has handed it over. */
    void (*has_key)(void *context, const struct store_key *key);
    /* The contact's cluster has added this node, which had none. `members` is text for people.
     * False: the node has ended. */
    bool (*added)(void *context, uint64_t cluster_id, const char *members);
    /* The contact is of this node's cluster, and lives there for other nodes. */
    void (*met)(void *context, const struct member_address *contact);
    /* Its cluster says that this node was removed. */
    void (*removed)(void *context);
    /* The node cannot go on, for the reason in `text`. `is_certain`: it has joined nothing. */
    void (*failed)(void *context, bool is_certain, const char *text);
};

struct contact_options {
    struct io *io;
    const struct log *log;
    struct io_address address; /* Of the contact, for clients. */
    struct member_address self;
    bool wants_key; /* Ask for the key of the cluster when joining. */
    struct contact_events events;
};

struct contact;

/* Begins with JOINING, AWAITING_LOG or CHECKING, according to the state of the node. */
struct contact *contact_start(const struct contact_options *options);
/* Frees it at once; NULL is fine. The io must not run any more. */
void contact_free(struct contact *contact);

#endif /* RAKIT_SERVER_CONTACT_H */
