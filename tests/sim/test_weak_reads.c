/* Reads of connections that have asked for less than linearizability (RAFT READS), on whole
 * clusters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "calm_cluster.h"
#include "replica/state.h"
#include "sim/cluster/talk.h"

enum { SEEDS = SEEDS_OF(3), WORDS_MAX = 6 };

/* A client of one node. */
struct reader {
    struct sim_machine *machine;
    struct io *io;
    struct talk talk;
    uint32_t reply_count;
    char reply[64]; /* The beginning of the last reply. */
};

static void reader_opened(struct talk *talk)
{
    (void)talk;
}

static void reader_replied(struct talk *talk, struct slice reply)
{
    struct reader *a = container_of(talk, struct reader, talk);

    a->reply_count++;
    snprintf(a->reply, sizeof a->reply, "%.*s", (int)reply.size, reply.data);
}

static void reader_closed(struct talk *talk)
{
    (void)talk;
}

static void reader_init(struct reader *a, struct cluster *c, const struct node *n)
{
    struct io_address address = {.port = CLUSTER_PORT};

    snprintf(address.host, sizeof address.host, "%s", n->name);
    *a = (struct reader){.machine = sim_machine_new(c->sim, "reader")};
    a->io = sim_boot(a->machine);
    talk_init(&a->talk, a->io);
    a->talk.opened = reader_opened;
    a->talk.replied = reader_replied;
    a->talk.closed = reader_closed;
    talk_open(&a->talk, &address);
    while (a->talk.phase != TALK_OPEN) {
        calm_cluster_run_for(c, SIM_MS);
    }
}

static void reader_deinit(struct reader *a)
{
    sim_die(a->io, SIM_EXITED);
    sim_bury(a->io);
    talk_deinit(&a->talk);
}

/* Sends one command, given as words, and waits for its reply. */
static const char *ask(struct cluster *c, struct reader *a, const char *text)
{
    struct slice words[WORDS_MAX];
    uint32_t count = 0;
    uint32_t before = a->reply_count;

    for (const char *end; *text != '\0'; text = *end == '\0' ? end : end + 1) {
        end = strchr(text, ' ') != NULL ? strchr(text, ' ') : text + strlen(text);
        words[count++] = slice_of(text, (size_t)(end - text));
    }
    talk_command(&a->talk, words, count);
    talk_flush(&a->talk);
    for (int ms = 0; ms < 10000 && a->reply_count == before; ms++) {
        calm_cluster_run_for(c, SIM_MS);
    }
    assert_int_equal(a->reply_count, before + 1);
    return a->reply;
}

static void cut_off(struct cluster *c, const struct node *n, bool is_cut)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_block(n->machine, c->nodes[i].machine, is_cut);
        sim_block(c->nodes[i].machine, n->machine, is_cut);
    }
}

static void be_patient(struct server_config *config)
{
    config->request_timeout_ns = 3 * SIM_S;
}

/* --- stale ------------------------------------------------------------------------------ */

/* Until its state may be too old; then they are refused at once. */
static void test_stale_reads__are_served_by_a_node_that_is_cut_off(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, be_patient);
        struct node *n = calm_cluster_follower(c);
        struct reader a;
        uint64_t cut_ns;

        reader_init(&a, c, n);
        assert_string_equal(ask(c, &a, "INCR k"), ":1\r\n");
        assert_string_equal(ask(c, &a, "RAFT READS STALE MAXAGE 2000"), "+OK\r\n");
        assert_string_equal(ask(c, &a, "GET k"), "$1\r\n1\r\n");
        cut_ns = sim_now_ns(c->sim);
        cut_off(c, n, true);
        while (sim_now_ns(c->sim) < cut_ns + 1800 * SIM_MS) {
            assert_string_equal(ask(c, &a, "GET k"), "$1\r\n1\r\n");
            calm_cluster_run_for(c, 50 * SIM_MS);
        }
        calm_cluster_run_for(c, cut_ns + 2500 * SIM_MS - sim_now_ns(c->sim));

        uint64_t asked_ns = sim_now_ns(c->sim);

        assert_memory_equal(ask(c, &a, "GET k"), "-CLUSTERDOWN", 12);
        assert_true(sim_now_ns(c->sim) < asked_ns + 100 * SIM_MS);
        cut_off(c, n, false);
        calm_cluster_run_for(c, 5 * SIM_S);
        assert_string_equal(ask(c, &a, "GET k"), "$1\r\n1\r\n");
        reader_deinit(&a);
        cluster_free(c);
    }
}

/* Its node asks the leader now and then, not for each. */
static void test_stale_reads__need_few_questions(void **state)
{
    struct cluster *c = calm_cluster_start(1, be_patient);
    struct node *n = calm_cluster_follower(c);
    struct reader a;
    uint64_t asked;

    (void)state;
    reader_init(&a, c, n);
    assert_string_equal(ask(c, &a, "RAFT READS STALE MAXAGE 2000"), "+OK\r\n");
    asked = n->server->replica->read_index.asked_count;
    for (int i = 0; i < 500; i++) {
        assert_string_equal(ask(c, &a, "GET k"), "$-1\r\n");
        calm_cluster_run_for(c, 5 * SIM_MS);
    }
    assert_in_range(n->server->replica->read_index.asked_count - asked, 1, 30);
    reader_deinit(&a);
    cluster_free(c);
}

