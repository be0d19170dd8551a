/* Streams over the simulated network, and each way in which they end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/memory.h"
#include "sim/world/sim.h"

/* One end of a connection as a program sees it. */
struct party {
    struct io_stream stream;
    struct io *io;
    struct buffer got;
    char room[700];
    bool is_choosy; /* Reads nothing for now. */
    int64_t end;    /* 1: still open. */
    uint32_t sent_count;
    int sent_status;
    bool is_closed;
};

struct world {
    struct sim *sim;
    struct sim_machine *machines[2];
    struct io *io[2];
    struct io_listener listener;
    bool listener_is_closed;
    bool refuses;
    uint32_t accepted_count;
    struct io_connect connect;
    int connect_status; /* 1: not yet. */
    struct party client;
    struct party server;
};

static char *party_room(struct io_stream *stream, size_t *ret_size)
{
    struct party *p = container_of(stream, struct party, stream);

    *ret_size = p->is_choosy ? 0 : sizeof p->room;
    return p->room;
}

static void party_received(struct io_stream *stream, int64_t size)
{
    struct party *p = container_of(stream, struct party, stream);

    assert_int_equal(p->end, 1);
    if (size > 0) {
        buffer_append(&p->got, p->room, (size_t)size);
    } else {
        p->end = size;
    }
}

static void party_sent(struct io_stream *stream, int status)
{
    struct party *p = container_of(stream, struct party, stream);

    p->sent_count++;
    p->sent_status = status;
}

static void party_closed(struct io_stream *stream)
{
    struct party *p = container_of(stream, struct party, stream);

    assert_false(p->is_closed);
    p->is_closed = true;
}

static void party_init(struct party *p, struct io *io)
{
    *p = (struct party){
        .io = io,
        .end = 1,
        .stream = {.room = party_room,
                   .received = party_received,
                   .sent = party_sent,
                   .closed = party_closed},
    };
}

static void world_accepted(struct io_listener *listener)
{
    struct world *w = container_of(listener, struct world, listener);

    w->accepted_count++;
    if (w->refuses) {
        io_refuse(w->io[1], listener);
    } else {
        assert_int_equal(io_accept(w->io[1], listener, &w->server.stream), 0);
    }
}

static void world_listener_closed(struct io_listener *listener)
{
    struct world *w = container_of(listener, struct world, listener);

    w->listener_is_closed = true;
}

static void world_connected(struct io_connect *connect, int status)
{
    struct world *w = container_of(connect, struct world, connect);

    assert_int_equal(w->connect_status, 1);
    w->connect_status = status;
}

static void world_open(struct world *w, uint64_t seed)
{
    *w = (struct world){.connect_status = 1,
                        .listener = {.accepted = world_accepted, .closed = world_listener_closed},
                        .connect = {.connected = world_connected}};
    w->sim = sim_new(seed);
    w->machines[0] = sim_machine_new(w->sim, "c1");
    w->machines[1] = sim_machine_new(w->sim, "n1");
    for (int i = 0; i < 2; i++) {
        w->io[i] = sim_boot(w->machines[i]);
    }
    party_init(&w->client, w->io[0]);
    party_init(&w->server, w->io[1]);
}

static void world_listen(struct world *w)
{
    const struct io_address address = {.host = "n1", .port = 8000};
    uint16_t port;

    assert_int_equal(io_listen(w->io[1], &w->listener, &address, &port), 0);
    assert_int_equal(port, 8000);
}

static void world_connect(struct world *w)
{
    const struct io_address address = {.host = "n1", .port = 8000};

    io_connect(w->io[0], &w->connect, &w->client.stream, &address);
}

static void world_run(struct world *w, uint64_t for_ns)
{
    sim_run_until(w->sim, sim_now_ns(w->sim) + for_ns);
}

static void world_join(struct world *w, uint64_t seed)
{
    world_open(w, seed);
    world_listen(w);
    world_connect(w);
    world_run(w, SIM_S);
    assert_int_equal(w->connect_status, 0);
    assert_int_equal(w->accepted_count, 1);
}

static void world_close(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        if (w->io[i] != NULL) {
            sim_die(w->io[i], SIM_EXITED);
            sim_bury(w->io[i]);
        }
    }
    sim_free(w->sim);
    buffer_deinit(&w->client.got);
    buffer_deinit(&w->server.got);
}

