/* Commands that were answered INDOUBT. The witness checks that none of them is put into a
 * leader's log long after that, and none after a later reply of its connection. These tests
 * provoke such answers again and again, and check that there were some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "command/table.h"
#include "kv/codec.h"
#include "replica/forwarded.h"
#include "replica/replica.h"
#include "replica/state.h"

enum { SEEDS = SEEDS_OF(4), ROUNDS = 12 };

static const struct user_options users = {.key_count = 20,
                                          .pipeline_max = 8,
                                          .backlog_max = 16,
                                          .read_percent = 30,
                                          .value_bytes_max = 30,
                                          .think_ns = 5 * SIM_MS,
                                          .patience_ns = 30 * SIM_S};

static struct node *some_follower(struct cluster *c)
{
    struct node *leader = cluster_leader(c);

    return &c->nodes[leader == &c->nodes[0] ? 1 : 0];
}

static void await_leader(struct cluster *c)
{
    for (int i = 0; i < 100 && cluster_leader(c) == NULL; i++) {
        calm_cluster_run_for(c, 100 * SIM_MS);
    }
    assert_non_null(cluster_leader(c));
}

/* Connections survive blocked paths. */
static void keep_connections(struct cluster *c)
{
    struct sim_network network = *sim_get_network(c->sim);

    network.break_min_ns = network.break_max_ns = 60 * SIM_S;
    sim_set_network(c->sim, &network);
}

static void check_rounds(void (*strike)(struct cluster *c, uint64_t for_ns), uint64_t least_ns,
                         uint64_t most_ns)
{
    uint64_t in_doubt = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);

        keep_connections(c);
        calm_cluster_start_users(c, &users);
        for (int i = 0; i < ROUNDS; i++) {
            await_leader(c);
            strike(c, prng_between(&c->prng, least_ns, most_ns));
            calm_cluster_run_for(c, prng_between(&c->prng, 300 * SIM_MS, 3 * SIM_S));
        }
        in_doubt += calm_cluster_count_in_doubt(c);
        cluster_free(c);
    }
    assert_true(in_doubt > 0);
}

static void freeze_leader(struct cluster *c, uint64_t for_ns)
{
    sim_freeze(cluster_leader(c)->machine, sim_now_ns(c->sim) + for_ns);
    calm_cluster_run_for(c, for_ns);
}

static void test_doubt__of_a_frozen_leader_has_an_end(void **state)
{
    (void)state;
    check_rounds(freeze_leader, 250 * SIM_MS, 900 * SIM_MS);
}

/* The leader stays in office, because its other follower hears it and is heard. */
static void cut_way_to_leader(struct cluster *c, uint64_t for_ns)
{
    struct node *leader = cluster_leader(c);
    struct node *follower = some_follower(c);

    sim_block(follower->machine, leader->machine, true);
    calm_cluster_run_for(c, for_ns);
    sim_block(follower->machine, leader->machine, false);
}

static void test_doubt__of_a_cut_way_to_the_leader_has_an_end(void **state)
{
    (void)state;
    check_rounds(cut_way_to_leader, 1500 * SIM_MS, 4 * SIM_S);
}

/* The follower considers the leader lost; the others do not. */
static void cut_off_follower(struct cluster *c, uint64_t for_ns)
{
    struct node *follower = some_follower(c);

    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_block(follower->machine, c->nodes[i].machine, true);
        sim_block(c->nodes[i].machine, follower->machine, true);
    }
    calm_cluster_run_for(c, for_ns);
    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_block(follower->machine, c->nodes[i].machine, false);
        sim_block(c->nodes[i].machine, follower->machine, false);
    }
}

static void test_doubt__of_a_follower_that_was_cut_off_has_an_end(void **state)
{
    (void)state;
    check_rounds(cut_off_follower, 400 * SIM_MS, 1900 * SIM_MS);
}

static void break_connections(struct cluster *c, uint64_t for_ns)
{
    uint64_t until_ns = sim_now_ns(c->sim) + for_ns;

    while (sim_now_ns(c->sim) < until_ns && cluster_leader(c) != NULL) {
        sim_reset(some_follower(c)->machine, cluster_leader(c)->machine, 700000);
        calm_cluster_run_for(c, prng_between(&c->prng, SIM_MS, 200 * SIM_MS));
    }
}

static void test_doubt__of_a_replaced_connection_has_an_end(void **state)
{
    (void)state;
    check_rounds(break_connections, 500 * SIM_MS, 2 * SIM_S);
}

