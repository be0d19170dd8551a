/* test_partition.c - networks that are partly cut, cut in one direction, or cut again and again:
 * a node that can lead does, remains the leader, and no node runs through terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "cluster.h"

#define ELECTION_TIMEOUT (300 * CLUSTER_MS)

static struct cluster *led_by(raft_id leader, uint32_t node_count, uint64_t seed)
{
    struct cluster *c = cluster_new(seed);

    if (seed % 2 == 0) {
        cluster_begin_at(c, seed * 1000000, seed);
    }
    cluster_add_voters(c, node_count);
    cluster_start_all(c);
    cluster_elect(c, leader);
    return c;
}

/* Nothing passes between these two, and both have noticed. */
static void part(struct cluster *c, raft_id a, raft_id b)
{
    cluster_cut(c, a, b, true);
    cluster_cut(c, b, a, true);
    assert_int_equal(cluster_lost(c, a, b), RAFT_OK);
    assert_int_equal(cluster_lost(c, b, a), RAFT_OK);
}

/* Time passes, at first with nothing to do (all logs are up to date), then with proposals for
 * the leader; leader and term stay. */
static void work_undisturbed(struct cluster *c, raft_id leader, uint64_t ns)
{
    raft_term term = raft_current_term(cluster_raft(c, leader));
    uint64_t end_ns = c->now_ns + ns;

    cluster_run(c, 10 * ELECTION_TIMEOUT);
    assert_int_equal(cluster_leader(c), leader);
    assert_int_equal(raft_current_term(cluster_raft(c, leader)), term);
    while (c->now_ns < end_ns) {
        assert_int_equal(cluster_propose(c, leader, 1), RAFT_OK);
        cluster_run(c, 100 * CLUSTER_MS);
        assert_int_equal(cluster_leader(c), leader);
        assert_int_equal(raft_current_term(cluster_raft(c, leader)), term);
        assert_int_equal(raft_commit_index(cluster_raft(c, leader)),
                         raft_last_index(cluster_raft(c, leader)));
    }
}

static void assert_all_equal(struct cluster *c)
{
    raft_id leader = cluster_leader(c);

    for (raft_id id = 1; id <= c->node_count; id++) {
        assert_int_equal(raft_last_index(cluster_raft(c, id)),
                         raft_last_index(cluster_raft(c, leader)));
        assert_int_equal(raft_commit_index(cluster_raft(c, id)),
                         raft_commit_index(cluster_raft(c, leader)));
    }
}

/* Scenario 56: A and C reach B, but not each other. C hears no leader, and asks for votes for a
 * minute; B hears one and refuses. */
static void test_partition__of_two_that_both_reach_a_third_keeps_the_leader(void **state)
{
    struct cluster *c = led_by(1, 3, 1);

    (void)state;
    part(c, 1, 3);
    work_undisturbed(c, 1, 60000 * CLUSTER_MS);
    assert_true(raft_last_index(cluster_raft(c, 3)) < raft_last_index(cluster_raft(c, 1)));

    raft_term term = raft_current_term(cluster_raft(c, 1));

    cluster_cut(c, 1, 3, false);
    cluster_cut(c, 3, 1, false);
    cluster_run(c, 1000 * CLUSTER_MS);
    assert_int_equal(cluster_leader(c), 1);
    assert_int_equal(raft_current_term(cluster_raft(c, 1)), term);
    assert_all_equal(c);
    cluster_free(c);
}

/* The same with five in a chain, each reaching its neighbours: 2 leads 1 and 3; the requests of
 * 4 and 5 end at 3. */
static void test_partition__into_a_chain_keeps_the_leader(void **state)
{
    struct cluster *c = led_by(2, 5, 2);

    (void)state;
    for (raft_id a = 1; a <= 5; a++) {
        for (raft_id b = a + 2; b <= 5; b++) {
            part(c, a, b);
        }
    }
    work_undisturbed(c, 2, 60000 * CLUSTER_MS);
    cluster_free(c);
}

/* Scenario 57: the leader can reach only one other node, and only that one reaches a majority.
 * It is elected, and remains leader. */
