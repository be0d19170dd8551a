/* mad_peer.h - a process beside a simulated cluster that greets nodes properly, knows the
 * cluster's id, and then says whatever the test wants. */
#ifndef RAKIT_TESTS_SIM_MAD_PEER_H
#define RAKIT_TESTS_SIM_MAD_PEER_H

#include "server/wire.h"
#include "sim/cluster.h"

struct mad_peer {
    struct io *io;
    struct io_stream stream;
    struct io_connect connect;
    struct buffer out; /* What the test wants to say. */
    struct buffer sending;
    struct buffer in; /* What was said to it since. */
    bool is_open;
    bool is_sending;
};

/* Connects to the node's peer port and greets it as `from`. */
void mad_peer_start(struct mad_peer *m, struct cluster *c, const struct node *n, raft_id from,
                    enum wire_channel channel);
/* The same, and says that it lives at `host`. */
void mad_peer_start_at(struct mad_peer *m, struct cluster *c, const struct node *n, raft_id from,
                       enum wire_channel channel, const char *host);
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
