/* Lasting overload: three nodes whose leader reaches the others only over narrow paths, and
 * users on each of them that send four times as much as the paths carry. Most commands must then
 * be refused, but with certainty; the paths must be used fully; and no user may be disadvantaged
 * by the node that it is connected to. When the overload ends, all are served at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum {
    NODES = 3,
    USERS = CLUSTER_USERS_MAX,
    VALUE_BYTES = 6000, /* On average. */
    PATH_BYTES_A_SECOND = 200 * 1000,
    WINDOWS = 4,
    WINDOW_S = 10,
    /* What the paths carry in a window. */
    CARRIED = WINDOW_S * PATH_BYTES_A_SECOND / VALUE_BYTES,
    /* Of each user, in all windows. (Users whose commands are refused close half of their
     * connections, with everything under way on them, so it is much less.) */
    FAIR_SHARE = WINDOWS * CARRIED / 2 / USERS,
};

struct overload {
    struct cluster *c;
    uint64_t success_counts[USERS]; /* Answers without errors. */
    uint64_t applied_count;         /* By the leader, when last looked at. */
    uint64_t in_doubt_count;        /* When last looked at. */
};

static void set_paths(struct cluster *c, uint64_t bytes_a_second)
{
    const struct node *leader = cluster_leader(c);

    for (uint32_t i = 0; i < NODES; i++) {
        if (&c->nodes[i] != leader) {
            sim_narrow(leader->machine, c->nodes[i].machine, bytes_a_second);
        }
    }
}

static void adjust(struct server_config *config)
{
    config->request_timeout_ns = 2 * SIM_S;
    config->segment_bytes = 1024 * 1024;
    config->log_memory_bytes = 1024 * 1024;
    config->in_flight_bytes_max = 384 * 1024;
}

static void look(struct overload *o, uint64_t for_ns)
{
    const struct replica *leader = cluster_leader(o->c)->server->replica;
    uint64_t in_doubt_before = calm_cluster_count_in_doubt(o->c);
    uint64_t applied_before = replica_applied_index(leader);

    calm_cluster_run_for(o->c, for_ns);
    for (uint32_t i = 0; i < USERS; i++) {
        o->success_counts[i] += user_take_success_count(o->c->users[i]);
    }
    o->applied_count = replica_applied_index(leader) - applied_before;
    o->in_doubt_count = calm_cluster_count_in_doubt(o->c) - in_doubt_before;
}

/* Commands that other nodes forward must not fill every gap that the leader's own users wait
 * for. */
static void check_own_users(const struct overload *o, const struct node *leader)
{
    uint64_t own_sum = 0;
    uint64_t own_count = 0;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < USERS; i++) {
        bool is_own = &o->c->nodes[i % NODES] == leader;

        own_sum += is_own ? o->success_counts[i] : 0;
        own_count += is_own;
        sum += o->success_counts[i];
    }
    /* At least two thirds of the average. */
    assert_true(3 * own_sum * USERS >= 2 * sum * own_count);
}

static void test_overload__is_refused_for_certain_and_serves_every_node(void **state)
{
    struct overload o = {.c = calm_cluster_start(1, adjust)};
    const struct node *leader = cluster_leader(o.c);
    struct user_options users = {.key_count = 20,
                                 .pipeline_max = 16,
                                 .backlog_max = 30,
                                 .value_bytes_max = 2 * VALUE_BYTES,
                                 .think_ns = 5 * SIM_MS,
                                 .patience_ns = 30 * SIM_S};
    uint64_t at_ease;

    (void)state;
    calm_cluster_start_users(o.c, &users);
    look(&o, 2 * SIM_S);
    at_ease = o.applied_count;
    print_message("at ease: %llu done in 2 s\n", (unsigned long long)at_ease);
    set_paths(o.c, PATH_BYTES_A_SECOND);
    calm_cluster_run_for(o.c, WINDOW_S * SIM_S); /* Until admission has adapted. */
    for (int window = 0; window < WINDOWS; window++) {
        look(&o, WINDOW_S * SIM_S);
        print_message("%llu done of %d carried, %llu in doubt\n",
                      (unsigned long long)o.applied_count, CARRIED,
                      (unsigned long long)o.in_doubt_count);
        assert_true(o.applied_count > CARRIED / 2);
        assert_true(o.in_doubt_count < o.applied_count / 10);
    }
    for (uint32_t i = 0; i < USERS; i++) {
        print_message("user of n%u: %llu answers\n", i % NODES + 1,
                      (unsigned long long)o.success_counts[i]);
        assert_true(o.success_counts[i] > FAIR_SHARE / 2);
    }
    check_own_users(&o, leader);
    assert_ptr_equal(cluster_leader(o.c), leader);

    set_paths(o.c, 0);
    calm_cluster_run_for(o.c, 2 * SIM_S);
    look(&o, 2 * SIM_S);
    print_message("relieved: %llu done in 2 s\n", (unsigned long long)o.applied_count);
    assert_true(o.applied_count > at_ease / 2);
    assert_int_equal(o.in_doubt_count, 0);
    cluster_free(o.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overload__is_refused_for_certain_and_serves_every_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
