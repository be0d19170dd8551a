/* Orderly ends soon after a partition: the node that was cut off has to catch up, and is needed
 * once another one has gone. No command is in doubt then, and no node waits for what it does not
 * need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum { SEEDS = SEEDS_OF(4), NODES = 3 };

static const struct user_options users = {.key_count = 20,
                                          .pipeline_max = 8,
                                          .backlog_max = 16,
                                          .read_percent = 30,
                                          .value_bytes_max = 100,
                                          .think_ns = SIM_MS,
                                          .patience_ns = 30 * SIM_S};

static void make_ordinary(struct server_config *config)
{
    config->election_timeout_ns = 300 * SIM_MS;
    config->heartbeat_interval_ns = 50 * SIM_MS;
    config->request_timeout_ns = 5 * SIM_S;
    config->in_flight_bytes_max = 1024 * 1024;
    config->segment_bytes = 4 * 1024 * 1024;
    /* The log stays: a node that was cut off has to store all that it missed, entry by entry. */
    config->snapshot_after_bytes = 1ull << 40;
    config->snapshot_after_entries = 1ull << 40;
}

/* So that storing much takes a while. */
static void make_segments_small(struct server_config *config)
{
    make_ordinary(config);
    config->segment_bytes = 32 * 1024;
}

static void set_disks(struct cluster *c, uint64_t most_ns)
{
    struct sim_disk_profile profile = c->disk;

    profile.latency_min_ns = 200 * SIM_US;
    profile.latency_max_ns = most_ns;
    for (uint32_t i = 0; i < NODES; i++) {
        sim_set_disk(c->nodes[i].machine, &profile);
    }
}

static void set_cut(struct node *n, bool is_cut)
{
    struct cluster *c = n->cluster;

    for (uint32_t i = 0; i < NODES; i++) {
        if (&c->nodes[i] != n) {
            sim_block(n->machine, c->nodes[i].machine, is_cut);
            sim_block(c->nodes[i].machine, n->machine, is_cut);
        }
    }
}

static uint64_t lag_of(const struct node *leader, const struct node *n)
{
    const struct raft *r = replica_raft(leader->server->replica);
    struct raft_progress p;

    assert_true(raft_progress_of(r, n->id, &p));
    assert_true(raft_first_index(r) <= p.match_index + 1); /* It gets entries, no snapshot. */
    return raft_commit_index(r) - p.match_index;
}

static uint64_t doubt_count(const struct cluster *c)
{
    struct witness_stats stats;

    witness_get_stats(c->witness, &stats);
    return stats.doubt_count;
}

/* A cluster under load, in which one follower was cut off until a moment ago. */
static struct cluster *begin(uint64_t seed, void (*adjust)(struct server_config *config),
                             uint64_t cut_ns, struct node **ret_leader, struct node **ret_late)
{
    struct cluster *c = calm_cluster_start(seed, adjust);
    struct node *leader = cluster_leader(c);
    struct node *late = &c->nodes[leader == &c->nodes[0] ? 1 : 0];

    set_disks(c, 5 * SIM_MS);
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, SIM_S);
    set_cut(late, true);
    calm_cluster_run_for(c, cut_ns);
    set_cut(late, false);
    for (int i = 0; i < 100 && lag_of(leader, late) > 1000 &&
                    raft_leader(replica_raft(late->server->replica)) != leader->id;
         i++) {
        calm_cluster_run_for(c, 10 * SIM_MS);
    }
    assert_ptr_equal(cluster_leader(c), leader);
    assert_true(lag_of(leader, late) > 1000);
    calm_cluster_run_for(c, 50 * SIM_MS); /* Its replies are under way. */
    *ret_leader = leader;
    *ret_late = late;
    return c;
}

static uint64_t stop(struct node *n)
{
    struct cluster *c = n->cluster;
    uint64_t since_ns = sim_now_ns(c->sim);

    n->stays_down = true;
    cluster_stop(n);
    for (int i = 0; i < 10000 && n->phase != NODE_DOWN; i++) {
        calm_cluster_run_for(c, SIM_MS);
    }
    assert_int_equal(n->phase, NODE_DOWN);
    return sim_now_ns(c->sim) - since_ns;
}

/* The longest time within `for_ns` in which nothing was committed. */
static uint64_t longest_gap(struct cluster *c, uint64_t for_ns)
{
    raft_index seen = 0;
    uint64_t gap_ns = 0;
    uint64_t longest_ns = 0;

    for (uint64_t t = 0; t < for_ns; t += SIM_MS) {
        raft_index commit = 0;

        calm_cluster_run_for(c, SIM_MS);
        for (uint32_t i = 0; i < NODES; i++) {
            if (cluster_has_log(&c->nodes[i])) {
                raft_index index = raft_commit_index(replica_raft(c->nodes[i].server->replica));

                commit = index > commit ? index : commit;
            }
        }
        gap_ns = commit > seen ? 0 : gap_ns + SIM_MS;
        seen = commit > seen ? commit : seen;
        longest_ns = gap_ns > longest_ns ? gap_ns : longest_ns;
    }
    return longest_ns;
}

/* It is still there to answer what others have sent before they knew its successor. */
static void test_stop__of_a_leader_leaves_nothing_in_doubt(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3 * SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, make_ordinary);
        struct node *leader = cluster_leader(c);
        struct node *far = &c->nodes[leader == &c->nodes[0] ? 1 : 0];

        set_disks(c, 5 * SIM_MS);
        sim_slow(far->machine, leader->machine, 100 * SIM_MS);
        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, SIM_S);
        (void)stop(leader);
        calm_cluster_run_for(c, SIM_S);
        assert_int_equal(doubt_count(c), 0);
        cluster_free(c);
    }
}

/* It serves until the node that was cut off can replace it in the majority. */
static void test_stop__of_a_leader_lets_others_catch_up_first(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *leader;
        struct node *late;
        struct cluster *c = begin(seed, make_ordinary, 16 * SIM_S, &leader, &late);

        leader->stays_down = true;
        cluster_stop(leader);
        assert_true(longest_gap(c, 4 * SIM_S) < 300 * SIM_MS);
        assert_int_equal(leader->phase, NODE_DOWN);
        cluster_free(c);
    }
}

/* Its disk has more to do than there is time for, and no client here waits for that. */
static void test_stop__of_a_follower_that_catches_up_is_soon_over(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *leader;
        struct node *late;
        struct cluster *c = begin(seed, make_segments_small, 20 * SIM_S, &leader, &late);

        set_disks(c, 100 * SIM_MS);
        calm_cluster_run_for(c, SIM_S);
        assert_true(lag_of(leader, late) > 1000);
        assert_true(stop(late) < SIM_S);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop__of_a_leader_leaves_nothing_in_doubt),
        cmocka_unit_test(test_stop__of_a_leader_lets_others_catch_up_first),
        cmocka_unit_test(test_stop__of_a_follower_that_catches_up_is_soon_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
