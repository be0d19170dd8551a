/* calm_cluster.c - see calm_cluster.h. */
#include "calm_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "replica/replica.h"

enum { NODES = 3, FOUNDING_STEPS_MAX = 600 };

void calm_cluster_run_for(struct cluster *c, uint64_t for_ns)
{
    uint64_t until_ns = sim_now_ns(c->sim) + for_ns;

    while (!c->verdict.is_guilty && sim_step(c->sim, until_ns)) {
    }
    if (c->verdict.is_guilty) {
        fail_msg("%s", c->verdict.text);
    }
}

static bool is_founded(struct cluster *c)
{
    const struct node *leader = cluster_leader(c);
    uint32_t voter_count = 0;

    if (leader == NULL || !raft_is_ready(replica_raft(leader->server->replica))) {
        return false;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        voter_count += cluster_is_voter(&c->nodes[i]);
    }
    return voter_count == NODES;
}

struct cluster *calm_cluster_start(uint64_t seed, void (*adjust)(struct server_config *config))
{
    struct cluster_options options = {.seed = seed, .node_count = NODES, .forbidden = FAULTS_ALL};
    struct cluster *c = cluster_new(&options);

    for (uint32_t i = 0; i < NODES; i++) {
        c->nodes[i].config.piece_bytes = 0; /* Tiny ones, as in the swarm, slow everything down. */
        if (adjust != NULL) {
            adjust(&c->nodes[i].config);
        }
        cluster_start_later(&c->nodes[i], i * 100 * SIM_MS);
    }
    for (int i = 0; i < FOUNDING_STEPS_MAX && !is_founded(c); i++) {
        calm_cluster_run_for(c, 100 * SIM_MS);
    }
    assert_true(is_founded(c));
    return c;
}

static struct io_address pick_node(void *context, struct prng *prng)
{
    struct node *n = context;
    struct io_address address = {.port = CLUSTER_PORT};

    (void)prng;
    snprintf(address.host, sizeof address.host, "%s", n->name);
    return address;
}

void calm_cluster_start_users(struct cluster *c, const struct user_options *options)
{
    while (c->user_count > 0) {
        user_free(c->users[--c->user_count]);
    }
    for (uint32_t i = 0; i < CLUSTER_USERS_MAX; i++) {
        struct user_options own = *options;

        own.sim = c->sim;
        own.witness = c->witness;
        own.verdict = &c->verdict;
        own.number = i;
        own.pick_node = pick_node;
        own.context = &c->nodes[i % NODES];
        c->users[i] = user_new(&own);
        user_start(c->users[i]);
        c->user_count++;
    }
}

uint64_t calm_cluster_count_in_doubt(const struct cluster *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < NODES; i++) {
        struct replica_stats stats;

        replica_get_stats(c->nodes[i].server->replica, &stats);
        sum += stats.in_doubt_count;
    }
    return sum;
}

struct node *calm_cluster_follower(struct cluster *c)
{
    return &c->nodes[cluster_leader(c) == &c->nodes[0] ? 1 : 0];
}
