/* Keys that expire, on whole clusters: they are removed at the same entry everywhere, in idle
 * clusters too, after fail-overs and restarts, and without holding up others (I-223, I-224). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "calm_cluster.h"
#include "kv/expiry.h"
#include "replica/state.h"
#include "sim/cluster/talk.h"

enum { SEEDS = SEEDS_OF(2), WORDS_MAX = 8, NODES = 3 };

/* A client of one node. */
struct client {
    struct sim_machine *machine;
    struct io *io;
    struct talk talk;
    uint32_t reply_count;
    char reply[64]; /* The beginning of the last reply. */
};

static void ignore(struct talk *talk)
{
    (void)talk;
}

static void replied(struct talk *talk, struct slice reply)
{
    struct client *a = container_of(talk, struct client, talk);

    a->reply_count++;
    snprintf(a->reply, sizeof a->reply, "%.*s", (int)reply.size, reply.data);
}

static void connect_to(struct client *a, struct cluster *c, const struct node *n)
{
    struct io_address address = {.port = CLUSTER_PORT};

    snprintf(address.host, sizeof address.host, "%s", n->name);
    *a = (struct client){.machine = sim_machine_new(c->sim, "client")};
    a->io = sim_boot(a->machine);
    talk_init(&a->talk, a->io);
    a->talk.opened = ignore;
    a->talk.replied = replied;
    a->talk.closed = ignore;
    talk_open(&a->talk, &address);
    while (a->talk.phase != TALK_OPEN) {
        calm_cluster_run_for(c, SIM_MS);
    }
}

static void disconnect(struct client *a)
{
    sim_die(a->io, SIM_EXITED);
    sim_bury(a->io);
    talk_deinit(&a->talk);
}

/* Sends a command, given as words. In a write, # becomes the number of an operation, so that the
 * witness knows it. */
static void send_line(struct cluster *c, struct client *a, const char *text)
{
    struct slice words[WORDS_MAX];
    uint32_t count = 0;
    bool is_write = false;
    char name[24];

    snprintf(name, sizeof name, "#%llu", (unsigned long long)witness_next(c->witness));
    for (const char *end; *text != '\0'; text = *end == '\0' ? end : end + 1) {
        end = strchr(text, ' ') != NULL ? strchr(text, ' ') : text + strlen(text);
        words[count] = slice_of(text, (size_t)(end - text));
        if (slice_is(words[count], "#")) {
            words[count] = slice_str(name);
            is_write = true;
        }
        count++;
    }
    if (is_write) {
        witness_invoke(c->witness, 0, words, count, true);
    }
    talk_command(&a->talk, words, count);
}

/* Returns after how many milliseconds all replies were there. */
static uint32_t await_replies(struct cluster *c, struct client *a, uint32_t reply_count)
{
    uint32_t ms = 0;

    talk_flush(&a->talk);
    for (; ms < 10000 && a->reply_count < reply_count; ms++) {
        calm_cluster_run_for(c, SIM_MS);
    }
    assert_int_equal(a->reply_count, reply_count);
    return ms;
}

static const char *ask(struct cluster *c, struct client *a, const char *line)
{
    send_line(c, a, line);
    await_replies(c, a, a->reply_count + 1);
    return a->reply;
}

static struct keyspace *keys_of(const struct node *n)
{
    return n->server->replica->keyspace;
}

static bool is_empty_everywhere(const struct cluster *c, uint64_t left)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].phase == NODE_UP && keyspace_count_all(keys_of(&c->nodes[i])) > left) {
            return false;
        }
    }
    return true;
}

static void await_empty(struct cluster *c, uint64_t left, uint64_t for_ns)
{
    for (uint64_t ns = 0; ns < for_ns && !is_empty_everywhere(c, left); ns += SIM_MS) {
        calm_cluster_run_for(c, SIM_MS);
    }
    assert_true(is_empty_everywhere(c, left));
}