/* The leader has applied a write before the node of its client has. */
static void test_stale_reads__see_the_writes_of_their_connection(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, be_patient);
        struct reader a;
        char number[16];
        char expected[16];

        reader_init(&a, c, calm_cluster_follower(c));
        assert_string_equal(ask(c, &a, "RAFT READS STALE MAXAGE 60000"), "+OK\r\n");
        for (int i = 1; i < 50; i++) {
            snprintf(number, sizeof number, ":%d\r\n", i);
            snprintf(expected, sizeof expected, "$%d\r\n%d\r\n", i < 10 ? 1 : 2, i);
            assert_string_equal(ask(c, &a, "INCR k"), number);
            assert_string_equal(ask(c, &a, "GET k"), expected);
        }
        reader_deinit(&a);
        cluster_free(c);
    }
}

/* --- under a lease ------------------------------------------------------------------------ */

static struct replica_stats stats_of(const struct node *n)
{
    struct replica_stats stats;

    replica_get_stats(n->server->replica, &stats);
    return stats;
}

static void test_leased_reads__need_few_rounds(void **state)
{
    struct cluster *c = calm_cluster_start(1, be_patient);
    struct node *leader = cluster_leader(c);
    struct reader a;
    struct replica_stats before;
    struct replica_stats after;

    (void)state;
    reader_init(&a, c, leader);
    assert_string_equal(ask(c, &a, "RAFT READS LEASE"), "+OK\r\n");
    assert_string_equal(ask(c, &a, "GET k"), "$-1\r\n");
    before = stats_of(leader);
    for (int i = 0; i < 500; i++) {
        assert_string_equal(ask(c, &a, "GET k"), "$-1\r\n");
        calm_cluster_run_for(c, 2 * SIM_MS);
    }
    after = stats_of(leader);
    assert_true(after.lease_read_count - before.lease_read_count > 450);
    assert_true(after.read_round_count - before.read_round_count < 200);
    reader_deinit(&a);
    cluster_free(c);
}

/* A client of the leader that reads under a lease, and one of a follower that writes. */
struct scene {
    struct cluster *c;
    struct node *leader;
    struct reader leased;
    struct reader writer;
    struct node *writer_node;
};

static void scene_begin(struct scene *s, uint64_t seed)
{
    s->c = calm_cluster_start(seed, be_patient);
    s->leader = cluster_leader(s->c);
    reader_init(&s->leased, s->c, s->leader);
    s->writer_node = calm_cluster_follower(s->c);
    reader_init(&s->writer, s->c, s->writer_node);
    assert_string_equal(ask(s->c, &s->leased, "RAFT READS LEASE"), "+OK\r\n");
    assert_string_equal(ask(s->c, &s->writer, "INCR k"), ":1\r\n");
    for (int i = 0; i < 3; i++) {
        assert_string_equal(ask(s->c, &s->leased, "GET k"), "$1\r\n1\r\n");
    }
    assert_true(stats_of(s->leader).lease_read_count > 0);
}

/* Others have taken a write since. The former leader, which nobody reaches, may refuse a read, and
 * may not answer it with what was there before. */
static void scene_end(struct scene *s)
{
    assert_string_not_equal(ask(s->c, &s->leased, "GET k"), "$1\r\n1\r\n");
    cut_off(s->c, s->leader, false);
    calm_cluster_run_for(s->c, SIM_S);
    assert_string_equal(ask(s->c, &s->leased, "GET k"), "$1\r\n2\r\n");
    reader_deinit(&s->leased);
    reader_deinit(&s->writer);
    cluster_free(s->c);
}

static bool follows(const struct node *n, const struct node *leader)
{
    raft_id id = raft_leader(replica_raft(n->server->replica));

    return id == 0 || id == leader->id;
}

/* It has been asleep, and does not know for how long until it looks at its clock. */
static void test_leased_reads__of_a_leader_that_is_cut_off_are_not_stale(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct scene s;

        scene_begin(&s, seed);
        cut_off(s.c, s.leader, true);
        sim_freeze(s.leader->machine, sim_now_ns(s.c->sim) + 60 * SIM_S);
        while (follows(s.writer_node, s.leader)) {
            calm_cluster_run_for(s.c, SIM_MS);
        }
        assert_string_equal(ask(s.c, &s.writer, "INCR k"), ":2\r\n");
        sim_thaw(s.leader->machine);
        scene_end(&s);
    }
}

/* The others would elect another leader at once if they had not promised to wait. */
static void test_leased_reads__of_a_leader_whose_connections_break_are_not_stale(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct scene s;

        scene_begin(&s, seed);
        cut_off(s.c, s.leader, true);
        for (uint32_t i = 0; i < s.c->node_count; i++) {
            sim_reset(s.leader->machine, s.c->nodes[i].machine, 1000 * 1000);
        }
        assert_string_equal(ask(s.c, &s.writer, "INCR k"), ":2\r\n");
        scene_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stale_reads__are_served_by_a_node_that_is_cut_off),
        cmocka_unit_test(test_stale_reads__need_few_questions),
        cmocka_unit_test(test_stale_reads__see_the_writes_of_their_connection),
        cmocka_unit_test(test_leased_reads__need_few_rounds),
        cmocka_unit_test(test_leased_reads__of_a_leader_that_is_cut_off_are_not_stale),
        cmocka_unit_test(test_leased_reads__of_a_leader_whose_connections_break_are_not_stale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
