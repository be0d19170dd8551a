/* verify.h - before a node is added, the leader dials it: by the greeting it proves that it has
 * the key of the cluster, that it is the node which is to be added, and that it can be reached
 * there. Nothing else is said to it, and it is told nothing that it could use. */
#ifndef RAKIT_PEER_VERIFY_H
#define RAKIT_PEER_VERIFY_H

#include "peer/peers.h"

enum { VERIFY_MAX = 8 }; /* Under way at once. */

enum verify_result {
    VERIFY_PROVEN,
    VERIFY_UNREACHED,     /* Nobody answers there as a node does, or not in time. */
    VERIFY_KEYLESS,       /* It says that it has no key yet. */
    VERIFY_OTHER_KEY,     /* It has another one. */
    VERIFY_OTHER_VERSION, /* It does not speak this program's protocol. */
    VERIFY_OTHER_NODE,    /* It has the key, but another id. */
    VERIFY_OLDER_LEVEL,   /* It does not know the feature level of the cluster. */
    VERIFY_OTHER_CLUSTER, /* It has the key, but belongs to a cluster with another id. */
};

struct verify_options {
    struct member_address address;
    bool is_member; /* It is connected already, maybe: that is left alone. */
    /* Called once, from the loop. */
    void (*done)(void *context, enum verify_result result);
    void *context;
};

/* NULL: there are as many as there may be. */
struct verify *verify_start(struct peers *p, const struct verify_options *options);
/* `done` is not called any more. May be called until it has been. */
void verify_cancel(struct verify *v);

#endif /* RAKIT_PEER_VERIFY_H */
