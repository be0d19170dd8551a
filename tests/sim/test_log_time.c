/* The time in the log (I-78): the leader's clock, but never lower than before, whatever the
 * clocks of later leaders say. */
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

static void assert_time_everywhere(const struct cluster *c, uint64_t time_us)
{
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(log_time_us(&c->nodes[i]), time_us);
        assert_int_equal(keyspace_time_us(c->nodes[i].server->replica->keyspace), time_us);
    }
}

static void test_log_time__is_that_of_the_leaders_clock_and_does_not_run_back(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    uint64_t first_us = log_time_us(cluster_leader(c));
    uint64_t later_us;

    (void)state;
    assert_true(first_us >= 1700000000000000);
    change_leader(c, -HOUR_NS);
    assert_time_everywhere(c, first_us);
    later_us = log_time_us(change_leader(c, 2 * HOUR_NS));
    assert_true(later_us > first_us + 3600 * 1000000ull);
    assert_time_everywhere(c, later_us);
    change_leader(c, HOUR_NS);
    assert_time_everywhere(c, later_us);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_time__is_that_of_the_leaders_clock_and_does_not_run_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
