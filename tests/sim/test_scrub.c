/* Everything on the disks is read again and again while the nodes serve: what is sound is never
 * called damaged, and what is damaged is found and mended before it is needed (I-174). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/state.h"

static const struct user_options users = {
    .key_count = 50,
    .pipeline_max = 5,
    .backlog_max = 20,
    .value_bytes_max = 500,
    .think_ns = 20 * SIM_MS,
    .patience_ns = 2 * SIM_S,
};

static void scrub_often(struct server_config *config)
{
    config->segment_bytes = 16 * 1024;
    config->scrub_period_ns = 300 * SIM_MS;
    config->scrub_rate_bytes = 0;
    config->snapshot_after_bytes = 1ull << 40;
    config->snapshot_after_entries = 1ull << 40;
}

static void cut_often(struct server_config *config)
{
    scrub_often(config);
    config->scrub_rate_bytes = 4 * 1024 * 1024; /* Much happens during a pass. */
    config->snapshot_after_bytes = 16 * 1024;
    config->log_tail_bytes = 0;
    config->log_memory_bytes = 1024;
}

static struct replica *replica_of(const struct node *n)
{
    return n->server->replica;
}

static void rest(struct cluster *c)
{
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    calm_cluster_run_for(c, 3 * SIM_S);
}

static void assert_whole(struct cluster *c)
{
    const struct replica *leader;

    rest(c);
    assert_non_null(cluster_leader(c));
    leader = replica_of(cluster_leader(c));
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct replica *r = replica_of(&c->nodes[i]);

        assert_true(r->is_running);
        assert_false(replica_lacks_entries(r));
        assert_int_equal(replica_applied_index(r), replica_applied_index(leader));
        assert_true(keyspace_digest(replica_keyspace(r)) ==
                    keyspace_digest(replica_keyspace(leader)));
    }
}

static void test_scrub__finds_nothing_where_nothing_is_damaged(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(6); seed++) {
        struct cluster *c = calm_cluster_start(seed, cut_often);

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 10 * SIM_S);
        for (uint32_t i = 0; i < 3; i++) {
            const struct scrubber *s = &replica_of(&c->nodes[i])->scrubber;

            assert_true(s->pass_count > 5);
            assert_int_equal(s->damage_count, 0);
            assert_true(s->last_bytes > 512);
        }
        assert_int_equal(c->sometimes.counts[SOMETIMES_RESTARTED], 0);
        assert_true(c->sometimes.counts[SOMETIMES_LOG_CUT] > 0);
        assert_whole(c);
        cluster_free(c);
    }
}

static void spoil(struct node *n, const char *name, uint64_t offset)
{
    struct sim_rot rot = {.offset = offset};
    struct prng prng = {1};

    snprintf(rot.path, sizeof rot.path, "%.16s/%.46s", n->config.data_dir, name);
    n->has_disk_trouble = true;
    sim_rot_strike(n->machine, &prng, &rot, SIM_ROT_UNREADABLE);
}

/* Of the leader or of a follower; nobody would have read it for long. */
static void test_scrub__mends_an_old_entry(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(4); seed++) {
        struct cluster *c = calm_cluster_start(seed, scrub_often);
        struct node *n = &c->nodes[seed % 3];

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 3 * SIM_S);
        spoil(n, "log-0000000000000001.seg", 512 * 8);
        calm_cluster_run_for(c, 10 * SIM_S);
        assert_int_equal(c->sometimes.counts[SOMETIMES_RESTARTED], 1);
        assert_int_equal(c->sometimes.counts[SOMETIMES_REPAIRED], 1);
        assert_whole(c);
        assert_int_equal(replica_of(n)->scrubber.damage_count, 0);
        cluster_free(c);
    }
}

static uint64_t doubt_count(const struct cluster *c)
{
    struct witness_stats stats;

    witness_get_stats(c->witness, &stats);
    return stats.doubt_count;
}

/* It hands over before it starts again, so nothing is in doubt. */
static void test_scrub__of_a_leader_costs_its_clients_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(6); seed++) {
        struct cluster *c = calm_cluster_start(seed, scrub_often);
        struct node *n = cluster_leader(c);

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 3 * SIM_S);
        assert_ptr_equal(cluster_leader(c), n);
        spoil(n, "log-0000000000000001.seg", 512 * 8);
        calm_cluster_run_for(c, 10 * SIM_S);
        assert_int_equal(c->sometimes.counts[SOMETIMES_RESTARTED], 1);
        assert_int_equal(c->sometimes.counts[SOMETIMES_REPAIRED], 1);
        assert_int_equal(doubt_count(c), 0);
        assert_whole(c);
        cluster_free(c);
    }
}

static void test_scrub__mends_a_snapshot(void **state)
{
    struct cluster *c = calm_cluster_start(2, cut_often);
    struct node *n = &c->nodes[1];
    struct store_snapshot newest;
    char name[64];

    (void)state;
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 3 * SIM_S);
    rest(c);
    newest = snapshot_newest(replica_of(n)->store);
    assert_true(newest.index > 0);
    snprintf(name, sizeof name, "snapshot-%016llx.snap", (unsigned long long)newest.index);
    spoil(n, name, 600);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_true(c->sometimes.counts[SOMETIMES_RESTARTED] >= 1);
    assert_whole(c);
    assert_int_equal(replica_of(n)->scrubber.damage_count, 0);
    cluster_free(c);
}

/* What is known is written again, without a restart. */
static void test_scrub__writes_identity_and_key_again(void **state)
{
    static const char *const names[] = {"identity", "cluster-key"};
    struct cluster *c = calm_cluster_start(3, scrub_often);
    struct node *n = &c->nodes[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        spoil(n, names[i], 100);
        calm_cluster_run_for(c, 2 * SIM_S);
        assert_int_equal(replica_of(n)->scrubber.damage_count, i + 1);
    }
    assert_int_equal(c->sometimes.counts[SOMETIMES_RESTARTED], 0);
    cluster_kill(n, SIM_POWER);
    cluster_start(n);
    calm_cluster_run_for(c, 2 * SIM_S);
    assert_whole(c);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scrub__finds_nothing_where_nothing_is_damaged),
        cmocka_unit_test(test_scrub__mends_an_old_entry),
        cmocka_unit_test(test_scrub__of_a_leader_costs_its_clients_nothing),
        cmocka_unit_test(test_scrub__mends_a_snapshot),
        cmocka_unit_test(test_scrub__writes_identity_and_key_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
