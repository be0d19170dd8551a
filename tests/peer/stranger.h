/* stranger.h - one end of a connection to a node's peers, played by the test: it dials or
 * listens, and sends in the greeting whatever the test wants, right or wrong. */
#ifndef RAKIT_TESTS_SERVER_STRANGER_H
#define RAKIT_TESTS_SERVER_STRANGER_H

#include "peers_world.h"

struct stranger {
    struct io *io;
    struct link link;
    struct io_connect connect;
    struct io_listener listener;
    struct buffer hello; /* The body of the HELLO that was sent or received. */
    struct wire_challenge challenge;
    unsigned char proof[PROOF_BYTES];
    enum wire_refusal refusal; /* What was received. */
    bool has_hello;
    bool has_challenge;
    bool has_proof;
    bool is_welcome;
    uint32_t frame_count;
    uint32_t closed_count;
};

/* The HELLO that node 0 would send to node 1. */
struct wire_hello stranger_hello(void);

/* Prepares s->connect for io_connect(). */
void stranger_prepare(struct stranger *s, struct io *io);
/* Connects to the peer port of node `i`, and sends nothing. */
void stranger_dial(struct world *w, struct stranger *s, struct io *io, uint32_t i);
void stranger_say_hello(struct world *w, struct stranger *s, const struct wire_hello *hello);
void stranger_say(struct world *w, struct stranger *s, enum wire_type type, struct slice body);
/* Sends a proof by that key for this HELLO and the received CHALLENGE. */
void stranger_prove(struct world *w, struct stranger *s, const struct store_key *key,
                    enum proof_role role, struct slice hello);
/* All of it like a member: dials node 1, gets CHALLENGE, and sends PROOF. */
void stranger_greet(struct world *w, struct stranger *s, struct io *io,
                    const struct wire_hello *hello);

/* Listens on the peer port of that machine. Accepts one connection and refuses others. */
void stranger_listen(struct stranger *s, struct io *io, const char *host);
/* Answers the received HELLO, with a proof by that key and role. */
void stranger_challenge(struct world *w, struct stranger *s, const struct store_key *key,
                        enum proof_role role, raft_id listener);

void stranger_end(struct stranger *s);

#endif /* RAKIT_TESTS_SERVER_STRANGER_H */
