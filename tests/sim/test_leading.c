/* Leaders that others do better without: their disks stand still, or their links work one way
 * only; and voters that are preferred. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum { SEEDS = SEEDS_OF(6) };

static const struct user_options users = {.key_count = 20,
                                          .pipeline_max = 4,
                                          .read_percent = 20,
                                          .value_bytes_max = 100,
                                          .think_ns = 10 * SIM_MS,
                                          .patience_ns = 30 * SIM_S};

static const struct raft *raft_of(const struct node *n)
{
    return replica_raft(n->server->replica);
}

static void patient(struct server_config *config)
{
    config->request_timeout_ns = 2 * SIM_S;
}

/* Each user is answered, again and again. */
static void check_all_are_served(struct cluster *c, uint64_t for_ns)
{
    for (uint32_t i = 0; i < c->user_count; i++) {
        (void)user_take_success_count(c->users[i]);
    }
    calm_cluster_run_for(c, for_ns);
    for (uint32_t i = 0; i < c->user_count; i++) {
        assert_true(user_take_success_count(c->users[i]) > 5);
    }
}

/* Paths to or from that node, or both. */
static void block(struct cluster *c, const struct node *n, bool to, bool from)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (&c->nodes[i] != n) {
            sim_block(c->nodes[i].machine, n->machine, to);
            sim_block(n->machine, c->nodes[i].machine, from);
        }
    }
}

/* Until another node leads; fails if that takes longer than given. */
static struct node *await_other_leader(struct cluster *c, const struct node *old,
                                       uint64_t within_ns)
{
    for (uint64_t ns = 0; ns < within_ns; ns += 10 * SIM_MS) {
        for (uint32_t i = 0; i < c->node_count; i++) {
            if (&c->nodes[i] != old && raft_is_ready(raft_of(&c->nodes[i]))) {
                return &c->nodes[i];
            }
        }
        calm_cluster_run_for(c, 10 * SIM_MS);
    }
    fail_msg("no other node leads after %llu ms", (unsigned long long)(within_ns / SIM_MS));
    return NULL;
}

/* Scenario 6: the others go on without its disk, but its memory fills, so it does not stay. */
static void test_leading__a_stalled_disk_costs_leadership_and_no_command(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, patient);
        struct node *old = cluster_leader(c);

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, SIM_S);
        sim_stall_disk(old->machine, sim_now_ns(c->sim) + 12 * SIM_S);
        await_other_leader(c, old, 2 * SIM_S);
        assert_int_equal(calm_cluster_count_in_doubt(c), 0);
        check_all_are_served(c, 5 * SIM_S);
        assert_int_not_equal(raft_role(raft_of(old)), RAFT_LEADER);
        for (uint32_t i = 0; i < c->user_count; i++) {
            user_rest(c->users[i]);
        }
        calm_cluster_run_for(c, 25 * SIM_S);
        assert_int_equal(raft_commit_index(raft_of(old)),
                         raft_commit_index(raft_of(cluster_leader(c))));
        cluster_free(c);
    }
}

/* If its vote is needed, nobody could take over, so it stays. */
static void test_leading__a_needed_stalled_disk_deposes_nobody(void **state)
{
    struct cluster *c = calm_cluster_start(1, patient);
    struct node *leader = cluster_leader(c);
    struct node *dead = &c->nodes[leader == &c->nodes[0] ? 1 : 0];
    raft_term term = raft_current_term(raft_of(leader));

    (void)state;
    dead->stays_down = true;
    cluster_kill(dead, SIM_POWER);
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, SIM_S);
    sim_stall_disk(leader->machine, sim_now_ns(c->sim) + 10 * SIM_S);
    calm_cluster_run_for(c, 9 * SIM_S);
    assert_int_equal(raft_role(raft_of(leader)), RAFT_LEADER);
    assert_int_equal(raft_current_term(raft_of(leader)), term);
    cluster_free(c);
}

