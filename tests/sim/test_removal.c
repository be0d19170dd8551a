/* Members that are removed under load, as an operator expects it: no command of any user is in
 * doubt, and users on the remaining nodes are still served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum { SEEDS = SEEDS_OF(10), PATH_BYTES_A_SECOND = 1000 * 1000, SERVED_WITHIN_S = 5 };

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

/* What is under way takes long then: see slow_down(). */
static const struct user_options heavy_users = {.key_count = 20,
                                                .pipeline_max = 8,
                                                .backlog_max = 16,
                                                .value_bytes_max = 12 * 1000,
                                                .think_ns = 20 * SIM_MS,
                                                .patience_ns = 30 * SIM_S};

static void be_patient(struct server_config *config)
{
    config->request_timeout_ns = 10 * SIM_S;
    config->in_flight_bytes_max = 256 * 1024; /* Each node has room for a few large values. */
}

static void slow_down(struct cluster *c, const struct node *n)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (&c->nodes[i] != n) {
            sim_narrow(n->machine, c->nodes[i].machine, PATH_BYTES_A_SECOND);
        }
    }
}

static void send_remove(struct operator* o, const struct node *asked, const struct node *victim)
{
    char id[17];

    snprintf(id, sizeof id, "%016llx", (unsigned long long)victim->id);
    operator_command_to(o, asked, "RAFT", "REMOVE", id);
}

/* From now on: users of the remaining nodes must be served soon, and those of the victim never. */
static void check_who_is_served(struct cluster *c, const struct node *victim)
{
    bool is_served[CLUSTER_USERS_MAX] = {false};
    uint32_t left = 0;

    for (uint32_t i = 0; i < c->user_count; i++) {
        (void)user_take_success_count(c->users[i]);
        left += &c->nodes[i % 3] != victim;
    }
    for (int turn = 0; turn < SERVED_WITHIN_S && left > 0; turn++) {
        calm_cluster_run_for(c, SIM_S);
        for (uint32_t i = 0; i < c->user_count; i++) {
            if (user_take_success_count(c->users[i]) > 0 && !is_served[i]) {
                assert_ptr_not_equal(&c->nodes[i % 3], victim);
                is_served[i] = true;
                left--;
            }
        }
    }
    assert_int_equal(left, 0);
}

static void check_removal(struct cluster *c, struct node *victim, const struct user_options *load)
{
    calm_cluster_start_users(c, load);
    calm_cluster_run_for(c, SIM_S);
    /* Sent to any node, which may be the victim. */
    send_remove(&c->operator, cluster_pick_up(c, &c->prng), victim);
    calm_cluster_run_for(c, 3 * SIM_S); /* By then the last answers have come. */
    assert_true(replica_is_removed(victim->server->replica));
    assert_int_equal(calm_cluster_count_in_doubt(c), 0);
    check_who_is_served(c, victim);
    assert_int_equal(calm_cluster_count_in_doubt(c), 0);
}

static void check_removals(struct node *(*pick)(struct cluster *c))
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);

        check_removal(c, pick(c), &users);
        cluster_free(c);
    }
}

static void test_removal__of_the_leader_leaves_nothing_in_doubt(void **state)
{
    (void)state;
    check_removals(cluster_leader);
}

static void test_removal__of_a_follower_leaves_nothing_in_doubt(void **state)
{
    (void)state;
    check_removals(some_follower);
}

static void test_removal__of_a_slow_follower_leaves_nothing_in_doubt(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, be_patient);
        struct node *victim = some_follower(c);

        slow_down(c, victim);
        check_removal(c, victim, &heavy_users);
        cluster_free(c);
    }
}

static uint32_t member_count(const struct node *n)
{
    return raft_configuration(replica_raft(n->server->replica))->member_count;
}

/* One node is down: the remaining ones must not be made to depend on it. Once that one is
 * removed, any other can be removed. */
static void test_removal__never_leaves_too_few_to_go_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        struct node *leader = cluster_leader(c);
        struct node *dead = some_follower(c);
        struct node *other = NULL;

        for (uint32_t i = 0; i < c->node_count; i++) {
            if (&c->nodes[i] != leader && &c->nodes[i] != dead) {
                other = &c->nodes[i];
            }
        }
        dead->stays_down = true;
        cluster_kill(dead, SIM_POWER);
        calm_cluster_run_for(c, SIM_S);
        send_remove(&c->operator, leader, seed % 2 == 0 ? leader : other);
        calm_cluster_run_for(c, 5 * SIM_S);
        assert_ptr_equal(cluster_leader(c), leader);
        assert_int_equal(member_count(leader), 3);
        send_remove(&c->operator, leader, dead);
        calm_cluster_run_for(c, 5 * SIM_S);
        send_remove(&c->operator, leader, other);
        calm_cluster_run_for(c, 5 * SIM_S);
        assert_ptr_equal(cluster_leader(c), leader);
        assert_int_equal(member_count(leader), 1);
        cluster_free(c);
    }
}

/* Each of two nodes is asked to remove itself, or both are, at the same time: one of them goes
 * and the other stays, or one follows the other; but it comes to an end. */
static void test_removal__of_two_at_once_comes_to_an_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        struct node *first = cluster_leader(c);
        struct node *second = some_follower(c);
        struct operator other = {0};
        uint64_t term;

        operator_init(&other, c);
        calm_cluster_start_users(c, &users);
        send_remove(&c->operator, first, first);
        send_remove(&other, second, second);
        calm_cluster_run_for(c, 5 * SIM_S);
        assert_false(c->operator.is_busy);
        assert_false(other.is_busy);
        assert_non_null(cluster_leader(c));
        term = raft_current_term(replica_raft(cluster_leader(c)->server->replica));
        assert_true(term < 10);
        assert_true(replica_is_removed(first->server->replica) ||
                    replica_is_removed(second->server->replica));
        operator_deinit(&other);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removal__of_the_leader_leaves_nothing_in_doubt),
        cmocka_unit_test(test_removal__of_a_follower_leaves_nothing_in_doubt),
        cmocka_unit_test(test_removal__of_a_slow_follower_leaves_nothing_in_doubt),
        cmocka_unit_test(test_removal__of_two_at_once_comes_to_an_end),
        cmocka_unit_test(test_removal__never_leaves_too_few_to_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
