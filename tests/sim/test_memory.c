/* Memory that is about to run out: growth is refused before it enters the log, so no node ever has
 * to take more than the limit (bounds.c looks), deletes and reads go on, and all nodes stay equal
 * (I-150). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum { SEEDS = SEEDS_OF(4), KB = 1024, MB = 1024 * KB, LIMIT_BYTES = 4 * MB };

static const uint64_t STEP_NS = 5 * SIM_MS;

static void make_tight(struct server_config *config)
{
    config->memory_bytes_max = LIMIT_BYTES;
    config->request_timeout_ns = 2 * SIM_S;
}

static uint64_t count_refused(const struct cluster *c)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        struct replica_stats stats;

        replica_get_stats(c->nodes[i].server->replica, &stats);
        count += stats.no_memory_count;
    }
    return count;
}

static void run_within_bounds(struct cluster *c, uint64_t for_ns)
{
    for (uint64_t ns = 0; ns < for_ns; ns += STEP_NS) {
        calm_cluster_run_for(c, STEP_NS);
        bounds_check(c);
        if (c->verdict.is_guilty) {
            fail_msg("%s", c->verdict.text);
        }
    }
}

/* The witness checks users' commands: what was refused was not executed. */
static void run(uint64_t seed, const struct user_options *users, uint64_t for_ns)
{
    struct cluster *c = calm_cluster_start(seed, make_tight);

    calm_cluster_start_users(c, users);
    run_within_bounds(c, for_ns);
    assert_true(count_refused(c) > 0);
    assert_int_equal(calm_cluster_count_in_doubt(c), 0);
    for (uint32_t i = 0; i < c->user_count; i++) {
        assert_true(user_take_success_count(c->users[i]) > 0); /* Reads and deletes. */
    }
    cluster_free(c);
}

static void test_memory__that_runs_out_under_load_refuses_for_certain(void **state)
{
    const struct user_options users = {.key_count = 20000,
                                       .pipeline_max = 8,
                                       .backlog_max = 16,
                                       .read_percent = 10,
                                       .value_bytes_max = 12000,
                                       .think_ns = 2 * SIM_MS,
                                       .patience_ns = 10 * SIM_S};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed, &users, 15 * SIM_S);
    }
}

/* Small commands through all nodes; each of them may take a fourth of all memory. */
static void test_memory__is_not_exceeded_by_a_storm_of_small_commands(void **state)
{
    const struct user_options users = {.key_count = 8,
                                       .database_count = 4,
                                       .pipeline_max = 16,
                                       .backlog_max = 16,
                                       .read_percent = 5,
                                       .value_bytes_max = 10,
                                       .offset_max = MB,
                                       .think_ns = 20 * SIM_MS,
                                       .patience_ns = 10 * SIM_S};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed, &users, SIM_S);
    }
}

/* A follower with less memory than the others: the leader takes no more than that one can hold. */
static void test_memory__of_the_smallest_voter_is_the_limit(void **state)
{
    const struct user_options users = {.key_count = 8,
                                       .pipeline_max = 4,
                                       .read_percent = 5,
                                       .value_bytes_max = 10,
                                       .offset_max = 400 * KB,
                                       .think_ns = 20 * SIM_MS,
                                       .patience_ns = 10 * SIM_S};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        struct node *small = calm_cluster_follower(c);

        small->config.memory_bytes_max = MB;
        replica_limit_memory(small->server->replica, MB);
        calm_cluster_run_for(c, SIM_S);
        calm_cluster_start_users(c, &users);
        run_within_bounds(c, 2 * SIM_S);
        assert_true(count_refused(c) > 0);
        cluster_free(c);
    }
}

/* A follower that catches up meets many deletes in one turn. */
static void test_memory__is_not_exceeded_by_a_follower_that_catches_up(void **state)
{
    const struct user_options users = {.key_count = 8,
                                       .database_count = 4,
                                       .pipeline_max = 16,
                                       .backlog_max = 16,
                                       .read_percent = 5,
                                       .value_bytes_max = 10,
                                       .offset_max = MB,
                                       .think_ns = 20 * SIM_MS,
                                       .patience_ns = 10 * SIM_S};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, make_tight);
        struct node *follower = calm_cluster_follower(c);

        calm_cluster_start_users(c, &users);
        sim_freeze(follower->machine, sim_now_ns(c->sim) + 2 * SIM_S);
        run_within_bounds(c, 3 * SIM_S);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__that_runs_out_under_load_refuses_for_certain),
        cmocka_unit_test(test_memory__is_not_exceeded_by_a_storm_of_small_commands),
        cmocka_unit_test(test_memory__is_not_exceeded_by_a_follower_that_catches_up),
        cmocka_unit_test(test_memory__of_the_smallest_voter_is_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
