/* Streams of io.h on the libuv backend: reading, writing, ending, closing. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io_uv_internal.h"

/* Two peers of one loop, connected to each other. */
struct pair {
    struct door door;
    struct peer near;
    struct peer far;
    struct io_connect connect;
    bool is_connected;
};

static void on_connected(struct io_connect *connect, int status)
{
    struct pair *pair = container_of(connect, struct pair, connect);

    assert_from_loop(pair->near.f);
    assert_int_equal(status, 0);
    pair->is_connected = true;
}

static void pair_open(struct pair *pair, struct fixture *f)
{
    struct io_address address;

    *pair = (struct pair){.connect = {.connected = on_connected}};
    door_open(&pair->door, f);
    peer_init(&pair->near, f);
    peer_init(&pair->far, f);
    pair->door.next = &pair->far;
    address = address_of("127.0.0.1", pair->door.port);
    call_begin(f);
    io_connect(f->io, &pair->connect, &pair->near.stream, &address);
    call_end(f);
    await(f, &pair->is_connected);
    await(f, &pair->door.has_accepted);
}

static void pair_close(struct pair *pair)
{
    peer_deinit(&pair->near);
    peer_deinit(&pair->far);
    door_close(&pair->door);
}

/* Bytes that depend on their position. */
static char *make_pattern(size_t size)
{
    char *pattern = memory_take(size);

    for (size_t i = 0; i < size; i++) {
        pattern[i] = (char)((i * 31) ^ (i >> 13));
    }
    return pattern;
}

static void test_stream__carries_bytes_both_ways(void **state)
{
    struct pair pair;

    pair_open(&pair, *state);
    assert_int_equal(peer_write(&pair.near, "ping", 4), 1);
    peer_await_bytes(&pair.far, 4);
    assert_memory_equal(buffer_begin(&pair.far.received), "ping", 4);
    assert_int_equal(peer_write(&pair.far, "pong", 4), 1);
    peer_await_bytes(&pair.near, 4);
    assert_memory_equal(buffer_begin(&pair.near.received), "pong", 4);
    assert_int_equal(pair.near.sent_count, 0); /* All was sent at once. */
    pair_close(&pair);
}

static void test_stream__writes_nothing_at_once(void **state)
{
    struct pair pair;

    pair_open(&pair, *state);
    assert_int_equal(peer_write(&pair.near, "", 0), 1);
    pair_close(&pair);
}

static void test_stream__reads_into_the_room_it_is_given(void **state)
{
    struct pair pair;

    pair_open(&pair, *state);
    pair.far.room_size = 1;
    peer_write(&pair.near, "abcdefgh", 8);
    peer_await_bytes(&pair.far, 8);
    assert_int_equal(pair.far.received_count, 8);
    assert_memory_equal(buffer_begin(&pair.far.received), "abcdefgh", 8);
    pair_close(&pair);
}

static void test_stream__carries_64_mb_to_a_reader_that_pauses(void **state)
{
    enum { SIZE = 64 * 1024 * 1024, STEP = 4 * 1024 * 1024 };
    struct pair pair;
    char *data = make_pattern(SIZE);
    size_t got = 0;
    int pause_count = 0;

    pair_open(&pair, *state);
    pair.far.pause_at = STEP;
    pair.far.room_size = 64 * 1024;
    assert_int_equal(peer_write(&pair.near, data, SIZE), 0);
    while (got < SIZE) {
        peer_await_bytes(&pair.far, SIZE - got < STEP ? SIZE - got : STEP);
        assert_memory_equal(buffer_begin(&pair.far.received), data + got,
                            buffer_size(&pair.far.received));
        got += buffer_size(&pair.far.received);
        if (got < SIZE) {
            await(pair.far.f, &pair.far.is_paused);
            pause_count++;
        }
        /* The kernel's buffers hold far less than the other half. */
        assert_true(got > SIZE / 2 || !pair.near.has_sent);
        buffer_clear(&pair.far.received);
        pair.far.is_paused = false;
        peer_resume(&pair.far);
    }
    await(pair.near.f, &pair.near.has_sent);
    assert_int_equal(got, SIZE);
    assert_int_equal(pair.near.sent_count, 1);
    assert_int_equal(pair.near.sent_status, 0);
    assert_true(pause_count >= SIZE / STEP / 2);
    pair_close(&pair);
    free(data);
}

