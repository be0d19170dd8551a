/* replica_world.h - replicas with their peers in a simulated world, without servers and clients. */
#ifndef RAKIT_TESTS_REPLICA_REPLICA_WORLD_H
#define RAKIT_TESTS_REPLICA_REPLICA_WORLD_H

#include "command/table.h"
#include "peer/peers.h"
#include "replica/replica.h"
#include "sim/world/sim.h"

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

enum { WORLD_NODES = 3, WORLD_PORT = 8000, WORLD_PEER_PORT = 18000 };

struct world_node {
    struct world *world;
    const char *name;
    struct sim_machine *machine;
    struct io *io; /* NULL: it is not up. */
    struct peers peers;
    struct replica *replica;
};

/* Node 0 has founded a cluster, and leads it. */
struct world {
    struct sim *sim;
    struct command_table commands; /* RAFT, and REQUEST_LOG. */
    struct world_node nodes[WORLD_NODES];
};

int world_setup(void **state);
int world_teardown(void **state);
void world_run_ms(struct world *w, uint64_t ms);
/* A node that can be added: it has the key of the cluster. */
void world_start_newcomer(struct world *w, uint32_t i);
/* It was added. */
void world_join(struct world *w, uint32_t i);
void world_stop(struct world *w, uint32_t i);

/* A RAFT command of a client of node `i`. */
struct world_call {
    struct request request;
    struct buffer out;
    struct resp_writer writer;
    bool is_answered;
};

/* Words are separated by blanks. */
void world_call(struct world *w, uint32_t i, struct world_call *call, const char *words);
void world_call_deinit(struct world_call *call);
/* Calls, and lets time pass until it is answered, but at most 15 s. Returns the reply, which is
 * valid until the next call. */
const char *world_ask(struct world *w, uint32_t i, const char *words);
/* "RAFT ADD" with the id and the addresses of node `i`, which must be up. */
const char *world_add_words(struct world *w, uint32_t i);
/* The id in hex. */
const char *world_id(struct world *w, uint32_t i);

#endif /* RAKIT_TESTS_REPLICA_REPLICA_WORLD_H */
