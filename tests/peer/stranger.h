/* stranger.h - one end of a connection to a node's peers that is played by the test: it dials or
 * listens, and says in the greeting what it is told to, right or wrong. */
#ifndef RAKIT_TESTS_SERVER_STRANGER_H
#define RAKIT_TESTS_SERVER_STRANGER_H

#include "peers_world.h"

struct stranger {
    struct io *io;
    struct link link;
    struct io_connect connect;
    struct io_listener listener;
    struct buffer hello; /* The body of the HELLO that was said or heard. */
    struct wire_challenge challenge;
    unsigned char proof[PROOF_BYTES];
    enum wire_refusal refusal; /* What was heard. */
    bool has_hello;
    bool has_challenge;
    bool has_proof;
    bool is_welcome;
    uint32_t frame_count;
    uint32_t closed_count;
};

/* What node 0 would say to node 1. */
struct wire_hello stranger_hello(void);

/* For io_connect() of s->connect. */
void stranger_prepare(struct stranger *s, struct io *io);
/* Connects to the peer port of node `i`, and says nothing. */
void stranger_dial(struct world *w, struct stranger *s, struct io *io, uint32_t i);
void stranger_say_hello(struct world *w, struct stranger *s, const struct wire_hello *hello);
void stranger_say(struct world *w, struct stranger *s, enum wire_type type, struct slice body);
/* Proves by that key that this HELLO and the CHALLENGE that was heard belong together. */
void stranger_prove(struct world *w, struct stranger *s, const struct store_key *key,
                    enum proof_role role, struct slice hello);
/* All of it as a member does: dials node 1, is challenged, and proves. */
void stranger_greet(struct world *w, struct stranger *s, struct io *io,
                    const struct wire_hello *hello);

/* Listens on the peer port of that machine. Takes one connection and refuses others. */
void stranger_listen(struct stranger *s, struct io *io, const char *host);
/* Answers the HELLO that was heard, with a proof by that key and role. */
void stranger_challenge(struct world *w, struct stranger *s, const struct store_key *key,
                        enum proof_role role, raft_id listener);

void stranger_end(struct stranger *s);

#endif /* RAKIT_TESTS_SERVER_STRANGER_H */