static void test_partition__the_only_node_that_reaches_a_majority_leads(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct cluster *c = led_by(1, 5, seed);

        for (raft_id a = 1; a <= 5; a++) {
            for (raft_id b = a + 1; b <= 5; b++) {
                if (a != 3 && b != 3) {
                    part(c, a, b);
                }
            }
        }
        cluster_run(c, 10 * ELECTION_TIMEOUT);
        assert_int_equal(cluster_leader(c), 3);
        assert_true(raft_role(cluster_raft(c, 1)) != RAFT_LEADER);
        work_undisturbed(c, 3, 10000 * CLUSTER_MS);
        assert_all_equal(c);
        cluster_free(c);
    }
}

/* Scenario 55: the leader can send but hears nobody. It stops leading within two election
 * timeouts, and soon another one leads. */
static void test_partition__a_deaf_leader_stops_within_two_timeouts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct cluster *c = led_by(1, 3, seed);

        cluster_cut(c, 2, 1, true);
        cluster_cut(c, 3, 1, true);
        assert_int_equal(cluster_propose(c, 1, 1), RAFT_OK);
        cluster_run(c, 2 * ELECTION_TIMEOUT);
        assert_true(raft_role(cluster_raft(c, 1)) != RAFT_LEADER);
        cluster_run(c, 4 * ELECTION_TIMEOUT);
        assert_in_range(cluster_leader(c), 2, 3);
        work_undisturbed(c, cluster_leader(c), 10000 * CLUSTER_MS);
        cluster_free(c);
    }
}

/* Scenario 3, second half: a follower that hears nothing but is heard deposes nobody. */
static void test_partition__a_deaf_follower_disturbs_nobody(void **state)
{
    struct cluster *c = led_by(1, 3, 3);

    (void)state;
    cluster_cut(c, 1, 3, true);
    cluster_cut(c, 2, 3, true);
    work_undisturbed(c, 1, 30000 * CLUSTER_MS);
    cluster_cut(c, 1, 3, false);
    cluster_cut(c, 2, 3, false);
    work_undisturbed(c, 1, 5000 * CLUSTER_MS);
    assert_all_equal(c);
    cluster_free(c);
}

/* Scenario 60: every link fails and recovers once per election timeout, for a minute. Terms rise
 * only with won elections. When it ends, there is a leader within ten election timeouts, and no
 * further election. */
static void test_partition__flapping_ends_with_one_leader_for_good(void **state)
{
    enum { NODES = 5, FLAPS = 200 };

    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct cluster *c = led_by(1, NODES, seed);
        struct prng p = {.state = seed};

        for (int flap = 0; flap < FLAPS; flap++) {
            for (raft_id from = 1; from <= NODES; from++) {
                for (raft_id to = 1; to <= NODES; to++) {
                    cluster_cut(c, from, to, prng_chance(&p, 1, 2));
                }
            }
            cluster_run(c, ELECTION_TIMEOUT);
            if (cluster_leader(c) != 0) {
                (void)cluster_propose(c, cluster_leader(c), 1);
            }
        }
        for (raft_id from = 1; from <= NODES; from++) {
            cluster_isolate(c, from, false);
        }
        cluster_run(c, 10 * ELECTION_TIMEOUT);
        assert_true(cluster_leader(c) != 0);
        assert_true(raft_current_term(cluster_raft(c, cluster_leader(c))) <= 2 + FLAPS);
        work_undisturbed(c, cluster_leader(c), 60000 * CLUSTER_MS);
        assert_all_equal(c);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition__of_two_that_both_reach_a_third_keeps_the_leader),
        cmocka_unit_test(test_partition__into_a_chain_keeps_the_leader),
        cmocka_unit_test(test_partition__the_only_node_that_reaches_a_majority_leads),
        cmocka_unit_test(test_partition__a_deaf_leader_stops_within_two_timeouts),
        cmocka_unit_test(test_partition__a_deaf_follower_disturbs_nobody),
        cmocka_unit_test(test_partition__flapping_ends_with_one_leader_for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
