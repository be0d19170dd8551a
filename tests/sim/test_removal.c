/* Members that leave under load, as an operator wants it: of all that users on each of the
 * nodes ask meanwhile, nothing is in doubt, and those on the nodes that stay are served on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "server/replica.h"

enum { SEEDS = 20 };

static const struct user_options users = {.key_count = 20,
                                          .pipeline_max = 16,
                                          .backlog_max = 30,
                                          .value_bytes_max = 100,
                                          .think_ns = SIM_MS,
                                          .patience_ns = 30 * SIM_S};

static struct node *some_follower(struct cluster *c)
{
    struct node *leader = cluster_leader(c);

    return &c->nodes[leader == &c->nodes[0] ? 1 : 0];
}

/* Asks some node, which may be the one that is to leave. */
static void remove_node(struct cluster *c, const struct node *n)
{
    char id[17];

    snprintf(id, sizeof id, "%016llx", (unsigned long long)n->id);
    operator_command(&c->operator, "RAFT", "REMOVE", id);
}

static void check_removal(struct cluster *c, struct node *victim)
{
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, SIM_S);
    remove_node(c, victim);
    calm_cluster_run_for(c, SIM_S);
    assert_true(replica_is_removed(victim->server->replica));
    assert_int_equal(calm_cluster_count_in_doubt(c), 0);
    for (uint32_t i = 0; i < c->user_count; i++) {
        (void)user_take_success_count(c->users[i]);
    }
    calm_cluster_run_for(c, SIM_S);
    for (uint32_t i = 0; i < c->user_count; i++) {
        bool is_served = user_take_success_count(c->users[i]) > 0;

        assert_int_equal(is_served, &c->nodes[i % 3] != victim);
    }
    assert_int_equal(calm_cluster_count_in_doubt(c), 0);
}

static void test_removal__of_the_leader_leaves_nothing_in_doubt(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);

        check_removal(c, cluster_leader(c));
        cluster_free(c);
    }
}

static void test_removal__of_a_follower_leaves_nothing_in_doubt(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);

        check_removal(c, some_follower(c));
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removal__of_the_leader_leaves_nothing_in_doubt),
        cmocka_unit_test(test_removal__of_a_follower_leaves_nothing_in_doubt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
