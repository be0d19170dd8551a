/* One client sends costly commands: others are answered soon meanwhile, and the leader stays in
 * office. The cost of commands takes simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/list.h"
#include "calm_cluster.h"
#include "replica/replica.h"
#include "sim/cluster/heavy.h"
#include "sim/cluster/talk.h"

enum { KEYS = 200, SEEDS = SEEDS_OF(3), RUN_S = 2 };

static const uint64_t others_wait_ns = 50 * SIM_MS;

/* So that only the work takes time. */
static void make_fast(struct cluster *c)
{
    const struct sim_disk_profile disk = {
        .latency_min_ns = 100 * SIM_US, .latency_max_ns = SIM_MS, .capacity_bytes = UINT64_MAX};
    const struct sim_network network = {.delay_min_ns = 50 * SIM_US,
                                        .delay_max_ns = 200 * SIM_US,
                                        .window_bytes = 1024 * 1024,
                                        .break_min_ns = SIM_S,
                                        .break_max_ns = SIM_S};

    sim_set_network(c->sim, &network);
    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_set_disk(c->nodes[i].machine, &disk);
    }
}

static uint64_t count_elections(const struct cluster *c)
{
    struct checker_stats stats;

    checker_get_stats(c->checker, &stats);
    return stats.election_count;
}

static struct io_address pick_node(void *context, struct prng *prng)
{
    const struct node *n = context;
    struct io_address address = {.port = CLUSTER_PORT};

    (void)prng;
    snprintf(address.host, sizeof address.host, "%s", n->name);
    return address;
}

static void attack(struct cluster *c, struct node *n)
{
    uint64_t elections_before = count_elections(c);
    const struct node *leader = cluster_leader(c);
    struct heavy heavy;

    heavy_init(&heavy, c->sim, "heavy");
    heavy.batch_max = 4000;
    heavy.think_ns = 5 * SIM_MS;
    heavy.key_count = KEYS;
    heavy.pick_node = pick_node;
    heavy.context = n;
    heavy_start(&heavy);
    calm_cluster_run_for(c, RUN_S * SIM_S);
    assert_true(heavy.sent_count > 100);
    heavy_deinit(&heavy);
    assert_ptr_equal(cluster_leader(c), leader);
    assert_int_equal(count_elections(c), elections_before);
}

/* Fails if a user waits longer than its patience. */
static void test_turns__of_other_clients_come_whatever_one_client_sends(void **state)
{
    const struct user_options users = {.key_count = KEYS,
                                       .pipeline_max = 4,
                                       .backlog_max = 8,
                                       .read_percent = 50,
                                       .value_bytes_max = 2000,
                                       .think_ns = 10 * SIM_MS,
                                       .patience_ns = 10 * SIM_S};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);

        make_fast(c);
        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 2 * SIM_S); /* The keyspace fills. */
        for (uint32_t i = 0; i < c->user_count; i++) {
            user_calm(c->users[i], others_wait_ns);
        }
        attack(c, seed % 2 == 0 ? cluster_leader(c) : calm_cluster_follower(c));
        cluster_free(c);
    }
}

/* Nobody changes anything any more, but what was cleared is still freed. */
static void test_turns__free_the_memory_of_what_was_cleared(void **state)
{
    const struct user_options users = {.key_count = KEYS,
                                       .database_count = 2,
                                       .pipeline_max = 16,
                                       .backlog_max = 16,
                                       .value_bytes_max = 100,
                                       .think_ns = 10 * SIM_MS,
                                       .patience_ns = 10 * SIM_S};
    struct cluster *c = calm_cluster_start(1, NULL);
    struct witness_stats stats;

    (void)state;
    make_fast(c);
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 2 * SIM_S);
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    calm_cluster_run_for(c, SIM_S);
    witness_get_stats(c->witness, &stats);
    assert_true(stats.clear_count > 0);
    for (uint32_t i = 0; i < c->node_count; i++) {
        assert_false(keyspace_tidy(replica_keyspace(c->nodes[i].server->replica), 0));
    }
    cluster_free(c);
}

/* --- leaders that hang ------------------------------------------------------------ */

struct asker {
    struct sim_machine *machine;
    struct io *io;
    struct talk talk;
    char reply[64]; /* The beginning of the reply. */
};

static void asker_opened(struct talk *talk)
{
    const struct slice words[] = {slice_str("GET"), slice_str("k")};

    talk_command(talk, words, 2);
    talk_flush(talk);
}

static void asker_replied(struct talk *talk, struct slice reply)
{
    struct asker *a = container_of(talk, struct asker, talk);

    snprintf(a->reply, sizeof a->reply, "%.*s", (int)reply.size, reply.data);
}

static void asker_closed(struct talk *talk)
{
    /* No reference to it is left. */
}

static void ask(struct asker *a, struct cluster *c, struct node *n)
{
    struct io_address address = pick_node(n, NULL);

    *a = (struct asker){.machine = sim_machine_new(c->sim, "asker")};
    a->io = sim_boot(a->machine);
    talk_init(&a->talk, a->io);
    a->talk.opened = asker_opened;
    a->talk.replied = asker_replied;
    a->talk.closed = asker_closed;
    talk_open(&a->talk, &address);
}

static void asker_deinit(struct asker *a)
{
    sim_die(a->io, SIM_EXITED);
    sim_bury(a->io);
    talk_deinit(&a->talk);
}

static void be_patient(struct server_config *config)
{
    config->request_timeout_ns = 20 * SIM_S;
}

static void freeze(struct cluster *c, const struct node *n)
{
    sim_freeze(n->machine, sim_now_ns(c->sim) + 3 * SIM_S);
}

/* Asks a follower; the leader freezes, and so does its successor, unless that is the follower
 * itself: then returns false. */
static bool lose_two_leaders(struct cluster *c, struct asker *a)
{
    struct node *first = cluster_leader(c);
    struct node *follower = &c->nodes[first == &c->nodes[0] ? 1 : 0];

    freeze(c, first);
    ask(a, c, follower);
    for (int ms = 0; ms < 2000 && (cluster_leader(c) == NULL || cluster_leader(c) == first); ms++) {
        calm_cluster_run_for(c, SIM_MS);
    }

    struct node *second = cluster_leader(c);

    assert_ptr_not_equal(second, first);
    if (second == follower) {
        return false;
    }
    freeze(c, second);
    calm_cluster_run_for(c, 6 * SIM_S);
    return true;
}

/* No leader executes a read that another node was asked, so it can't be what hangs them. */
static void test_read__outlives_two_leaders(void **state)
{
    int lost_count = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 10 && lost_count < SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, be_patient);
        struct asker a;

        make_fast(c);
        if (lose_two_leaders(c, &a)) {
            lost_count++;
            assert_string_equal(a.reply, "$-1\r\n");
        } else {
            assert_true(strcmp(a.reply, "") == 0 || strcmp(a.reply, "$-1\r\n") == 0);
        }
        asker_deinit(&a);
        cluster_free(c);
    }
    assert_int_equal(lost_count, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns__of_other_clients_come_whatever_one_client_sends),
        cmocka_unit_test(test_turns__free_the_memory_of_what_was_cleared),
        cmocka_unit_test(test_read__outlives_two_leaders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
