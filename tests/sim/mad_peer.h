/* mad_peer.h - a process beside a simulated cluster that greets nodes properly, as it has the
 * cluster's key, and then says whatever the test wants. A stranger does not have the key. */
#ifndef RAKIT_TESTS_SIM_MAD_PEER_H
#define RAKIT_TESTS_SIM_MAD_PEER_H

#include "peer/wire.h"
#include "sim/cluster/cluster.h"

static const uint64_t MAD_TIME_US = 1900000000000000; /* Later than any simulated clock. */

struct mad_peer {
    struct io *io;
    struct io_stream stream;
    struct io_connect connect;
    struct buffer out; /* What the test wants to say. */
    struct buffer sending;
    struct buffer in; /* What was said to it since. */
    bool is_open;
    bool is_sending;
    bool has_key;
    bool has_proven;
    struct store_key key;
    raft_id to;
    char hello[WIRE_HELLO_BYTES_MAX];
    size_t hello_size;
};

/* Connects to the node's peer port and greets it as `from`. */
void mad_peer_start(struct mad_peer *m, struct cluster *c, const struct node *n, raft_id from,
                    enum wire_channel channel);
/* The same, and says that it lives at `host`. */
void mad_peer_start_at(struct mad_peer *m, struct cluster *c, const struct node *n, raft_id from,
                       enum wire_channel channel, const char *host);
/* The same without the key: it says hello, and whatever follows comes in place of the proof. */
void mad_peer_start_stranger(struct mad_peer *m, struct cluster *c, const struct node *n,
                             raft_id from, enum wire_channel channel);
/* Sends what is in `out`. */
void mad_peer_flush(struct mad_peer *m);
void mad_peer_put_frame(struct mad_peer *m, enum wire_type type, struct slice body);
/* Whether it was told these bytes. */
bool mad_peer_has_heard(const struct mad_peer *m, const char *text);
/* The cluster goes on, without regard to what the checkers say: to them a liar is a fault. */
void mad_peer_run_for(struct cluster *c, uint64_t for_ns);
/* From now on they see nothing of it: what is as large as liars say is too much for them. */
void mad_peer_unwatch(struct cluster *c);
void mad_peer_end(struct mad_peer *m);

#endif /* RAKIT_TESTS_SIM_MAD_PEER_H */
