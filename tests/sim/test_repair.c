/* Damage on the disk of a node that was down: it starts with what is left, and gets the rest from
 * the other members, by itself; meanwhile it elects nobody without what it has acknowledged. */
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

static void make_segments_small(struct server_config *config)
{
    config->segment_bytes = 16 * 1024;
    config->snapshot_after_bytes = 1ull << 40;
    config->snapshot_after_entries = 1ull << 40;
}

static void make_snapshots(struct server_config *config)
{
    config->segment_bytes = 16 * 1024;
    config->snapshot_after_bytes = 32 * 1024;
    config->log_tail_bytes = 0;
}

static struct replica *replica_of(const struct node *n)
{
    return n->server->replica;
}

static struct cluster *start(uint64_t seed, void (*adjust)(struct server_config *config))
{
    struct cluster *c = calm_cluster_start(seed, adjust);

    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 5 * SIM_S);
    return c;
}

static void flip(struct node *n, const char *name, uint64_t offset)
{
    struct sim_rot rot = {.offset = offset, .mask = 1};

    snprintf(rot.path, sizeof rot.path, "%.16s/%.46s", n->config.data_dir, name);
    sim_rot_flip(n->machine, &rot);
    n->has_disk_trouble = true;
    checker_allow_loss(n->cluster->checker, n->id, LOSS_LAST_JOB);
}

static void assert_whole(struct cluster *c)
{
    const struct replica *leader;

    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_non_null(cluster_leader(c));
    leader = replica_of(cluster_leader(c));
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct replica *r = replica_of(&c->nodes[i]);

        assert_true(r->is_running);
        assert_false(replica_lacks_entries(r));
        assert_int_equal(replica_applied_index(r), raft_last_index(replica_raft(leader)));
        assert_true(keyspace_digest(replica_keyspace(r)) ==
                    keyspace_digest(replica_keyspace(leader)));
    }
}

static void test_repair__of_a_record_brings_back_all(void **state)
{
    struct cluster *c = start(1, make_segments_small);
    struct node *n = calm_cluster_follower(c);

    (void)state;
    cluster_kill(n, SIM_KILLED);
    flip(n, "log-0000000000000001.seg", 6 * 512 + 60);
    cluster_start(n);
    assert_int_equal(n->phase, NODE_UP);
    assert_true(replica_lacks_entries(replica_of(n)));
    assert_true(c->sometimes.counts[SOMETIMES_DAMAGE_GIVEN_UP] <= 1);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_int_equal(c->sometimes.counts[SOMETIMES_REPAIRED], 1);
    assert_whole(c);
    cluster_kill(n, SIM_POWER); /* It was whole. */
    cluster_start(n);
    calm_cluster_run_for(c, SIM_S);
    assert_whole(c);
    cluster_free(c);
}

/* In the middle of the file, where only loading finds it. */
static void test_repair__of_a_snapshot_brings_back_all(void **state)
{
    struct cluster *c = start(2, make_snapshots);
    struct node *n = calm_cluster_follower(c);
    struct store_snapshot newest = snapshot_newest(replica_of(n)->store);
    char name[64];

    (void)state;
    assert_true(newest.index > 0);
    cluster_kill(n, SIM_KILLED);
    snprintf(name, sizeof name, "snapshot-%016llx.snap", (unsigned long long)newest.index);
    flip(n, name, newest.bytes / 2 - newest.bytes / 2 % 512 + 70);
    cluster_start(n);
    assert_int_equal(n->phase, NODE_UP);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_true(c->sometimes.counts[SOMETIMES_REPAIRED] <= 1);
    assert_whole(c);
    cluster_free(c);
}

/* Its own log begins anew, though it has founded the cluster. */
static void test_repair__of_everything_founds_no_second_cluster(void **state)
{
    struct cluster *c = start(3, make_segments_small);
    struct node *n = &c->nodes[0];

    (void)state;
    assert_true(n->is_founder);
    cluster_kill(n, SIM_KILLED);
    flip(n, "log-0000000000000001.seg", 40);
    cluster_start(n);
    assert_int_equal(n->phase, NODE_UP);
    assert_int_equal(replica_of(n)->window.last, 0);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_int_equal(c->sometimes.counts[SOMETIMES_REPAIRED], 1);
    assert_whole(c);
    cluster_free(c);
}

/* The third node was away while the other two went on; of these, one is damaged and one dies. The
 * remaining two are a majority, and must not go on without what only the damaged one had. */
static void test_repair__never_elects_a_node_that_lacks_what_was_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(6); seed++) {
        struct cluster *c = start(seed, make_segments_small);
        struct node *leader = cluster_leader(c);
        struct node *n = calm_cluster_follower(c);
        struct node *away = NULL;

        for (uint32_t i = 0; i < 3; i++) {
            away = &c->nodes[i] != leader && &c->nodes[i] != n ? &c->nodes[i] : away;
        }
        cluster_kill(away, SIM_KILLED);
        calm_cluster_run_for(c, 3 * SIM_S);
        cluster_kill(n, SIM_KILLED);
        cluster_kill(leader, SIM_KILLED);
        flip(n, "log-0000000000000001.seg", seed % 2 == 0 ? 6 * 512 + 60 : 40);
        cluster_start(n);
        cluster_start(away);
        calm_cluster_run_for(c, 5 * SIM_S);
        assert_null(cluster_leader(c)); /* The checkers watch, too. */
        assert_true(replica_lacks_entries(replica_of(n)));
        cluster_start(leader);
        calm_cluster_run_for(c, 10 * SIM_S);
        assert_whole(c);
        cluster_free(c);
    }
}

/* A record of each of two nodes. They know how their logs had ended, so they elect the third. */
static void test_repair__of_a_majority_elects_the_one_that_has_it_all(void **state)
{
    struct cluster *c = start(5, make_segments_small);
    struct node *leader = cluster_leader(c);

    (void)state;
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    calm_cluster_run_for(c, SIM_S);
    for (uint32_t i = 0; i < 3; i++) {
        cluster_kill(&c->nodes[i], SIM_KILLED);
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (&c->nodes[i] != leader) {
            flip(&c->nodes[i], "log-0000000000000001.seg", (6 + 2 * i) * 512 + 60);
        }
        cluster_start(&c->nodes[i]);
    }
    calm_cluster_run_for(c, 10 * SIM_S);
    assert_ptr_equal(cluster_leader(c), leader);
    assert_whole(c);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repair__of_a_record_brings_back_all),
        cmocka_unit_test(test_repair__of_a_snapshot_brings_back_all),
        cmocka_unit_test(test_repair__of_everything_founds_no_second_cluster),
        cmocka_unit_test(test_repair__never_elects_a_node_that_lacks_what_was_lost),
        cmocka_unit_test(test_repair__of_a_majority_elects_the_one_that_has_it_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