static void test_stream__asks_for_no_more_room_while_it_pauses(void **state)
{
    struct pair pair;
    int room_count;

    pair_open(&pair, *state);
    pair.far.pause_at = 0;
    peer_write(&pair.near, "x", 1);
    await(pair.far.f, &pair.far.is_paused);
    room_count = pair.far.room_count;
    run_for(pair.far.f, 20 * MS_NS);
    assert_int_equal(pair.far.room_count, room_count);
    assert_int_equal(pair.far.received_count, 0);

    pair.far.pause_at = SIZE_MAX;
    peer_resume(&pair.far);
    peer_resume(&pair.far); /* A second call does no harm. */
    peer_await_bytes(&pair.far, 1);
    pair_close(&pair);
}

static void test_stream__reports_that_the_peer_closed_its_side(void **state)
{
    struct pair pair;

    pair_open(&pair, *state);
    peer_write(&pair.near, "last words", 10);
    peer_close(&pair.near);
    await(pair.far.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, 0);
    assert_int_equal(buffer_size(&pair.far.received), 10);
    peer_resume(&pair.far); /* Nothing comes after the end. */
    run_for(pair.far.f, 5 * MS_NS);
    assert_int_equal(pair.far.received_count, 2);
    pair_close(&pair);
}

static void test_stream__can_answer_a_peer_that_closed_its_side(void **state)
{
    struct door door;
    struct peer peer;
    char answer[8];
    int fd;

    door_open(&door, *state);
    peer_init(&peer, *state);
    fd = raw_pair(&door, &peer);
    assert_int_equal(send(fd, "question", 8, 0), 8);
    shutdown(fd, SHUT_WR);
    await(peer.f, &peer.has_ended);
    assert_int_equal(peer.end, 0);
    assert_int_equal(peer_write(&peer, "answer", 6), 1);
    assert_int_equal(recv(fd, answer, sizeof answer, 0), 6);
    assert_memory_equal(answer, "answer", 6);
    peer_deinit(&peer);
    assert_int_equal(recv(fd, answer, sizeof answer, 0), 0);
    close(fd);
    door_close(&door);
}

static void test_stream__reads_on_after_it_has_ended_its_side(void **state)
{
    struct pair pair;

    pair_open(&pair, *state);
    peer_write(&pair.near, "last words", 10);
    peer_shut(&pair.near);
    peer_shut(&pair.near); /* A second call does no harm. */
    await(pair.far.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, 0);
    assert_int_equal(buffer_size(&pair.far.received), 10);
    assert_int_equal(peer_write(&pair.far, "answer", 6), 1);
    peer_close(&pair.far);
    await(pair.near.f, &pair.near.has_ended);
    assert_int_equal(pair.near.end, 0);
    assert_int_equal(buffer_size(&pair.near.received), 6);
    pair_close(&pair);
}

static void reset_connection(int fd)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
}

static void test_stream__reports_a_reset(void **state)
{
    struct door door;
    struct peer peer;

    door_open(&door, *state);
    peer_init(&peer, *state);
    reset_connection(raw_pair(&door, &peer));
    await(peer.f, &peer.has_ended);
    assert_int_equal(peer.end, -ECONNRESET);
    assert_true(peer_write(&peer, "anybody there?", 14) < 0); /* And no SIGPIPE. */
    peer_deinit(&peer);
    door_close(&door);
}

static void test_stream__pending_write_fails_when_the_peer_goes(void **state)
{
    enum { SIZE = 32 * 1024 * 1024 };
    struct door door;
    struct peer peer;
    char *data = make_pattern(SIZE);
    int fd;

    door_open(&door, *state);
    peer_init(&peer, *state);
    fd = raw_pair(&door, &peer);
    assert_int_equal(peer_write(&peer, data, SIZE), 0);
    reset_connection(fd);
    await(peer.f, &peer.has_sent);
    assert_true(peer.sent_status < 0);
    peer_deinit(&peer);
    door_close(&door);
    free(data);
}

static void test_stream__closed_with_a_pending_write_calls_only_closed(void **state)
{
    enum { SIZE = 32 * 1024 * 1024 };
    struct pair pair;
    char *data = make_pattern(SIZE);

    pair_open(&pair, *state);
    pair.far.pause_at = 0;
    assert_int_equal(peer_write(&pair.near, data, SIZE), 0);
    peer_close(&pair.near);
    await(pair.near.f, &pair.near.is_closed);
    run_for(pair.near.f, 5 * MS_NS);
    assert_int_equal(pair.near.sent_count, 0);
    pair_close(&pair);
    free(data);
}

static void test_stream__can_be_closed_from_room(void **state)
{
    struct pair pair;

    pair_open(&pair, *state);
    pair.far.closes_in_room = true;
    peer_write(&pair.near, "x", 1);
    await(pair.far.f, &pair.far.is_closed);
    assert_int_equal(pair.far.received_count, 0);
    assert_int_equal(pair.far.room_count, 1);
    await(pair.near.f, &pair.near.has_ended);
    pair_close(&pair);
}

