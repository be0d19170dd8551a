/* Reads are served by the node that was asked, after one question to the leader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "calm_cluster.h"
#include "replica/state.h"

enum { SEEDS = SEEDS_OF(3) };

static const struct user_options readers = {.key_count = 20,
                                            .pipeline_max = 4,
                                            .backlog_max = 4,
                                            .read_percent = 100,
                                            .value_bytes_max = 30,
                                            .think_ns = 5 * SIM_MS,
                                            .patience_ns = 30 * SIM_S};

static const struct user_options users = {.key_count = 20,
                                          .pipeline_max = 4,
                                          .backlog_max = 4,
                                          .read_percent = 60,
                                          .value_bytes_max = 30,
                                          .think_ns = 5 * SIM_MS,
                                          .patience_ns = 30 * SIM_S};

static void be_patient(struct server_config *config)
{
    config->request_timeout_ns = 3 * SIM_S;
    config->in_flight_bytes_max = 1024 * 1024;
}

static struct replica_stats stats_of(const struct node *n)
{
    struct replica_stats stats;

    replica_get_stats(n->server->replica, &stats);
    return stats;
}

static struct witness_stats seen_by(const struct cluster *c)
{
    struct witness_stats stats;

    witness_get_stats(c->witness, &stats);
    return stats;
}

static void test_reads__are_served_by_the_node_that_was_asked(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, be_patient);
        struct node *leader = cluster_leader(c);
        uint64_t rounds = stats_of(leader).read_round_count;

        calm_cluster_start_users(c, &readers);
        calm_cluster_run_for(c, 2 * SIM_S);
        for (uint32_t i = 0; i < c->node_count; i++) {
            struct node *n = &c->nodes[i];

            assert_true(stats_of(n).read_count > 100);
            assert_int_equal(stats_of(n).forwarded_count, 0);
            assert_int_equal(stats_of(n).follower_read_count,
                             n == leader ? 0 : stats_of(n).read_count);
        }
        /* The leader and the asker are a majority, so only its own reads need rounds. */
        assert_true(stats_of(leader).read_round_count - rounds <= stats_of(leader).read_count);
        cluster_free(c);
    }
}

/* The connections to the leader break again and again, with questions and answers on them. */
static void test_reads__are_asked_for_again_if_an_answer_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, be_patient);
        struct node *follower = calm_cluster_follower(c);

        calm_cluster_start_users(c, &readers);
        for (int i = 0; i < 40; i++) {
            calm_cluster_run_for(c, prng_between(&c->prng, 50 * SIM_MS, 200 * SIM_MS));
            sim_reset(follower->machine, cluster_leader(c)->machine, 700000);
            if (follower == cluster_leader(c)) {
                follower = calm_cluster_follower(c);
            }
        }
        for (uint32_t i = 0; i < c->user_count; i++) {
            (void)user_take_success_count(c->users[i]);
        }
        calm_cluster_run_for(c, 3 * SIM_S);
        assert_int_equal(seen_by(c).failed_count, 0);
        for (uint32_t i = 0; i < c->user_count; i++) {
            assert_true(user_take_success_count(c->users[i]) > 0);
        }
        cluster_free(c);
    }
}

/* A question under way on that node. */
static struct replica *asking(struct cluster *c, struct node *n)
{
    struct replica *r = n->server->replica;

    for (int i = 0; i < 100000 && !r->reads.is_asking; i++) {
        calm_cluster_run_for(c, 10 * SIM_US);
    }
    assert_true(r->reads.is_asking);
    return r;
}

/* A leader that can't answer says nothing, and its connection stays. */
static void test_reads__are_asked_for_again_if_nothing_comes(void **state)
{
    struct cluster *c = calm_cluster_start(1, be_patient);
    struct replica *r;
    uint64_t number;

    (void)state;
    calm_cluster_start_users(c, &readers);
    r = asking(c, calm_cluster_follower(c));
    number = r->reads.number;
    r->read_index.asked_id = 0; /* As if it had never been sent: no answer is believed. */
    calm_cluster_run_for(c, 4 * c->config.heartbeat_interval_ns);
    assert_true(r->reads.number > number);
    cluster_free(c);
}

static void test_reads__believe_only_the_node_that_was_asked_and_only_its_last_answer(void **state)
{
    struct cluster *c = calm_cluster_start(1, be_patient);
    struct wire_read_index_reply reply = {.index = 1, .term = 1};
    struct replica *r;

    (void)state;
    calm_cluster_start_users(c, &readers);
    r = asking(c, calm_cluster_follower(c));
    reply.number = r->reads.number;
    read_index_on_reply(r, replica_node_id(r), &reply);
    assert_true(r->reads.is_asking);
    reply.number--;
    read_index_on_reply(r, r->read_index.asked_id, &reply);
    assert_true(r->reads.is_asking);
    reply.number++;
    reply.index = r->applied_index;
    read_index_on_reply(r, r->read_index.asked_id, &reply);
    assert_false(r->reads.is_asking);
    cluster_free(c);
}