/* It sends, and hears nobody; or it hears, and nobody hears it. */
static void check_one_way(bool is_deaf)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, patient);
        struct node *old = cluster_leader(c);
        struct node *leader;
        raft_term term;

        calm_cluster_run_for(c, SIM_S);
        block(c, old, is_deaf, !is_deaf);
        leader = await_other_leader(c, old, 3 * SIM_S);
        assert_int_not_equal(raft_role(raft_of(old)), RAFT_LEADER);
        term = raft_current_term(raft_of(leader));
        calm_cluster_run_for(c, 5 * SIM_S); /* It does not come back in between. */
        assert_int_equal(raft_role(raft_of(leader)), RAFT_LEADER);
        block(c, old, false, false);
        calm_cluster_run_for(c, 5 * SIM_S);
        assert_int_equal(raft_current_term(raft_of(leader)), term);
        cluster_free(c);
    }
}

static void test_leading__a_deaf_leader_gives_up(void **state)
{
    (void)state;
    check_one_way(true);
}

static void test_leading__a_mute_leader_gives_up(void **state)
{
    (void)state;
    check_one_way(false);
}

static void prefer(struct cluster *c, const struct node *n, const char *priority)
{
    char id[17];

    snprintf(id, sizeof id, "%016llx", (unsigned long long)n->id);
    operator_command_words(&c->operator, cluster_leader(c),
                           (const char *[]){"RAFT", "PRIORITY", id, priority, NULL});
}

static void test_leading__a_preferred_voter_takes_over_once_it_is_fit(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, patient);
        struct node *preferred = calm_cluster_follower(c);
        raft_term term;

        calm_cluster_start_users(c, &users);
        prefer(c, preferred, "9");
        calm_cluster_run_for(c, 8 * SIM_S);
        assert_ptr_equal(cluster_leader(c), preferred);
        assert_int_equal(calm_cluster_count_in_doubt(c), 0);

        /* It dies, and comes back: it gets its place again, once. */
        cluster_kill(preferred, SIM_KILLED);
        calm_cluster_run_for(c, 3 * SIM_S);
        assert_ptr_not_equal(cluster_leader(c), preferred);
        cluster_start(preferred);
        calm_cluster_run_for(c, 40 * SIM_S);
        assert_ptr_equal(cluster_leader(c), preferred);
        term = raft_current_term(raft_of(preferred));
        calm_cluster_run_for(c, 40 * SIM_S);
        assert_int_equal(raft_current_term(raft_of(preferred)), term);
        cluster_free(c);
    }
}

/* The preferred node's disk stands still for half of the time, again and again. */
static void test_leading__an_unreliable_preferred_voter_costs_few_elections(void **state)
{
    struct cluster *c = calm_cluster_start(3, patient);
    struct node *preferred = calm_cluster_follower(c);
    raft_term term = raft_current_term(raft_of(preferred));

    (void)state;
    calm_cluster_start_users(c, &users);
    prefer(c, preferred, "9");
    for (int i = 0; i < 12; i++) { /* Four minutes. */
        calm_cluster_run_for(c, 10 * SIM_S);
        sim_stall_disk(preferred->machine, sim_now_ns(c->sim) + 10 * SIM_S);
        calm_cluster_run_for(c, 10 * SIM_S);
    }
    assert_in_range(raft_current_term(raft_of(preferred)) - term, 2, 14);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leading__a_stalled_disk_costs_leadership_and_no_command),
        cmocka_unit_test(test_leading__a_needed_stalled_disk_deposes_nobody),
        cmocka_unit_test(test_leading__a_deaf_leader_gives_up),
        cmocka_unit_test(test_leading__a_mute_leader_gives_up),
        cmocka_unit_test(test_leading__a_preferred_voter_takes_over_once_it_is_fit),
        cmocka_unit_test(test_leading__an_unreliable_preferred_voter_costs_few_elections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
