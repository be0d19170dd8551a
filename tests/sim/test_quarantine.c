/* Nodes whose state is wrong: they isolate themselves, and are rebuilt, while the others serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "kv/kv.h"
#include "replica/state.h"
#include "resp/errors.h"

enum { INTERVAL = 16, MANY_FLIPS = 20, NODES_MAX = 5 };

static const struct user_options users = {
    .key_count = 20,
    .read_percent = 50,
    .value_bytes_max = 30,
    .think_ns = 20 * SIM_MS,
    .patience_ns = 2 * SIM_S,
};

static void compare_often(struct server_config *config)
{
    config->digest_interval = INTERVAL;
    config->check_after_ns = 4 * SIM_S; /* A key may stay as it is. */
}

static void check_often(struct server_config *config)
{
    config->digest_interval = 1 << 20; /* Never. */
    config->check_after_ns = SIM_S;
}

static const struct quarantine *quarantine_of(const struct node *n)
{
    return &n->server->replica->quarantine;
}

/* Users delete keys, so there may be none. */
static void flip_bits(struct node *n, uint32_t count)
{
    struct prng prng = {n->number};

    for (uint32_t i = 0; i < count; i++) {
        for (int wait = 0; !cluster_flip_bit(n, &prng); wait++) {
            assert_true(wait < 100);
            calm_cluster_run_for(n->cluster, 20 * SIM_MS);
        }
    }
}

/* As by a bug: its keyspace is consistent, and differs from the others. */
static void set_ghost(struct node *n)
{
    struct keyspace *k = n->server->replica->keyspace;

    kv_set(keyspace_database(k, 15), slice_str("ghost"), slice_str("of a bug"));
    n->has_flipped = true;
    n->was_flipped = true;
    checker_doubt_state(n->checker, true);
}

static bool is_found(const struct node *n)
{
    return quarantine_of(n)->count > 0;
}

static bool is_rebuilt(const struct node *n)
{
    return is_found(n) && !quarantine_is_on(quarantine_of(n)) && !n->server->is_loading;
}

static bool await(struct cluster *c, struct node *n, bool (*condition)(const struct node *n),
                  uint64_t for_ns)
{
    uint64_t until_ns = sim_now_ns(c->sim) + for_ns;

    while (sim_now_ns(c->sim) < until_ns) {
        flipper_look(n);
        if (condition(n)) {
            return true;
        }
        calm_cluster_run_for(c, 5 * SIM_MS);
    }
    return false;
}

/* Its users may delete what was flipped before it is found. */
static void flip_until_it_is_found(struct cluster *c, struct node *n, uint32_t count)
{
    for (int i = 0; i < 5; i++) {
        flip_bits(n, count);
        if (await(c, n, is_found, 8 * SIM_S)) {
            return;
        }
    }
    fail();
}

static void assert_all_right(struct cluster *c)
{
    const struct replica *leader;

    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_non_null(cluster_leader(c));
    leader = cluster_leader(c)->server->replica;
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct replica *r = c->nodes[i].server->replica;

        assert_true(r->is_running);
        assert_false(quarantine_is_on(&r->quarantine));
        assert_int_equal(replica_applied_index(r), raft_last_index(replica_raft(leader)));
        assert_true(keyspace_digest_recomputed(r->keyspace) == keyspace_digest(leader->keyspace));
    }
}

static void test_quarantine__of_a_follower_is_over_soon(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(8); seed++) {
        struct cluster *c = calm_cluster_start(seed, seed % 2 == 0 ? compare_often : check_often);
        struct node *n;

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 3 * SIM_S);
        n = calm_cluster_follower(c);
        flip_until_it_is_found(c, n, 1);
        assert_true(await(c, n, is_rebuilt, 20 * SIM_S));
        assert_int_equal(c->sometimes.counts[SOMETIMES_STATE_REBUILT], 1);
        assert_all_right(c);
        cluster_free(c);
    }
}

/* It hands over, so that the others serve; nobody reads from it. */
static void test_quarantine__of_a_leader_takes_leadership_from_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(8); seed++) {
        struct cluster *c = calm_cluster_start(seed, check_often);
        struct node *n;

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 3 * SIM_S);
        n = cluster_leader(c);
        flip_until_it_is_found(c, n, 1);
        calm_cluster_run_for(c, 300 * SIM_MS);
        assert_non_null(cluster_leader(c));
        assert_true(cluster_leader(c) != n);
        assert_true(await(c, n, is_rebuilt, 20 * SIM_S));
        assert_all_right(c);
        cluster_free(c);
    }
}

/* Clients that ask it get right values, from the leader. */
static void test_quarantine__that_stays_answers_nothing_wrong(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(4); seed++) {
        struct cluster *c = calm_cluster_start(seed, check_often);
        uint64_t read_count;
        struct node *n;

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 3 * SIM_S);
        n = seed % 2 == 0 ? cluster_leader(c) : calm_cluster_follower(c);
        n->server->replica->quarantine.attempts = QUARANTINE_ATTEMPTS_MAX;
        n->server->replica->quarantine.ended_ns = sim_now_ns(c->sim);
        flip_until_it_is_found(c, n, MANY_FLIPS);
        read_count = n->server->replica->stats.read_count;
        assert_false(await(c, n, is_rebuilt, 20 * SIM_S));
        assert_int_equal(quarantine_of(n)->phase, QUARANTINE_STAYS);
        assert_string_equal(replica_backup(n->server->replica, NULL, 0, NULL), ERROR_ISOLATED);
        assert_int_equal(n->server->replica->stats.read_count, read_count);
        assert_true(cluster_leader(c) != n);
        cluster_kill(n, SIM_KILLED); /* The advice in its log. */
        cluster_start(n);
        assert_all_right(c);
        cluster_free(c);
    }
}

