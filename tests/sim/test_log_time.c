/* The time in the log (I-78, I-225): it goes on as time does, whatever the wall clocks of later
 * leaders say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "kv/keyspace.h"
#include "replica/state.h"

enum { NODES = 3 };

static const int64_t HOUR_NS = 3600 * (int64_t)SIM_S;

static uint64_t log_time_us(const struct node *n)
{
    const struct log_window *w = &n->server->replica->window;

    return log_window_time_us(w, w->last);
}

/* The leader dies while all other clocks are off by that. Returns the next leader. */
static struct node *change_leader(struct cluster *c, int64_t wall_offset_ns)
{
    struct node *old = cluster_leader(c);
    raft_index last_index = raft_last_index(replica_raft(old->server->replica));
    struct node *leader;

    for (uint32_t i = 0; i < NODES; i++) {
        if (&c->nodes[i] != old) {
            sim_machine_set_clock(c->nodes[i].machine, wall_offset_ns, 0);
        }
    }
    cluster_kill(old, SIM_KILLED);
    calm_cluster_run_for(c, 3 * SIM_S);
    leader = cluster_leader(c);
    assert_non_null(leader);
    assert_ptr_not_equal(leader, old);
    assert_true(raft_last_index(replica_raft(leader->server->replica)) > last_index);
    cluster_start_later(old, 0);
    calm_cluster_run_for(c, 3 * SIM_S);
    return leader;
}

static void assert_same_time_everywhere(const struct cluster *c)
{
    uint64_t time_us = log_time_us(&c->nodes[0]);

    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(log_time_us(&c->nodes[i]), time_us);
        assert_int_equal(keyspace_time_us(c->nodes[i].server->replica->keyspace), time_us);
    }
}

/* By how much the log's time differs from the simulation's. */
static int64_t offset_us(const struct cluster *c, const struct node *leader)
{
    return (int64_t)replica_next_time_us(leader->server->replica) -
           (int64_t)(sim_now_ns(c->sim) / 1000);
}

static void test_log_time__goes_on_whatever_clocks_say(void **state)
{
    static const int64_t jumps_ns[] = {-HOUR_NS, 24 * HOUR_NS, -24 * HOUR_NS};
    struct cluster *c = calm_cluster_start(1, NULL);
    int64_t first_us = offset_us(c, cluster_leader(c));

    (void)state;
    assert_true(log_time_us(cluster_leader(c)) >= 1700000000000000);
    for (size_t i = 0; i < sizeof jumps_ns / sizeof jumps_ns[0]; i++) {
        struct node *leader = change_leader(c, jumps_ns[i]);

        assert_same_time_everywhere(c);
        /* 6 s, of which a 128th at the most; and what messages took. */
        assert_in_range(offset_us(c, leader) - first_us + 1000000, 1000000 - 200000,
                        1000000 + 200000);
    }
    cluster_free(c);
}

/* Then there is only the wall clock to go by. */
static void test_log_time__begins_with_the_wall_clock_after_all_were_down(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    int64_t first_us = offset_us(c, cluster_leader(c));

    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        cluster_kill(&c->nodes[i], SIM_KILLED);
        sim_machine_set_clock(c->nodes[i].machine, 2 * HOUR_NS, 0);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        cluster_start_later(&c->nodes[i], 0);
    }
    calm_cluster_run_for(c, 3 * SIM_S);
    assert_true(offset_us(c, cluster_leader(c)) - first_us > HOUR_NS / 1000);
    cluster_free(c);
}

/* One that has just started, and hears of no entry, knows the time as well. */
static void test_log_time__is_known_to_a_node_that_was_started_again(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    int64_t first_us = offset_us(c, cluster_leader(c));

    (void)state;
    calm_cluster_run_for(c, 20 * SIM_S);
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *n = &c->nodes[i];

        if (n != cluster_leader(c)) {
            sim_machine_set_clock(n->machine, 24 * HOUR_NS, 0);
            cluster_kill(n, SIM_KILLED);
            cluster_start_later(n, 0);
            calm_cluster_run_for(c, 2 * SIM_S);
        }
    }
    cluster_kill(cluster_leader(c), SIM_KILLED);
    calm_cluster_run_for(c, 3 * SIM_S);
    assert_in_range(offset_us(c, cluster_leader(c)) - first_us + 1000000, 1000000 - 300000,
                    1000000 + 300000);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_time__goes_on_whatever_clocks_say),
        cmocka_unit_test(test_log_time__begins_with_the_wall_clock_after_all_were_down),
        cmocka_unit_test(test_log_time__is_known_to_a_node_that_was_started_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
