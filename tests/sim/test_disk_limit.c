/* Nodes with a limit on their directories: they never exceed it, overwriting goes on for ever, and
 * data that grows is refused, until some of it is deleted (I-210, I-211). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"
#include "store/store.h"

enum {
    SEEDS = SEEDS_OF(4),
    KB = 1024,
    SEGMENT_BYTES = 64 * KB,
    LIMIT_BYTES = 1024 * KB,
    SMALL_SEGMENT_BYTES = 8 * KB,
    SMALL_LIMIT_BYTES = 400 * KB,
};

static const uint64_t STEP_NS = 20 * SIM_MS;

/* Twenty keys, written over and over. */
static const struct user_options overwriters = {.key_count = 20,
                                                .pipeline_max = 8,
                                                .backlog_max = 16,
                                                .read_percent = 5,
                                                .value_bytes_max = 4000,
                                                .think_ns = SIM_MS,
                                                .patience_ns = 30 * SIM_S};

/* So many keys that they do not fit; a part of the commands are deletes. */
static const struct user_options growers = {.key_count = 1000,
                                            .pipeline_max = 8,
                                            .backlog_max = 16,
                                            .read_percent = 5,
                                            .value_bytes_max = 4000,
                                            .think_ns = SIM_MS,
                                            .patience_ns = 30 * SIM_S};

/* Values for which no ordinary segment has room. */
static const struct user_options large_growers = {.key_count = 100,
                                                  .pipeline_max = 4,
                                                  .backlog_max = 8,
                                                  .read_percent = 5,
                                                  .value_bytes_max = 12000,
                                                  .think_ns = SIM_MS,
                                                  .patience_ns = 30 * SIM_S};

static void limit(struct server_config *config)
{
    config->segment_bytes = SEGMENT_BYTES;
    config->disk_bytes_max = LIMIT_BYTES;
    config->snapshot_after_bytes = LIMIT_BYTES;
    config->in_flight_bytes_max = 1024 * KB;
    config->request_timeout_ns = 2 * SIM_S;
}

static void limit_less(struct server_config *config)
{
    limit(config);
    config->disk_bytes_max = 4 * LIMIT_BYTES;
    config->snapshot_after_bytes = 4 * LIMIT_BYTES;
}

static void limit_large(struct server_config *config)
{
    limit(config);
    config->segment_bytes = SMALL_SEGMENT_BYTES;
    config->disk_bytes_max = SMALL_LIMIT_BYTES;
}

static struct store_stats stats_of(const struct node *n)
{
    struct store_stats stats;

    store_get_stats(replica_store(n->server->replica), &stats);
    return stats;
}

static uint64_t count_refused(const struct cluster *c)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        struct replica_stats stats;

        replica_get_stats(c->nodes[i].server->replica, &stats);
        count += stats.no_room_count;
    }
    return count;
}

static uint64_t count_written(const struct cluster *c)
{
    return stats_of(&c->nodes[0]).written_bytes;
}

/* Looks at each step whether a node takes more than it may. */
static void run_within(struct cluster *c, uint64_t bytes_max, uint64_t for_ns)
{
    for (uint64_t ns = 0; ns < for_ns; ns += STEP_NS) {
        calm_cluster_run_for(c, STEP_NS);
        for (uint32_t i = 0; i < c->node_count; i++) {
            assert_in_range(sim_disk_bytes(c->nodes[i].machine), 0, bytes_max);
        }
    }
}

static void test_limit__lets_keys_be_overwritten_for_ever(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, limit_less);

        calm_cluster_start_users(c, &overwriters);
        for (int i = 0; i < 200 && count_written(c) < 8 * LIMIT_BYTES; i++) {
            run_within(c, 4 * LIMIT_BYTES, SIM_S);
        }
        assert_true(count_written(c) >= 8 * LIMIT_BYTES);
        assert_int_equal(count_refused(c), 0);
        assert_int_equal(calm_cluster_count_in_doubt(c), 0);
        cluster_free(c);
    }
}

static uint64_t count_keys(const struct cluster *c)
{
    return keyspace_count_all(replica_keyspace(c->nodes[0].server->replica));
}

static bool has_grown(const struct cluster *c, uint64_t least)
{
    return least != UINT64_MAX && count_keys(c) >= least + 3;
}

/* Waits until the limit has refused something more, and then let something in again. */
static void pass_the_limit(struct cluster *c, uint64_t bytes_max)
{
    uint64_t refused = count_refused(c);
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < 200 && count_refused(c) == refused; i++) {
        run_within(c, bytes_max, SIM_S);
    }
    assert_true(count_refused(c) > refused);
    for (int i = 0; i < 200 && !has_grown(c, least); i++) {
        least = count_keys(c) < least ? count_keys(c) : least;
        run_within(c, bytes_max, SIM_S);
    }
    assert_true(has_grown(c, least));
}

static void check_growth(uint64_t seed, void (*adjust)(struct server_config *config),
                         const struct user_options *users, uint64_t bytes_max)
{
    struct cluster *c = calm_cluster_start(seed, adjust);

    calm_cluster_start_users(c, users);
    pass_the_limit(c, bytes_max);
    pass_the_limit(c, bytes_max);
    /* With more room, nothing is refused any more. */
    for (uint32_t i = 0; i < c->node_count; i++) {
        replica_limit_disk(c->nodes[i].server->replica, 0);
    }
    calm_cluster_run_for(c, 3 * SIM_S);

    uint64_t refused = count_refused(c);

    calm_cluster_run_for(c, 5 * SIM_S);
    assert_int_equal(count_refused(c), refused);
    cluster_free(c);
}

static void test_limit__refuses_growth_and_lets_deletes_make_room(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        check_growth(seed, limit, &growers, LIMIT_BYTES);
    }
}

/* A node that lags fetches a snapshot, which takes its room beside what is there. */
static void test_limit__is_kept_by_values_larger_than_a_segment(void **state)
{
    static const uint64_t with_fetched = SMALL_LIMIT_BYTES + SMALL_LIMIT_BYTES / 2;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        check_growth(seed, limit_large, &large_growers, with_fetched);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit__lets_keys_be_overwritten_for_ever),
        cmocka_unit_test(test_limit__refuses_growth_and_lets_deletes_make_room),
        cmocka_unit_test(test_limit__is_kept_by_values_larger_than_a_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
