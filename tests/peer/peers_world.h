/* peers_world.h - the peers' side of two nodes of a cluster, and of a third one if a test starts
 * it, in a simulated world. */
#ifndef RAKIT_TESTS_SERVER_PEERS_WORLD_H
#define RAKIT_TESTS_SERVER_PEERS_WORLD_H

#include "peer/peers.h"
#include "sim/world/sim.h"

#define PEERS_TEST(name) cmocka_unit_test_setup_teardown(name, peers_setup, peers_teardown)

enum { NODES = 2, CLUSTER = 77, PEER_PORT = 18000 };

/* The last one is a machine on which tests may start others. */
extern const char *const names[NODES + 1];
extern const struct store_key the_key;

struct node {
    struct io *io;
    struct peers peers;
    uint32_t version;          /* The newest protocol that it speaks, maybe newer than this
                                * program's; 0: this program's. */
    enum wire_refusal refusal; /* The refusal that it received when it dialed; 0: none. */
    uint64_t connection;       /* On which a command arrived; 0: none. */
    uint32_t lost_count;
    uint32_t forwards_lost_count;
    uint32_t answer_count;
    uint32_t fetch_count;
    uint32_t part_count;
    uint32_t forward_count;
    uint32_t abandoned_count;
    uint32_t read_index_count;
    uint32_t read_index_reply_count;
    bool awaits_message;
    const struct log *log;       /* May be NULL. */
    const struct store_key *key; /* NULL: the_key. */
    bool has_no_cluster;
    uint64_t epoch; /* Of its cluster. */
};

struct world {
    struct sim *sim;
    struct node nodes[NODES + 1]; /* The last one runs only if a test starts it. */
    struct sim_machine *machines[NODES + 1];
    struct io *stranger; /* The test's own process; NULL: none. */
};

/* cmocka's setup and teardown; *state is the world. */
int peers_setup(void **state);
int peers_teardown(void **state);

raft_id id_of(uint32_t i);
struct member_address address_of(uint32_t i);
/* A membership of both nodes, in order. The caller frees it. */
struct membership *both(void);
/* Starts a node there, as a member of that cluster. */
void start_at(struct node *n, struct io *io, const struct member_address *address,
              uint64_t cluster_id);
/* Starts node `i` as a member of that cluster, or restarts it. */
void start_node(struct world *w, uint32_t i, uint64_t cluster_id);
/* Starts the first two nodes, as one cluster. */
void start_both(struct world *w);
/* Starts the test's own process on a machine with that name. */
struct io *start_stranger(struct world *w, const char *name);
void end_stranger(struct world *w);
void end_node(struct node *n, enum sim_death death);
/* Node `i` learns that both are members, and their addresses. */
void dial(struct world *w, uint32_t i);
/* Whether both connections to that node are up. */
bool is_up(const struct peers *p, raft_id id);
void run_ms(struct world *w, uint64_t ms);

#endif /* RAKIT_TESTS_SERVER_PEERS_WORLD_H */
