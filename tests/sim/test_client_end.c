/* The end of a client's connection on a network that delays, splits and is sometimes full: all
 * replies arrive, then the end, never a reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "calm_cluster.h"

enum { SEEDS = 20, BEHIND_BYTES = 1000 * 1000 };

/* A client that sends one text, and closes when the other side has ended. */
struct caller {
    struct io *io;
    struct io_connect connect;
    struct io_stream stream;
    struct buffer text;
    struct buffer got;
    char room[4096];
    int64_t end; /* 1: open. */
};

static char *on_room(struct io_stream *stream, size_t *ret_size)
{
    struct caller *c = container_of(stream, struct caller, stream);

    *ret_size = sizeof c->room;
    return c->room;
}

static void on_received(struct io_stream *stream, int64_t size)
{
    struct caller *c = container_of(stream, struct caller, stream);

    if (size > 0) {
        buffer_append(&c->got, c->room, (size_t)size);
    } else {
        c->end = size;
        io_stream_close(c->io, stream);
    }
}

static void on_sent(struct io_stream *stream, int status)
{
    assert_int_equal(status, 0);
}

static void on_closed(struct io_stream *stream)
{
    /* Its end was recorded before. */
}

static void on_connected(struct io_connect *connect, int status)
{
    struct caller *c = container_of(connect, struct caller, connect);

    assert_int_equal(status, 0);
    assert_true(io_stream_write(c->io, &c->stream, buffer_begin(&c->text), buffer_size(&c->text)) >=
                0);
}

static void call(struct caller *c, struct cluster *cluster)
{
    struct io_address address = {.port = CLUSTER_PORT};

    snprintf(address.host, sizeof address.host, "%s", cluster_leader(cluster)->name);
    c->end = 1;
    c->connect.connected = on_connected;
    c->stream = (struct io_stream){
        .room = on_room, .received = on_received, .sent = on_sent, .closed = on_closed};
    c->io = sim_boot(sim_machine_new(cluster->sim, "caller"));
    io_connect(c->io, &c->connect, &c->stream, &address);
}

static void hang_up(struct caller *c)
{
    sim_die(c->io, SIM_EXITED);
    sim_bury(c->io);
    buffer_deinit(&c->text);
    buffer_deinit(&c->got);
}

static void check_end(const char *text, const char *replies)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *cluster = calm_cluster_start(seed, NULL);
        struct sim_network network = *sim_get_network(cluster->sim);
        struct caller c = {0};

        network.window_bytes = (uint32_t)(10000 + 1000 * seed);
        network.split_ppm = 100000;
        sim_set_network(cluster->sim, &network);
        buffer_append_slice(&c.text, slice_str(text));
        memset(buffer_reserve(&c.text, BEHIND_BYTES), 'x', BEHIND_BYTES);
        buffer_commit(&c.text, BEHIND_BYTES);
        call(&c, cluster);
        for (int i = 0; i < 100 && c.end == 1; i++) {
            calm_cluster_run_for(cluster, SIM_S);
        }
        assert_int_equal(c.end, 0);
        assert_int_equal(buffer_size(&c.got), strlen(replies));
        assert_memory_equal(buffer_begin(&c.got), replies, strlen(replies));
        hang_up(&c);
        cluster_free(cluster);
    }
}

static void test_end__comes_after_the_replies_whatever_follows_quit(void **state)
{
    (void)state;
    check_end("GET a\r\nSTRLEN a\r\nQUIT\r\n", "$-1\r\n:0\r\n+OK\r\n");
}

static void test_end__comes_after_the_error_whatever_follows_it(void **state)
{
    (void)state;
    check_end("GET a\r\n*1\r\n!4\r\n", "$-1\r\n-ERR Protocol error: expected '$', got '!'\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end__comes_after_the_replies_whatever_follows_quit),
        cmocka_unit_test(test_end__comes_after_the_error_whatever_follows_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