static void test_expiry__removes_keys_of_an_idle_cluster(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        struct node *n = seed % 2 == 0 ? cluster_leader(c) : calm_cluster_follower(c);
        struct client a;
        uint64_t applied;

        connect_to(&a, c, n);
        assert_string_equal(ask(c, &a, "SET k # PX 500"), "+OK\r\n");
        assert_string_equal(ask(c, &a, "SET l #"), "+OK\r\n");
        applied = replica_applied_index(cluster_leader(c)->server->replica);
        calm_cluster_run_for(c, 400 * SIM_MS);
        assert_string_equal(ask(c, &a, "EXISTS k"), ":1\r\n");
        await_empty(c, 1, 250 * SIM_MS);
        assert_string_equal(ask(c, &a, "GET k"), "$-1\r\n");
        calm_cluster_run_for(c, 20 * SIM_S);
        /* One entry, and nothing afterwards. */
        assert_int_equal(replica_applied_index(n->server->replica), applied + 1);
        disconnect(&a);
        cluster_free(c);
    }
}

/* Fields of a hash that nobody changes, all due at the same time: some go with each entry, and the
 * hash with the last one. */
static void test_expiry__removes_fields_of_an_idle_cluster(void **state)
{
    enum { FIELDS = 600 };
    struct cluster *c = calm_cluster_start(2, NULL);
    const struct replica *r = cluster_leader(c)->server->replica;
    struct client a;
    uint64_t due_ms = keyspace_time_us(keys_of(cluster_leader(c))) / 1000 + 5000;
    char line[64];
    uint64_t applied;

    (void)state;
    connect_to(&a, c, calm_cluster_follower(c));
    for (uint32_t i = 0; i < FIELDS; i++) {
        snprintf(line, sizeof line, "HSETEX h PXAT %llu FIELDS 1 f%u #", (unsigned long long)due_ms,
                 (unsigned)i);
        send_line(c, &a, line);
        if (i % 100 == 99) {
            await_replies(c, &a, i + 1);
        }
    }
    snprintf(line, sizeof line, "HSETEX h PXAT %llu FIELDS 1 last #", (unsigned long long)due_ms);
    ask(c, &a, line);
    applied = replica_applied_index(r);
    await_empty(c, 0, 6 * SIM_S);
    calm_cluster_run_for(c, 20 * SIM_S);
    assert_in_range(replica_applied_index(r), applied + 3, applied + 6);
    assert_int_equal(r->stats.expired_field_count, FIELDS + 1);
    assert_int_equal(r->stats.expired_count, 0);
    disconnect(&a);
    cluster_free(c);
}

/* Thousands of keys within a moment: they go in slices, and others are served in between. */
static void test_expiry__of_very_many_keys_holds_up_nobody(void **state)
{
    enum { KEYS = 6000 };
    struct cluster *c = calm_cluster_start(3, NULL);
    struct client a;
    char line[64];
    uint32_t worst_ms = 0;

    (void)state;
    connect_to(&a, c, calm_cluster_follower(c));
    for (uint32_t i = 0; i < KEYS; i++) {
        snprintf(line, sizeof line, "SET key:%u # PXAT 1700000100000", (unsigned)i);
        send_line(c, &a, line);
        if (i % 100 == 99) {
            await_replies(c, &a, i + 1);
        }
    }
    assert_int_equal(keyspace_expiring_count(keys_of(cluster_leader(c)), 0), KEYS);
    for (uint32_t i = 0; i < 300000 && !is_empty_everywhere(c, 1); i++) {
        uint32_t ms;

        send_line(c, &a, "SET mine #");
        ms = await_replies(c, &a, a.reply_count + 1);
        worst_ms = ms > worst_ms ? ms : worst_ms;
    }
    assert_true(is_empty_everywhere(c, 1));
    assert_true(worst_ms < 100);
    disconnect(&a);
    cluster_free(c);
}