static char *pattern(size_t size)
{
    char *data = memory_take(size);

    for (size_t i = 0; i < size; i++) {
        data[i] = (char)(i * 7 + i / 251);
    }
    return data;
}

static void test_connect__is_refused_if_nobody_listens(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1);
    world_connect(&w);
    assert_int_equal(w.connect_status, 1);
    world_run(&w, SIM_S);
    assert_int_equal(w.connect_status, -ECONNREFUSED);
    world_close(&w);
}

static void test_connect__can_be_given_up(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1);
    world_listen(&w);
    sim_block(w.machines[0], w.machines[1], true);
    world_connect(&w);
    world_run(&w, SIM_S);
    assert_int_equal(w.connect_status, 1);
    io_connect_cancel(w.io[0], &w.connect);
    assert_int_equal(w.connect_status, 1);
    world_run(&w, SIM_MS);
    assert_int_equal(w.connect_status, -ECANCELED);
    world_close(&w);
}

static void test_connect__times_out_if_the_path_stays_blocked(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1);
    world_listen(&w);
    sim_block(w.machines[1], w.machines[0], true);
    world_connect(&w);
    world_run(&w, 30 * SIM_S);
    assert_int_equal(w.connect_status, -ETIMEDOUT);
    world_close(&w);
}

static void test_connect__goes_where_the_host_is_now(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1);
    world_listen(&w);
    sim_machine_set_host(w.machines[1], "elsewhere");
    world_connect(&w);
    world_run(&w, SIM_S);
    assert_int_equal(w.connect_status, -EHOSTUNREACH);
    w.connect_status = 1;
    sim_set_dark(w.sim, true);
    world_connect(&w);
    world_run(&w, 30 * SIM_S);
    assert_int_equal(w.connect_status, -ETIMEDOUT);
    w.connect_status = 1;
    sim_machine_set_host(w.machines[1], "n1");
    world_connect(&w);
    world_run(&w, SIM_S);
    assert_int_equal(w.connect_status, 0);
    world_close(&w);
}

static void test_listener__refuses_one_and_then_is_closed(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1);
    world_listen(&w);
    w.refuses = true;
    world_connect(&w);
    world_run(&w, SIM_S);
    assert_int_equal(w.accepted_count, 1);
    assert_int_equal(w.client.end, 0);
    io_listener_close(w.io[1], &w.listener);
    world_run(&w, SIM_S);
    assert_true(w.listener_is_closed);
    world_close(&w);
}

static void test_stream__delivers_all_bytes_in_order_whatever_the_pieces(void **state)
{
    const size_t size = 300000;
    char *data = pattern(size);

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_network network = {.delay_min_ns = 10 * SIM_US,
                                      .delay_max_ns = 5 * SIM_MS,
                                      .loss_ppm = 20000,
                                      .split_ppm = 500000,
                                      .short_ppm = 200000,
                                      .window_bytes = 10000,
                                      .break_min_ns = SIM_S,
                                      .break_max_ns = SIM_S};
        struct world w;

        world_join(&w, seed);
        sim_set_network(w.sim, &network);
        assert_int_equal(io_stream_write(w.io[0], &w.client.stream, data, size), 0);
        for (int i = 0; i < 600 && w.client.sent_count == 0; i++) {
            world_run(&w, SIM_S);
        }
        world_run(&w, 10 * SIM_S);
        assert_int_equal(w.client.sent_count, 1);
        assert_int_equal(w.client.sent_status, 0);
        assert_int_equal(buffer_size(&w.server.got), size);
        assert_memory_equal(buffer_begin(&w.server.got), data, size);
        world_close(&w);
    }
    free(data);
}

static void test_stream__stalls_while_the_receiver_does_not_read(void **state)
{
    const size_t size = 1 << 20;
    char *data = pattern(size);
    struct world w;

    (void)state;
    world_join(&w, 1);
    w.server.is_choosy = true;
    assert_int_equal(io_stream_write(w.io[0], &w.client.stream, data, size), 0);
    world_run(&w, 10 * SIM_S);
    assert_int_equal(w.client.sent_count, 0);
    assert_int_equal(buffer_size(&w.server.got), 0);
    w.server.is_choosy = false;
    io_stream_resume(w.io[1], &w.server.stream);
    world_run(&w, 10 * SIM_S);
    assert_int_equal(w.client.sent_count, 1);
    assert_int_equal(buffer_size(&w.server.got), size);
    world_close(&w);
    free(data);
}

