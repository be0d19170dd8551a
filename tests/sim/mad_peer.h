/* mad_peer.h - a process beside a simulated cluster that completes the greeting, because it has
 * the cluster's key, and then sends whatever the test wants. A stranger does not have the key. */
#ifndef RAKIT_TESTS_SIM_MAD_PEER_H
#define RAKIT_TESTS_SIM_MAD_PEER_H

#include "peer/wire.h"
#include "sim/cluster/cluster.h"

static const uint64_t MAD_TIME_US = 1900000000000000; /* Later than any simulated clock. */

struct mad_peer {
    struct io *io;
    struct io_stream stream;
    struct io_connect connect;
    struct buffer out; /* What the test wants to send. */
    struct buffer sending;
    struct buffer in; /* What it has received since. */
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
/* The same, and announces `host` as its address. */
void mad_peer_start_at(struct mad_peer *m, struct cluster *c, const struct node *n, raft_id from,
                       enum wire_channel channel, const char *host);
/* The same without the key: it sends HELLO, and whatever follows instead of the proof. */
void mad_peer_start_stranger(struct mad_peer *m, struct cluster *c, const struct node *n,
                             raft_id from, enum wire_channel channel);
/* Sends what is in `out`. */
void mad_peer_flush(struct mad_peer *m);
void mad_peer_put_frame(struct mad_peer *m, enum wire_type type, struct slice body);
/* Whether it has received these bytes. */
bool mad_peer_has_heard(const struct mad_peer *m, const char *text);
/* Runs the cluster and ignores the checkers, to which a liar is a fault. */
void mad_peer_run_for(struct cluster *c, uint64_t for_ns);
/* Detaches the checkers from now on: they can't handle numbers as large as a liar's. */
void mad_peer_unwatch(struct cluster *c);
void mad_peer_end(struct mad_peer *m);

#endif /* RAKIT_TESTS_SIM_MAD_PEER_H */
