/* join.h - a starting node's conversation with its contact, over the contact's client port. The
 * node asks to be added to the cluster, and for its key; or, if it has a cluster already, checks
 * that the contact is in the same one. */
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
    JOIN_DONE,     /* `cluster` is the contact's; `text` lists the members of a cluster that
                    * was joined: "host:port,host:port". */
    JOIN_REMOVED,  /* This node was removed from the contact's cluster. */
    JOIN_REFUSED,  /* Not executed, and never will be; `text` says why, in a sentence. */
    JOIN_IN_DOUBT, /* May have been executed, or may be later; `text` says why that is unknown. */
};

struct join_cluster {
    uint64_t id;
    uint64_t epoch; /* Which of its lives: see store/epoch.h. */
};

struct join_options {
    struct io *io;
    const struct log *log;
    struct io_address contact;
    struct member_address self;
    struct io_tls *tls;   /* Of the connection to the contact; NULL: it is not encrypted. */
    bool is_learner;      /* Ask to stay a learner. */
    const char *replaces; /* Ask to take the place of that node; NULL: of none. */
    bool only_ask;        /* Do not join; only ask which cluster the contact is in. */
    bool wants_key;       /* Ask for the key first, which a contact on another machine refuses. */
    uint64_t patience_ns; /* How long to retry while the cluster says "try again". */
    /* With `only_ask`: the contact's id, and its address for other nodes. */
    void (*met)(void *context, const struct member_address *contact);
    /* With `wants_key`: the contact has sent the key. From now on the node must be able to prove
     * that it has it; otherwise it is not added. */
    void (*has_key)(void *context, const struct store_key *key);
    /* Called once, from the loop; it ends the join. */
    void (*done)(void *context, enum join_outcome outcome, const struct join_cluster *cluster,
                 const char *text);
    void *context;
};

struct join *join_start(const struct join_options *options);
/* Frees it at once, without calling `done`; NULL is allowed. The io must have stopped. */
void join_free(struct join *join);

#endif /* RAKIT_CLUSTER_JOIN_H */