/* What a node has on its own disk may be wrong, too. */
static void test_quarantine__by_digest_does_not_rely_on_the_nodes_own_snapshot(void **state)
{
    struct cluster *c = calm_cluster_start(1, compare_often);
    struct node *n;

    (void)state;
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 3 * SIM_S);
    n = calm_cluster_follower(c);
    set_ghost(n);
    snapshotter_want(&n->server->replica->snapshotter, replica_applied_index(n->server->replica));
    assert_true(await(c, n, is_found, 20 * SIM_S));
    assert_int_equal(quarantine_of(n)->reason, QUARANTINE_BY_DIGEST);
    assert_true(await(c, n, is_rebuilt, 20 * SIM_S));
    assert_int_equal(c->sometimes.counts[SOMETIMES_STATE_FETCHED], 1);
    assert_all_right(c);
    cluster_free(c);
}

/* Two of five: they must not be rebuilt from each other. */
static void test_quarantine__of_two_takes_the_state_of_others(void **state)
{
    struct cluster_options options = {.seed = 1, .node_count = 5, .forbidden = FAULTS_ALL};
    struct cluster *c = cluster_new(&options);
    struct node *by_id[NODES_MAX];

    (void)state;
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        compare_often(&c->nodes[i].config);
        cluster_start_later(&c->nodes[i], i * 100 * SIM_MS);
    }
    calm_cluster_run_for(c, 5 * SIM_S);
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 3 * SIM_S);
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        uint32_t place = 0;

        assert_true(cluster_is_voter(&c->nodes[i]));
        for (uint32_t j = 0; j < NODES_MAX; j++) {
            place += c->nodes[j].id < c->nodes[i].id;
        }
        by_id[place] = &c->nodes[i];
    }
    set_ghost(by_id[0]);
    set_ghost(by_id[1]);
    for (int i = 0; i < 2; i++) {
        assert_true(await(c, by_id[i], is_found, 5 * SIM_S));
    }
    for (int i = 0; i < 2; i++) {
        assert_true(await(c, by_id[i], is_rebuilt, 10 * SIM_S));
    }
    assert_all_right(c);
    cluster_free(c);
}

/* Its disk is enough. */
static void test_quarantine__of_a_node_alone_is_over_soon(void **state)
{
    struct cluster_options options = {.seed = 1, .node_count = 1, .forbidden = FAULTS_ALL};
    struct cluster *c = cluster_new(&options);
    struct node *n = &c->nodes[0];

    (void)state;
    check_often(&n->config);
    cluster_start(n);
    calm_cluster_run_for(c, SIM_S);
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 2 * SIM_S);
    flip_until_it_is_found(c, n, 1);
    assert_true(await(c, n, is_rebuilt, 20 * SIM_S));
    assert_all_right(c);
    cluster_free(c);
}

static void make_snapshots(struct server_config *config)
{
    config->segment_bytes = 16 * 1024;
    config->snapshot_after_bytes = 32 * 1024;
    config->log_tail_bytes = 0;
}

/* As if another node had fetched it. */
static struct store_snapshot call_damaged(struct node *n)
{
    struct replica *r = n->server->replica;
    struct store_snapshot newest = snapshot_newest(r->store);
    struct wire_damaged d = {.index = newest.index,
                             .term = newest.term,
                             .bytes = newest.bytes,
                             .checksum = newest.checksum};

    assert_true(newest.index > 0);
    r->serving.check_next_ns = 0;
    serving_on_damaged(&r->serving, &d);
    return newest;
}

/* While its node runs. */
static void flip_byte(struct node *n, const char *path, uint64_t offset)
{
    struct io_file *file;
    char byte;

    assert_int_equal(io_file_open(n->io, path, 0, &file), 0);
    assert_int_equal(io_file_read(file, offset, &byte, 1), 1);
    byte ^= 1;
    assert_int_equal(io_file_write(file, offset, &byte, 1), 0);
    io_file_close(file);
}

static void test_snapshot__that_is_called_damaged_is_verified(void **state)
{
    struct cluster *c = calm_cluster_start(2, make_snapshots);
    struct store_snapshot newest;
    char path[128];
    struct node *n;

    (void)state;
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 5 * SIM_S);
    n = cluster_leader(c);
    call_damaged(n); /* It is not: nothing happens. */
    calm_cluster_run_for(c, SIM_S);
    assert_int_equal(c->sometimes.counts[SOMETIMES_RESTARTED], 0);
    newest = snapshot_newest(n->server->replica->store);
    snprintf(path, sizeof path, "%s/snapshot-%016llx.snap", n->config.data_dir,
             (unsigned long long)newest.index);
    flip_byte(n, path, newest.bytes / 2 - newest.bytes / 2 % 512 + 70);
    n->has_disk_trouble = true;
    checker_allow_loss(c->checker, n->id, LOSS_LAST_JOB);
    call_damaged(n);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_true(c->sometimes.counts[SOMETIMES_RESTARTED] >= 1);
    assert_all_right(c);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quarantine__of_a_follower_is_over_soon),
        cmocka_unit_test(test_quarantine__of_a_leader_takes_leadership_from_it),
        cmocka_unit_test(test_quarantine__that_stays_answers_nothing_wrong),
        cmocka_unit_test(test_quarantine__by_digest_does_not_rely_on_the_nodes_own_snapshot),
        cmocka_unit_test(test_quarantine__of_two_takes_the_state_of_others),
        cmocka_unit_test(test_quarantine__of_a_node_alone_is_over_soon),
        cmocka_unit_test(test_snapshot__that_is_called_damaged_is_verified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