static void test_close__lets_what_was_sent_arrive_and_then_the_end(void **state)
{
    struct world w;

    (void)state;
    world_join(&w, 1);
    assert_int_equal(io_stream_write(w.io[0], &w.client.stream, "bye", 3), 1);
    io_stream_close(w.io[0], &w.client.stream);
    assert_false(w.client.is_closed);
    world_run(&w, SIM_S);
    assert_true(w.client.is_closed);
    assert_int_equal(buffer_size(&w.server.got), 3);
    assert_int_equal(w.server.end, 0);
    /* What is sent to the closed end is answered with a reset. */
    assert_int_equal(io_stream_write(w.io[1], &w.server.stream, "x", 1), 1);
    world_run(&w, SIM_S);
    assert_int_equal(io_stream_write(w.io[1], &w.server.stream, "x", 1), -ECONNRESET);
    io_stream_close(w.io[1], &w.server.stream);
    world_run(&w, SIM_S);
    assert_true(w.server.is_closed);
    world_close(&w);
}

static void test_shut__lets_the_other_side_go_on(void **state)
{
    struct world w;

    (void)state;
    world_join(&w, 1);
    assert_int_equal(io_stream_write(w.io[0], &w.client.stream, "bye", 3), 1);
    io_stream_shut(w.io[0], &w.client.stream);
    world_run(&w, SIM_S);
    assert_int_equal(buffer_size(&w.server.got), 3);
    assert_int_equal(w.server.end, 0);
    assert_int_equal(io_stream_write(w.io[1], &w.server.stream, "answer", 6), 1);
    io_stream_close(w.io[1], &w.server.stream);
    world_run(&w, SIM_S);
    assert_int_equal(buffer_size(&w.client.got), 6);
    assert_int_equal(w.client.end, 0);
    io_stream_close(w.io[0], &w.client.stream);
    world_run(&w, SIM_S);
    assert_true(w.client.is_closed);
    world_close(&w);
}

/* A kilobyte a second, a little at a time; once the path is wide again, the rest arrives at
 * once. */
static void test_narrow_path__carries_so_many_bytes_a_second(void **state)
{
    const size_t size = 30000;
    char *data = pattern(size);
    struct world w;

    (void)state;
    world_join(&w, 1);
    sim_narrow(w.machines[0], w.machines[1], 1000);
    io_stream_write(w.io[0], &w.client.stream, data, size);
    world_run(&w, 10 * SIM_S);
    assert_in_range(buffer_size(&w.server.got), 8000, 10000);
    assert_int_equal(io_stream_write(w.io[1], &w.server.stream, "back", 4), 1);
    world_run(&w, SIM_S); /* The other direction is as wide as before. */
    assert_int_equal(buffer_size(&w.client.got), 4);
    sim_narrow(w.machines[0], w.machines[1], 0);
    world_run(&w, SIM_S);
    assert_int_equal(buffer_size(&w.server.got), size);
    assert_memory_equal(buffer_begin(&w.server.got), data, size);
    world_close(&w);
    free(data);
}

static void test_partition__holds_bytes_until_it_heals(void **state)
{
    struct world w;

    (void)state;
    world_join(&w, 1);
    sim_block(w.machines[0], w.machines[1], true);
    assert_int_equal(io_stream_write(w.io[0], &w.client.stream, "a", 1), 1);
    assert_int_equal(io_stream_write(w.io[1], &w.server.stream, "b", 1), 1);
    world_run(&w, SIM_S);
    assert_int_equal(buffer_size(&w.server.got), 0);
    assert_int_equal(buffer_size(&w.client.got), 1); /* In one direction only. */
    sim_block(w.machines[0], w.machines[1], false);
    world_run(&w, SIM_S);
    assert_int_equal(buffer_size(&w.server.got), 1);
    world_run(&w, 60 * SIM_S);
    assert_int_equal(w.client.end, 1);
    world_close(&w);
}

static void test_partition__breaks_connections_that_it_outlasts(void **state)
{
    struct world w;

    (void)state;
    world_join(&w, 1);
    sim_block(w.machines[0], w.machines[1], true);
    world_run(&w, 30 * SIM_S);
    assert_int_equal(w.client.end, -ETIMEDOUT);
    assert_int_equal(w.server.end, -ETIMEDOUT);
    world_close(&w);
}