/* The former leader soon leads again, in another term, and receives what was sent to it before. */
static void depose_leader(struct cluster *c, uint64_t for_ns)
{
    struct node *leader = cluster_leader(c);

    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_block(c->nodes[i].machine, leader->machine, true);
    }
    calm_cluster_run_for(c, for_ns);
    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_block(c->nodes[i].machine, leader->machine, false);
    }
    calm_cluster_run_for(c, 200 * SIM_MS);
    await_leader(c);
    if (cluster_leader(c) != leader) {
        freeze_leader(c, 700 * SIM_MS);
    }
}

static void test_doubt__of_a_leader_deposed_and_elected_again_has_an_end(void **state)
{
    (void)state;
    check_rounds(depose_leader, 400 * SIM_MS, 1500 * SIM_MS);
}

/* --- the order of one connection --------------------------------------------------------- */

/* The connection on which that follower's commands arrive at the leader. */
static uint64_t bulk_connection(const struct node *leader, const struct node *follower)
{
    list_for_each(node, &leader->server->peers.inbounds)
    {
        const struct inbound *in = container_of(node, struct inbound, node);

        if (in->is_greeted && in->channel == WIRE_BULK && in->from == follower->id) {
            return in->serial;
        }
    }
    fail_msg("%s is not connected", follower->name);
    return 0;
}

static void forward_set(const struct node *leader, const struct node *follower, uint64_t number,
                        uint64_t until_ns)
{
    const struct slice arguments[] = {slice_str("SET"), slice_str("k"), slice_str("v")};
    const struct command_head head = {.argument_count = 3};
    struct replica *r = leader->server->replica;
    char payload[64];
    struct wire_forward f = {.correlation = follower->server->replica->forwards.sent.next + number,
                             .term = raft_current_term(replica_raft(r)),
                             .resp_version = 2,
                             .until_ns = until_ns};

    f.command = slice_of(payload, command_payload_size(&head, arguments));
    command_payload_write(payload, &head, arguments);
    forwarded_on_command(r, follower->id, bulk_connection(leader, follower), &f);
}

/* --- what changes nothing ---------------------------------------------------------------- */

struct query {
    struct request request;
    struct resp_writer writer;
    struct buffer out;
    bool is_answered;
};

static struct resp_writer *query_reply(struct request *request)
{
    return &container_of(request, struct query, request)->writer;
}

static void query_answered(struct request *request)
{
    container_of(request, struct query, request)->is_answered = true;
}

/* An administrator's query is never answered INDOUBT, because it changes nothing. */
static void test_doubt__does_not_concern_queries(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct replica *r = some_follower(c)->server->replica;
    const struct slice arguments[] = {slice_str("RAFT"), slice_str("STATUS")};
    struct query q = {
        .request = {
            .is_query = true, .resp_version = 2, .reply = query_reply, .answered = query_answered}};

    (void)state;
    q.writer = (struct resp_writer){.out = &q.out, .version = 2};
    request_encode(&q.request, command_find(r->options.commands, arguments[0]), 0, 2, arguments);
    sim_freeze(cluster_leader(c)->machine, sim_now_ns(c->sim) + 5 * SIM_S);
    replica_submit(r, &q.request);
    io_turn_soon(r->io);
    calm_cluster_run_for(c, 4 * SIM_S);
    assert_true(q.is_answered);
    assert_int_equal(buffer_begin(&q.out)[0], '*'); /* The next leader has answered. */
    buffer_deinit(&q.out);
    cluster_free(c);
}

/* --- late commands ------------------------------------------------------------------------ */

/* A command that arrives too late is answered as soon as a later one is executed. If it waited
 * longer and the leader lost its office, it would be sent to the next leader, and be executed
 * after the later one. */
static void test_doubt__late_commands_do_not_wait_while_later_ones_pass(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    const struct node *leader = cluster_leader(c);
    struct replica *r = leader->server->replica;
    raft_index last_before = raft_last_index(replica_raft(r));
    uint64_t now_ns = peers_time_now(r->peers);

    (void)state;
    forward_set(leader, some_follower(c), 0, now_ns - SIM_MS);
    forward_set(leader, some_follower(c), 1, now_ns + SIM_S);
    io_turn_soon(r->io);
    calm_cluster_run_for(c, 5 * SIM_MS);
    assert_int_equal(raft_last_index(replica_raft(r)), last_before + 1);
    assert_true(list_is_empty(&r->requests.waiting));
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubt__of_a_frozen_leader_has_an_end),
        cmocka_unit_test(test_doubt__of_a_cut_way_to_the_leader_has_an_end),
        cmocka_unit_test(test_doubt__of_a_follower_that_was_cut_off_has_an_end),
        cmocka_unit_test(test_doubt__of_a_replaced_connection_has_an_end),
        cmocka_unit_test(test_doubt__of_a_leader_deposed_and_elected_again_has_an_end),
        cmocka_unit_test(test_doubt__does_not_concern_queries),
        cmocka_unit_test(test_doubt__late_commands_do_not_wait_while_later_ones_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