/* The bytes that wait to be sent to a node. */
static size_t unsent_to(struct replica *r, raft_id id)
{
    return buffer_size(&peers_find(r->peers, id)->dial[WIRE_CONTROL].link.out);
}

static void test_reads__are_confirmed_by_a_leader_of_the_askers_term(void **state)
{
    struct cluster *c = calm_cluster_start(1, be_patient);
    struct replica *r = cluster_leader(c)->server->replica;
    raft_id asker = replica_node_id(calm_cluster_follower(c)->server->replica);
    raft_term term = raft_current_term(r->raft);
    size_t unsent = unsent_to(r, asker);

    (void)state;
    read_index_on_question(r, asker, &(struct wire_read_index){.number = 1, .term = term + 1});
    read_index_on_question(r, asker, &(struct wire_read_index){.number = 1, .term = term - 1});
    assert_int_equal(unsent_to(r, asker), unsent);
    assert_int_equal(r->askers.count, 0);
    read_index_on_question(r, asker, &(struct wire_read_index){.number = 1, .term = term});
    assert_true(unsent_to(r, asker) > unsent);
    cluster_free(c);
}

/* Its reads go to the leader meanwhile: no client waits until it has caught up. */
static void test_reads__of_a_node_that_is_far_behind_are_forwarded(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, be_patient);
        struct node *follower = calm_cluster_follower(c);
        struct replica *r;
        uint64_t reads;

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, SIM_S);
        r = asking(c, follower);

        struct wire_read_index_reply reply = {
            .number = r->reads.number, .index = r->applied_index + 400, .term = 1};

        read_index_on_reply(r, r->read_index.asked_id, &reply);
        calm_cluster_run_for(c, SIM_S);
        assert_int_equal(stats_of(follower).behind_count, 1);
        while (r->applied_index < reply.index) {
            calm_cluster_run_for(c, 100 * SIM_MS);
        }
        calm_cluster_run_for(c, SIM_S);
        assert_int_equal(r->read_index.catch_up_to, 0);
        assert_int_equal(seen_by(c).failed_count, 0);
        reads = stats_of(follower).follower_read_count;
        calm_cluster_run_for(c, SIM_S);
        assert_true(stats_of(follower).follower_read_count > reads);
        cluster_free(c);
    }
}

/* The follower has the entry of a write before it hears that it is committed. */
static void test_reads__after_a_write_do_not_wait_for_a_heartbeat(void **state)
{
    const struct user_options lone = {.key_count = 5,
                                      .pipeline_max = 1,
                                      .read_percent = 50,
                                      .value_bytes_max = 30,
                                      .think_ns = SIM_MS,
                                      .patience_ns = 30 * SIM_S};
    const struct sim_network network = {.delay_min_ns = 50 * SIM_US,
                                        .delay_max_ns = 200 * SIM_US,
                                        .window_bytes = 1024 * 1024,
                                        .break_min_ns = SIM_S,
                                        .break_max_ns = SIM_S};
    const struct sim_disk_profile disk = {
        .latency_min_ns = 100 * SIM_US, .latency_max_ns = SIM_MS, .capacity_bytes = UINT64_MAX};
    struct cluster *c = calm_cluster_start(1, be_patient);
    uint32_t asked = calm_cluster_follower(c)->number - 1; /* User i talks to node i. */

    (void)state;
    sim_set_network(c->sim, &network);
    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_set_disk(c->nodes[i].machine, &disk);
    }
    calm_cluster_start_users(c, &lone);
    for (uint32_t i = 0; i < c->user_count; i++) {
        if (i != asked) {
            user_rest(c->users[i]);
        }
    }
    calm_cluster_run_for(c, 100 * SIM_MS);
    user_take_success_count(c->users[asked]);
    calm_cluster_run_for(c, 2 * SIM_S);
    /* If each read behind a write waited for half a heartbeat on average, it would be about 150. */
    assert_in_range(user_take_success_count(c->users[asked]), 300, 100000);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads__are_served_by_the_node_that_was_asked),
        cmocka_unit_test(test_reads__are_asked_for_again_if_an_answer_is_lost),
        cmocka_unit_test(test_reads__are_asked_for_again_if_nothing_comes),
        cmocka_unit_test(test_reads__believe_only_the_node_that_was_asked_and_only_its_last_answer),
        cmocka_unit_test(test_reads__are_confirmed_by_a_leader_of_the_askers_term),
        cmocka_unit_test(test_reads__of_a_node_that_is_far_behind_are_forwarded),
        cmocka_unit_test(test_reads__after_a_write_do_not_wait_for_a_heartbeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
