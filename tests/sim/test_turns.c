/* One client asks for much: others are answered soon meanwhile, and the leader stays in office.
 * What commands cost takes simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "server/replica.h"
#include "sim/heavy.h"

enum { KEYS = 200, SEEDS = 3, RUN_S = 2 };

static const uint64_t others_wait_ns = 50 * SIM_MS;

/* So that what takes time is the work. */
static void make_fast(struct cluster *c)
{
    const struct sim_disk_profile disk = {
        .latency_min_ns = 100 * SIM_US, .latency_max_ns = SIM_MS, .capacity_bytes = UINT64_MAX};
    const struct sim_network network = {.delay_min_ns = 50 * SIM_US,
                                        .delay_max_ns = 200 * SIM_US,
                                        .window_bytes = 1024 * 1024,
                                        .break_min_ns = SIM_S,
                                        .break_max_ns = SIM_S};

    sim_set_network(c->sim, &network);
    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_set_disk(c->nodes[i].machine, &disk);
    }
}

static uint64_t count_elections(const struct cluster *c)
{
    struct checker_stats stats;

    checker_get_stats(c->checker, &stats);
    return stats.election_count;
}

static void attack(struct cluster *c, const struct node *n)
{
    struct io_address address = {.port = CLUSTER_PORT};
    uint64_t elections_before = count_elections(c);
    const struct node *leader = cluster_leader(c);
    struct heavy heavy;

    heavy_init(&heavy, c->sim, "heavy");
    heavy.batch_max = 2000;
    heavy.think_ns = 5 * SIM_MS;
    heavy.key_count = KEYS;
    snprintf(address.host, sizeof address.host, "%s", n->name);
    heavy_start(&heavy, &address);
    calm_cluster_run_for(c, RUN_S * SIM_S);
    assert_true(heavy.sent_count > 100);
    heavy_deinit(&heavy);
    assert_ptr_equal(cluster_leader(c), leader);
    assert_int_equal(count_elections(c), elections_before);
}

/* Fails where a user waits for longer than its patience. */
static void test_turns__of_others_come_whatever_one_client_sends(void **state)
{
    const struct user_options users = {.key_count = KEYS,
                                       .pipeline_max = 4,
                                       .backlog_max = 8,
                                       .read_percent = 50,
                                       .value_bytes_max = 2000,
                                       .think_ns = 10 * SIM_MS,
                                       .patience_ns = 10 * SIM_S};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);

        make_fast(c);
        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 2 * SIM_S); /* The keyspace fills. */
        for (uint32_t i = 0; i < c->user_count; i++) {
            user_calm(c->users[i], others_wait_ns);
        }
        attack(c, seed % 2 == 0 ? cluster_leader(c)
                                : &c->nodes[cluster_leader(c) == &c->nodes[0] ? 1 : 0]);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns__of_others_come_whatever_one_client_sends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
