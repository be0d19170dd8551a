/* contact.h - what a node asks the contact that it was started with, for as long as the node
 * runs:
 *
 *     JOINING        asks for the key if it has none, then to be added to the contact's cluster
 *                    added -> AWAITING_LOG; refused -> the node ends
 *     AWAITING_LOG   is a member, but has not heard from a leader yet
 *                    has a log -> STANDING_BY; after 2 s without one it asks to be added again,
 *                    which changes nothing for a member, and fails if the node was removed
 *     CHECKING       has a log from an earlier run; asks which cluster the contact belongs to
 *                    another one -> the node ends; else, or without an answer -> STANDING_BY
 *     STANDING_BY    asks for the contact's address whenever the node misses a member: every 2 s
 *                    while no leader is known, every 10 s while a member is out of reach
 *
 * In the last two states the contact has 2 s to answer. The name may lead elsewhere by then, so
 * the next question is a new connection.
 *
 * This file knows of the node only what its events report, and of the contact only what join.h
 * learns. */
#ifndef RAKIT_SERVER_CONTACT_H
#define RAKIT_SERVER_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "cluster/join.h"
#include "cluster/members.h"
#include "io/io.h"
#include "store/store.h"

/* What this file needs to know about the node. */
struct contact_node {
    uint64_t cluster_id; /* 0: no cluster yet. */
    uint64_t epoch;      /* Of the cluster. */
    bool has_log;
    bool is_over;       /* The node is stopping or was removed, so it needs no contact. */
    bool knows_leader;  /* Also true if it leads itself. */
    bool misses_member; /* A member has been out of reach for a while. */
};

/* Called from the loop with `context`. */
struct contact_events {
    void *context;
    struct contact_node (*look)(void *context);
    /* If `wants_key`: the contact has sent the key. */
    void (*has_key)(void *context, const struct store_key *key);
    /* The contact's cluster has added this node, which had no cluster. `members` is text for
     * people. Returns false if the node has ended. */
    bool (*added)(void *context, const struct join_cluster *cluster, const char *members);
    /* The contact is in this node's cluster, and other nodes reach it at this address. */
    void (*met)(void *context, const struct member_address *contact);
    /* The contact's cluster reports that this node was removed. */
    void (*removed)(void *context);
    /* The node cannot go on, for the reason in `text`. `is_certain`: it has certainly not
     * joined. */
    void (*failed)(void *context, bool is_certain, const char *text);
};

struct contact_options {
    struct io *io;
    const struct log *log;
    struct io_address address; /* The contact's address for clients. */
    struct member_address self;
    bool is_learner;      /* Joins as a learner, and stays one. */
    const char *replaces; /* Joins in the place of that node; NULL: of none. */
    bool wants_key;       /* Ask for the key of the cluster when joining. */
    struct io_tls *tls;   /* Of the connection to it; NULL: it is not encrypted. */
    struct contact_events events;
};

struct contact;

/* Begins in JOINING, AWAITING_LOG or CHECKING, depending on the state of the node. */
struct contact *contact_start(const struct contact_options *options);
/* Frees it at once; NULL is allowed. The io must have stopped. */
void contact_free(struct contact *contact);

#endif /* RAKIT_SERVER_CONTACT_H */