static void test_stream__can_be_closed_from_received(void **state)
{
    struct pair pair;

    pair_open(&pair, *state);
    pair.far.closes_on_data = true;
    pair.far.room_size = 1;
    peer_write(&pair.near, "xy", 2);
    await(pair.far.f, &pair.far.is_closed);
    assert_int_equal(pair.far.received_count, 1);
    pair_close(&pair);
}

static void test_stream__names_the_other_end(void **state)
{
    struct fixture *f = *state;
    struct pair pair;
    char near_says[80];
    char far_says[80];
    char expected[80];

    pair_open(&pair, f);
    io_stream_peer(f->io, &pair.near.stream, near_says, sizeof near_says);
    io_stream_peer(f->io, &pair.far.stream, far_says, sizeof far_says);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", pair.door.port);
    assert_string_equal(near_says, expected);
    assert_int_equal(strncmp(far_says, "127.0.0.1:", 10), 0);
    assert_string_not_equal(far_says, expected);
    assert_true(io_stream_is_local(f->io, &pair.near.stream));
    assert_true(io_stream_is_local(f->io, &pair.far.stream));
    io_stream_peer(f->io, &pair.near.stream, near_says, 5);
    assert_string_equal(near_says, "127."); /* Cut, and terminated. */
    pair_close(&pair);
}

static uint64_t origin_of(const char *text)
{
    struct sockaddr_in6 six = {0};
    struct sockaddr_in four = {0};

    if (uv_ip6_addr(text, 1, &six) != 0) {
        assert_int_equal(uv_ip4_addr(text, 1, &four), 0);
        memcpy(&six, &four, sizeof four);
    }
    return io_uv_origin(&six);
}

/* A machine has one IPv4 address, and a network of IPv6 addresses. */
static void test_stream__knows_where_the_other_end_is(void **state)
{
    struct fixture *f = *state;
    struct pair pair;

    pair_open(&pair, f);
    assert_int_equal(io_stream_origin(f->io, &pair.far.stream), origin_of("127.0.0.1"));
    pair_close(&pair);
    assert_int_equal(origin_of("192.0.2.1"), origin_of("::ffff:192.0.2.1"));
    assert_int_not_equal(origin_of("192.0.2.1"), origin_of("192.0.2.2"));
    assert_int_not_equal(origin_of("::ffff:192.0.2.1"), origin_of("::ffff:192.0.2.2"));
    assert_int_equal(origin_of("2001:db8:1:2::3"), origin_of("2001:db8:1:2:ffff::"));
    assert_int_not_equal(origin_of("2001:db8:1:2::3"), origin_of("2001:db8:1:3::3"));
}

static void test_stream__left_open_is_dropped_with_the_loop(void **state)
{
    /* No assertions: sanitizers notice a leak or an access to a freed owner. */
    enum { SIZE = 32 * 1024 * 1024 };
    struct pair *pair = memory_take(sizeof *pair);
    char *data = make_pattern(SIZE);

    pair_open(pair, *state);
    pair->far.pause_at = 0;
    assert_int_equal(peer_write(&pair->near, data, SIZE), 0); /* A write is pending, too. */
    buffer_deinit(&pair->near.received);
    buffer_deinit(&pair->far.received);
    free(pair);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_stream__carries_bytes_both_ways),
        IO_TEST(test_stream__writes_nothing_at_once),
        IO_TEST(test_stream__reads_into_the_room_it_is_given),
        IO_TEST(test_stream__carries_64_mb_to_a_reader_that_pauses),
        IO_TEST(test_stream__asks_for_no_more_room_while_it_pauses),
        IO_TEST(test_stream__reports_that_the_peer_closed_its_side),
        IO_TEST(test_stream__can_answer_a_peer_that_closed_its_side),
        IO_TEST(test_stream__reads_on_after_it_has_ended_its_side),
        IO_TEST(test_stream__reports_a_reset),
        IO_TEST(test_stream__pending_write_fails_when_the_peer_goes),
        IO_TEST(test_stream__closed_with_a_pending_write_calls_only_closed),
        IO_TEST(test_stream__can_be_closed_from_room),
        IO_TEST(test_stream__can_be_closed_from_received),
        IO_TEST(test_stream__names_the_other_end),
        IO_TEST(test_stream__knows_where_the_other_end_is),
        IO_TEST(test_stream__left_open_is_dropped_with_the_loop),
    };

    return cmocka_run_group_tests_name("io/stream", tests, NULL, NULL);
}
