/* How long the commands of a pipeline wait without a leader: their time begins when they arrive,
 * not when their turn comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum { PAIRS = 57 };

struct caller {
    struct io *io;
    struct talk talk;
    struct sim *sim;
    uint32_t reply_count;
    uint32_t refused_count;
    uint64_t last_ns;
};

static void on_opened(struct talk *talk)
{
}

static void on_replied(struct talk *talk, struct slice reply)
{
    struct caller *c = container_of(talk, struct caller, talk);
    static const char refused[] = "-CLUSTERDOWN";

    c->reply_count++;
    c->refused_count +=
        reply.size > sizeof refused - 1 && memcmp(reply.data, refused, sizeof refused - 1) == 0;
    c->last_ns = sim_now_ns(c->sim);
}

static void on_closed(struct talk *talk)
{
}

static void caller_open(struct caller *c, struct cluster *cluster, const struct node *n)
{
    struct io_address address = {.port = CLUSTER_PORT};

    *c = (struct caller){.sim = cluster->sim,
                         .io = sim_boot(sim_machine_new(cluster->sim, "caller"))};
    talk_init(&c->talk, c->io);
    c->talk.opened = on_opened;
    c->talk.replied = on_replied;
    c->talk.closed = on_closed;
    snprintf(address.host, sizeof address.host, "%s", n->name);
    talk_open(&c->talk, &address);
    calm_cluster_run_for(cluster, 100 * SIM_MS);
    assert_int_equal(c->talk.phase, TALK_OPEN);
}

static void caller_close(struct caller *c)
{
    sim_die(c->io, SIM_EXITED);
    sim_bury(c->io);
    talk_deinit(&c->talk);
}

/* A walk over the keys never goes through the log: it waits for the write before it, and the
 * next write waits for it. */
static void send_pairs(struct caller *c)
{
    const struct slice incr[] = {slice_str("INCR"), slice_str("n1")};
    const struct slice scan[] = {slice_str("SCAN"), slice_str("0")};

    for (uint32_t i = 0; i < PAIRS; i++) {
        talk_command(&c->talk, incr, 2);
        talk_command(&c->talk, scan, 2);
    }
    talk_flush(&c->talk);
}

static void test_pipeline__without_a_leader_is_answered_in_the_time_of_one_command(void **state)
{
    struct cluster *cluster = calm_cluster_start(1, NULL);
    struct node *alone = cluster_leader(cluster);
    uint64_t timeout_ns = alone->config.request_timeout_ns;
    struct caller c;

    (void)state;
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        if (&cluster->nodes[i] != alone) {
            cluster->nodes[i].stays_down = true;
            cluster_kill(&cluster->nodes[i], SIM_POWER);
        }
    }
    calm_cluster_run_for(cluster, SIM_S); /* The node has noticed that it does not lead any more. */
    assert_null(cluster_leader(cluster));
    caller_open(&c, cluster, alone);

    uint64_t sent_ns = sim_now_ns(cluster->sim);

    send_pairs(&c);
    calm_cluster_run_for(cluster, 2 * timeout_ns);
    assert_int_equal(c.reply_count, 2 * PAIRS);
    assert_int_equal(c.refused_count, 2 * PAIRS);
    assert_true(c.last_ns > sent_ns + timeout_ns / 2); /* A leader might have come. */
    assert_true(c.last_ns < sent_ns + timeout_ns + timeout_ns / 4);
    caller_close(&c);
    cluster_free(cluster);
}

/* Commands that wait for their turn while others are executed are not refused for that. */
static void test_pipeline__that_takes_longer_than_a_command_may_is_executed(void **state)
{
    struct cluster *cluster = calm_cluster_start(1, NULL);
    struct node *leader = cluster_leader(cluster);
    uint64_t timeout_ns = leader->config.request_timeout_ns;
    struct caller c;

    (void)state;
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        for (uint32_t j = 0; j < cluster->node_count; j++) {
            sim_slow(cluster->nodes[i].machine, cluster->nodes[j].machine, 30 * SIM_MS);
        }
    }
    caller_open(&c, cluster, leader);

    uint64_t sent_ns = sim_now_ns(cluster->sim);

    send_pairs(&c);
    calm_cluster_run_for(cluster, 10 * timeout_ns);
    assert_int_equal(c.reply_count, 2 * PAIRS);
    assert_int_equal(c.refused_count, 0);
    assert_true(c.last_ns > sent_ns + 2 * timeout_ns);
    caller_close(&c);
    cluster_free(cluster);
}

/* Each of a few kilobytes, so that the log is soon full. */
static void send_large(struct caller *c, uint32_t count)
{
    char key[3000];
    const struct slice incr[] = {slice_str("INCR"), slice_of(key, sizeof key)};

    memset(key, 'n', sizeof key);
    for (uint32_t i = 0; i < count; i++) {
        talk_command(&c->talk, incr, 2);
    }
    talk_flush(&c->talk);
}

static void have_room(struct server_config *config)
{
    config->in_flight_bytes_max = 4 * 1024 * 1024;
    config->request_timeout_ns = 10 * SIM_S;
}

/* The caller's node is the leader, or another one. */
static void check_that_is_dropped(bool is_forwarded)
{
    enum { SENT = 200, TAKEN_AT_LEAST = 10, TAKEN_AT_MOST = 100 };
    struct cluster *cluster = calm_cluster_start(1, have_room);
    struct node *leader = cluster_leader(cluster);
    const struct raft *raft = replica_raft(leader->server->replica);
    struct node *follower = &cluster->nodes[leader == &cluster->nodes[0] ? 1 : 0];
    raft_index first = raft_last_index(raft);
    struct caller c;

    caller_open(&c, cluster, is_forwarded ? follower : leader);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        sim_stall_disk(cluster->nodes[i].machine, sim_now_ns(cluster->sim) + 2 * SIM_S);
    }
    send_large(&c, SENT);
    calm_cluster_run_for(cluster, SIM_S);
    talk_close(&c.talk);
    calm_cluster_run_for(cluster, 20 * SIM_S);
    assert_ptr_equal(cluster_leader(cluster), leader);
    assert_true(raft_commit_index(raft) == raft_last_index(raft));
    assert_in_range(raft_last_index(raft) - first, TAKEN_AT_LEAST, TAKEN_AT_MOST);
    caller_close(&c);
    cluster_free(cluster);
}

static void test_pipeline__that_waits_for_room_is_dropped_with_its_connection(void **state)
{
    (void)state;
    check_that_is_dropped(false);
}

static void test_pipeline__that_waits_at_another_node_is_dropped_with_its_connection(void **state)
{
    (void)state;
    check_that_is_dropped(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipeline__without_a_leader_is_answered_in_the_time_of_one_command),
        cmocka_unit_test(test_pipeline__that_takes_longer_than_a_command_may_is_executed),
        cmocka_unit_test(test_pipeline__that_waits_for_room_is_dropped_with_its_connection),
        cmocka_unit_test(test_pipeline__that_waits_at_another_node_is_dropped_with_its_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
