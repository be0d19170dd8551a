/* verify.h - before a node is added, the leader dials it. In the greeting the node proves that
 * it has the key of the cluster, that it is the node to be added, and that it is reachable at
 * its address. Nothing else is sent to it, and it learns nothing that it could use. */
#ifndef RAKIT_PEER_VERIFY_H
#define RAKIT_PEER_VERIFY_H

#include "peer/peers.h"

enum { VERIFY_MAX = 8 }; /* At the same time. */

enum verify_result {
    VERIFY_PROVEN,
    VERIFY_UNREACHED,     /* No node answers there, or not in time. */
    VERIFY_KEYLESS,       /* It reports that it has no key yet. */
    VERIFY_OTHER_KEY,     /* It has another key. */
    VERIFY_OTHER_VERSION, /* It does not speak this program's protocol. */
    VERIFY_OTHER_NODE,    /* It has the key, but another id. */
    VERIFY_OLDER_LEVEL,   /* It does not know the feature level of the cluster. */
    VERIFY_OTHER_CLUSTER, /* It has the key, but belongs to a cluster with another id. */
};

struct verify_options {
    struct member_address address;
    bool is_member; /* It may be connected already: that connection is kept. */
    /* Called once, from the loop. */
    void (*done)(void *context, enum verify_result result);
    void *context;
};

/* NULL: too many are under way. */
struct verify *verify_start(struct peers *p, const struct verify_options *options);
/* `done` will not be called. Allowed until `done` was called. */
void verify_cancel(struct verify *v);

#endif /* RAKIT_PEER_VERIFY_H */