static void test_expiry__goes_on_under_another_leader(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        struct node *old = cluster_leader(c);
        struct client a;

        connect_to(&a, c, calm_cluster_follower(c));
        assert_string_equal(ask(c, &a, "SET k # PX 3000"), "+OK\r\n");
        cluster_kill(old, SIM_KILLED);
        calm_cluster_run_for(c, 2 * SIM_S);
        assert_string_equal(ask(c, &a, "EXISTS k"), ":1\r\n");
        await_empty(c, 0, 2 * SIM_S);
        cluster_start_later(old, 0);
        calm_cluster_run_for(c, 2 * SIM_S);
        await_empty(c, 0, SIM_S);
        disconnect(&a);
        cluster_free(c);
    }
}

static void snapshot_often(struct server_config *config)
{
    config->snapshot_after_entries = 20;
    config->snapshot_after_bytes = 4096;
}

static void test_expiry__survives_snapshots_and_restarts(void **state)
{
    struct cluster *c = calm_cluster_start(1, snapshot_often);
    struct client a;
    char line[64];

    (void)state;
    connect_to(&a, c, cluster_leader(c));
    assert_string_equal(ask(c, &a, "SET k # PX 20000"), "+OK\r\n");
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(line, sizeof line, "SETEX s%u 15 #", (unsigned)(i % 10));
        ask(c, &a, line);
    }
    calm_cluster_run_for(c, 2 * SIM_S);
    disconnect(&a);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_true(c->nodes[i].server->replica->snapshotter.newest.index > 0);
        cluster_kill(&c->nodes[i], SIM_POWER);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        cluster_start_later(&c->nodes[i], 0);
    }
    calm_cluster_run_for(c, 5 * SIM_S);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(keyspace_expiring_count(keys_of(&c->nodes[i]), 0), 11);
    }
    await_empty(c, 1, 15 * SIM_S);
    await_empty(c, 0, 10 * SIM_S);
    cluster_free(c);
}

static void jump_all(struct cluster *c, int64_t offset_ns)
{
    for (uint32_t i = 0; i < NODES; i++) {
        sim_machine_set_clock(c->nodes[i].machine, offset_ns, 0);
    }
}

/* A lock is neither free early nor kept long, though all wall clocks jump by a day and the leader
 * dies. */
static void test_expiry__of_a_lock_does_not_go_by_wall_clocks(void **state)
{
    static const int64_t day_ns = 86400 * (int64_t)SIM_S;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        struct node *old = cluster_leader(c);
        uint64_t began_ns;
        struct client a;

        connect_to(&a, c, calm_cluster_follower(c));
        assert_string_equal(ask(c, &a, "SET lock # NX PX 30000"), "+OK\r\n");
        began_ns = sim_now_ns(c->sim);
        jump_all(c, seed % 2 == 0 ? day_ns : -day_ns);
        calm_cluster_run_for(c, 10 * SIM_S);
        cluster_kill(old, SIM_KILLED);
        calm_cluster_run_for(c, 3 * SIM_S);
        cluster_start_later(old, 0);
        jump_all(c, seed % 2 == 0 ? -day_ns : day_ns);
        calm_cluster_run_for(c, began_ns + 29500 * SIM_MS - sim_now_ns(c->sim));
        assert_string_equal(ask(c, &a, "EXISTS lock"), ":1\r\n");
        assert_true(strtol(ask(c, &a, "PTTL lock") + 1, NULL, 10) < 1500);
        await_empty(c, 0, 1500 * SIM_MS);
        assert_string_equal(ask(c, &a, "SET lock # NX PX 30000"), "+OK\r\n");
        disconnect(&a);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expiry__removes_keys_of_an_idle_cluster),
        cmocka_unit_test(test_expiry__removes_fields_of_an_idle_cluster),
        cmocka_unit_test(test_expiry__of_very_many_keys_holds_up_nobody),
        cmocka_unit_test(test_expiry__goes_on_under_another_leader),
        cmocka_unit_test(test_expiry__survives_snapshots_and_restarts),
        cmocka_unit_test(test_expiry__of_a_lock_does_not_go_by_wall_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
