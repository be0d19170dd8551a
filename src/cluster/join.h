/* join.h - a starting node's talk with its contact, over the contact's client port:
 * asks to be added to its cluster and for the key of it, or (where this node has a cluster
 * already) makes sure that the contact is of the same one. */
#ifndef RAKIT_CLUSTER_JOIN_H
#define RAKIT_CLUSTER_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "cluster/members.h"
#include "io/io.h"
#include "store/store.h"

struct join;

enum join_outcome {
    JOIN_DONE,     /* `cluster_id` is the contact's; `text` names the members of a cluster
                    * that was joined, "host:port,host:port". */
    JOIN_REMOVED,  /* This node was removed from the contact's cluster. */
    JOIN_REFUSED,  /* Not done, and certainly never will be; `text` says why, in a sentence. */
    JOIN_IN_DOUBT, /* May have been done, or be done yet; `text` says why nobody knows. */
};

struct join_options {
    struct io *io;
    const struct log *log;
    struct io_address contact;
    struct member_address self;
    bool only_ask;        /* Do not join: only learn the contact's cluster. */
    bool wants_key;       /* Ask for the key first; a contact elsewhere refuses that. */
    uint64_t patience_ns; /* Go on trying so long where the cluster says "try again". */
    /* With `only_ask`: where the contact is for other nodes, and who it is. */
    void (*met)(void *context, const struct member_address *contact);
    /* With `wants_key`: the contact has handed it over. The node is to prove that it has it from
     * now on, else it is not added. */
    void (*has_key)(void *context, const struct store_key *key);
    /* Called once, from the loop; the join ends with it. */
    void (*done)(void *context, enum join_outcome outcome, uint64_t cluster_id, const char *text);
    void *context;
};

struct join *join_start(const struct join_options *options);
/* Frees it at once, without calling `done`; NULL is fine. The io must not run any more. */
void join_free(struct join *join);

#endif /* RAKIT_CLUSTER_JOIN_H */