static void test_reset__is_reported_once_and_fails_what_is_pending(void **state)
{
    const size_t size = 1 << 20;
    char *data = pattern(size);
    struct world w;

    (void)state;
    world_join(&w, 1);
    assert_int_equal(io_stream_write(w.io[0], &w.client.stream, data, size), 0);
    assert_int_equal(sim_reset(w.machines[0], w.machines[1], 1000000), 1);
    world_run(&w, SIM_S);
    assert_int_equal(w.client.end, -ECONNRESET);
    assert_int_equal(w.client.sent_count, 1);
    assert_int_equal(w.client.sent_status, -ECONNRESET);
    assert_int_equal(w.server.end, -ECONNRESET);
    world_close(&w);
    free(data);
}

static void test_killed_process__is_noticed_at_once(void **state)
{
    struct world w;

    (void)state;
    world_join(&w, 1);
    sim_die(w.io[1], SIM_KILLED);
    sim_bury(w.io[1]);
    w.io[1] = NULL;
    world_run(&w, 10 * SIM_MS);
    assert_int_equal(w.client.end, 0);
    world_close(&w);
}

static void test_power_loss__is_silent_until_the_machine_is_back(void **state)
{
    struct world w;

    (void)state;
    world_join(&w, 1);
    sim_die(w.io[1], SIM_POWER);
    sim_bury(w.io[1]);
    world_run(&w, SIM_S);
    assert_int_equal(w.client.end, 1);
    w.io[1] = sim_boot(w.machines[1]);
    world_run(&w, SIM_S);
    assert_int_equal(w.client.end, -ECONNRESET);
    world_close(&w);
}

static void test_power_loss__is_found_out_by_keep_alives(void **state)
{
    struct world w;

    (void)state;
    world_join(&w, 1);
    sim_die(w.io[1], SIM_POWER);
    sim_bury(w.io[1]);
    w.io[1] = NULL;
    world_run(&w, 30 * SIM_S);
    assert_int_equal(w.client.end, -ETIMEDOUT);
    world_close(&w);
}

static void test_peer__is_named_by_host_and_port(void **state)
{
    char text[64];
    struct world w;

    (void)state;
    world_join(&w, 1);
    io_stream_peer(w.io[0], &w.client.stream, text, sizeof text);
    assert_string_equal(text, "n1:8000");
    io_stream_peer(w.io[1], &w.server.stream, text, sizeof text);
    assert_string_equal(text, "c1:40000");
    world_close(&w);
}

static void test_network__is_the_same_for_the_same_seed(void **state)
{
    uint64_t hashes[3];

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        char *data = pattern(100000);
        struct world w;

        world_join(&w, i / 2);
        io_stream_write(w.io[0], &w.client.stream, data, 100000);
        world_run(&w, SIM_S);
        hashes[i] = sim_hash(w.sim);
        world_close(&w);
        free(data);
    }
    assert_true(hashes[0] == hashes[1]);
    assert_true(hashes[0] != hashes[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect__is_refused_if_nobody_listens),
        cmocka_unit_test(test_connect__can_be_given_up),
        cmocka_unit_test(test_connect__times_out_if_the_path_stays_blocked),
        cmocka_unit_test(test_connect__goes_where_the_host_is_now),
        cmocka_unit_test(test_listener__refuses_one_and_then_is_closed),
        cmocka_unit_test(test_stream__delivers_all_bytes_in_order_whatever_the_pieces),
        cmocka_unit_test(test_stream__stalls_while_the_receiver_does_not_read),
        cmocka_unit_test(test_close__lets_what_was_sent_arrive_and_then_the_end),
        cmocka_unit_test(test_shut__lets_the_other_side_go_on),
        cmocka_unit_test(test_narrow_path__carries_so_many_bytes_a_second),
        cmocka_unit_test(test_partition__holds_bytes_until_it_heals),
        cmocka_unit_test(test_partition__breaks_connections_that_it_outlasts),
        cmocka_unit_test(test_reset__is_reported_once_and_fails_what_is_pending),
        cmocka_unit_test(test_killed_process__is_noticed_at_once),
        cmocka_unit_test(test_power_loss__is_silent_until_the_machine_is_back),
        cmocka_unit_test(test_power_loss__is_found_out_by_keep_alives),
        cmocka_unit_test(test_peer__is_named_by_host_and_port),
        cmocka_unit_test(test_network__is_the_same_for_the_same_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
