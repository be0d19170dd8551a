/* Commands under a number, sent again and again to whatever node answers, while leaders die: each
 * is executed once, and its reply and its index are those of the first execution. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "calm_cluster.h"
#include "sim/cluster/talk.h"

enum { SEEDS = SEEDS_OF(4), COMMANDS = 60, ATTEMPTS_MAX = 400 };

/* A client that has one command under way. */
struct caller {
    struct talk talk;
    struct io *io;
    char reply[64];
    uint32_t reply_count; /* On this connection. */
};

static void on_opened(struct talk *talk)
{
    container_of(talk, struct caller, talk)->reply_count = 0;
}

static void on_replied(struct talk *talk, struct slice reply)
{
    struct caller *caller = container_of(talk, struct caller, talk);

    snprintf(caller->reply, sizeof caller->reply, "%.*s", (int)reply.size, reply.data);
    caller->reply_count++;
}

static void on_closed(struct talk *talk)
{
}

static void caller_init(struct caller *caller, struct cluster *c)
{
    *caller = (struct caller){.io = sim_boot(sim_machine_new(c->sim, "caller"))};
    talk_init(&caller->talk, caller->io);
    caller->talk.opened = on_opened;
    caller->talk.replied = on_replied;
    caller->talk.closed = on_closed;
}

static void caller_deinit(struct caller *caller)
{
    sim_die(caller->io, SIM_EXITED);
    sim_bury(caller->io);
    talk_deinit(&caller->talk);
}

static void leave(struct caller *caller, struct cluster *c)
{
    talk_close(&caller->talk);
    while (caller->talk.phase != TALK_CLOSED) {
        calm_cluster_run_for(c, SIM_MS);
    }
}

/* Another node, if it answers. */
static void go_elsewhere(struct caller *caller, struct cluster *c)
{
    struct io_address address = {.port = CLUSTER_PORT};

    snprintf(address.host, sizeof address.host, "%s",
             c->nodes[prng_below(&c->prng, c->node_count)].name);
    leave(caller, c);
    talk_open(&caller->talk, &address);
    for (int i = 0; i < 100 && caller->talk.phase == TALK_CONNECTING; i++) {
        calm_cluster_run_for(c, SIM_MS);
    }
}

/* Returns whether a reply came in time. */
static bool ask(struct caller *caller, struct cluster *c, const struct slice *arguments,
                uint32_t count, uint64_t patience_ms)
{
    uint32_t before = caller->reply_count;

    if (caller->talk.phase != TALK_OPEN) {
        return false;
    }
    talk_command(&caller->talk, arguments, count);
    talk_flush(&caller->talk);
    for (uint64_t i = 0; i < patience_ms && caller->talk.phase == TALK_OPEN; i++) {
        if (caller->reply_count != before) {
            return true;
        }
        calm_cluster_run_for(c, SIM_MS);
    }
    return caller->reply_count != before;
}

/* Sends the command until it is executed; each attempt may lose its reply. */
static void call(struct caller *caller, struct cluster *c, unsigned number)
{
    char text[16];
    struct slice arguments[] = {slice_str("ONCE"), slice_str("me"), slice_str(text),
                                slice_str("INCR"), slice_str("counter")};

    snprintf(text, sizeof text, "%u", number);
    arguments[2] = slice_str(text);
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        if (ask(caller, c, arguments, 5, prng_below(&c->prng, 40)) && caller->reply[0] == ':') {
            return;
        }
        if (caller->reply[0] == '-') {
            assert_null(strstr(caller->reply, "EXPIRED"));
        }
        caller->reply[0] = '\0';
        go_elsewhere(caller, c);
    }
    fail_msg("number %u is never answered", number);
}

static void crash_now_and_then(struct cluster *c)
{
    struct node *leader = cluster_leader(c);

    if (leader != NULL && prng_chance(&c->prng, 1, 6)) {
        cluster_kill(leader, SIM_KILLED);
        cluster_start_later(leader, prng_between(&c->prng, 100, 900) * SIM_MS);
    }
}

static void test_once__counts_each_number_once_whoever_dies(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        struct caller caller;
        char expected[16];

        caller_init(&caller, c);
        go_elsewhere(&caller, c);
        for (unsigned number = 1; number <= COMMANDS; number++) {
            crash_now_and_then(c);
            call(&caller, c, number);
            snprintf(expected, sizeof expected, ":%u\r\n", number);
            assert_string_equal(caller.reply, expected);
        }
        caller_deinit(&caller);
        cluster_free(c);
    }
}

static void test_once__a_repeated_command_keeps_its_index(void **state)
{
    const struct slice once[] = {slice_str("ONCE"), slice_str("me"), slice_str("1"),
                                 slice_str("INCR"), slice_str("counter")};
    const struct slice index[] = {slice_str("RAFT"), slice_str("INDEX")};
    struct cluster *c = calm_cluster_start(1, NULL);
    struct caller caller;
    char first[64] = "";

    (void)state;
    caller_init(&caller, c);
    for (int i = 0; i < 5; i++) {
        go_elsewhere(&caller, c);
        assert_true(ask(&caller, c, once, 5, 1000));
        assert_string_equal(caller.reply, ":1\r\n");
        assert_true(ask(&caller, c, index, 2, 1000));
        assert_true(caller.reply[0] == ':' && caller.reply[1] != '0');
        if (i == 0) {
            snprintf(first, sizeof first, "%s", caller.reply);
        }
        assert_string_equal(caller.reply, first);
    }
    caller_deinit(&caller);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once__counts_each_number_once_whoever_dies),
        cmocka_unit_test(test_once__a_repeated_command_keeps_its_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
