/* Limits on what a client may use: memory for input and output, connections, time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

enum { MB = 1024 * 1024 };

/* "*3 SET key value", with a value of that size. */
static void put_set(struct buffer *to, const char *key, size_t value_bytes)
{
    buffer_printf(to, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(key), key, value_bytes);
    memset(buffer_reserve(to, value_bytes), 'v', value_bytes);
    buffer_commit(to, value_bytes);
    buffer_printf(to, "\r\n");
}

static void set_value(struct client_fixture *f, int fd, const char *key, size_t value_bytes)
{
    struct buffer request = {0};

    put_set(&request, key, value_bytes);
    fixture_send(f, fd, buffer_slice(&request));
    fixture_expect(f, fd, "+OK\r\n");
    buffer_deinit(&request);
}

static void test_input__takes_no_memory_for_what_is_only_announced(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_say(f, fd, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc");
    fixture_await_clients(f, 1);
    while (buffer_size(&fixture_client(f)->input) == 0) {
        fixture_run(f);
    }
    assert_true(fixture_client(f)->input.capacity <= 64 * 1024);
    close(fd);
}

static void test_input__takes_a_large_value_and_gives_its_memory_back(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};

    set_value(f, fd, "k", 64 * MB);
    assert_true(fixture_client(f)->input.capacity <= 4 * CLIENT_READ_BYTES_MAX);
    fixture_talk(f, fd, "STRLN k\r\n", ":67108864\r\n");
    fixture_talk(f, fd, "GET k\r\n", "$67108864\r\n");
    assert_true(fixture_receive(f, fd, &got, 64 * MB));
    fixture_expect(f, fd, "\r\n");
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    assert_true(fixture_client(f)->out.capacity + fixture_client(f)->sending.capacity <=
                2 * CLIENT_KEEP_BYTES);
    buffer_deinit(&got);
    close(fd);
}

static void test_input__refuses_a_request_beyond_its_limit(void **state)
{
    struct client_fixture *f = *state;
    int fd;

    f->clients->options.input_bytes_max = MB;
    fd = fixture_connect(f);
    fixture_say(f, fd, "SET a 1\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000\r\n");
    fixture_expect(f, fd, "+OK\r\n-ERR Protocol error: invalid bulk length\r\n");
    fixture_expect_end(f, fd);
}

static void test_input__ends_at_a_protocol_error_after_earlier_replies(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\n*1\r\n!4\r\nPING\r\n");
    fixture_await_requests(f, 1);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n-ERR Protocol error: expected '$', got '!'\r\n");
    fixture_expect_end(f, fd);
}

static void test_input__closes_on_http_at_once(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_say(f, fd, "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    fixture_expect_end(f, fd);
    fd = fixture_connect(f);
    fixture_say(f, fd, "Host: a\r\n");
    fixture_expect_end(f, fd);
}

static void test_input__is_not_read_while_commands_wait(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer requests = {0};
    int small = 4 * MB;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    f->replica.holds = true;
    for (int i = 0; i < 200000; i++) {
        buffer_printf(&requests, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n");
    }
    /* As much as fits into the kernel's buffers. */
    while (send(fd, buffer_begin(&requests), buffer_size(&requests), MSG_NOSIGNAL) > 0) {
    }
    while (f->replica.count < CLIENT_SLOTS_MAX) {
        fixture_run(f);
    }
    assert_int_equal(f->replica.count, CLIENT_SLOTS_MAX);
    while (!fixture_client(f)->is_paused) {
        fixture_run(f);
    }
    assert_true(buffer_size(&fixture_client(f)->input) <=
                CLIENT_READ_AHEAD_BYTES + CLIENT_READ_BYTES_MAX);
    buffer_deinit(&requests);
    close(fd);
}

static void test_input__bounds_the_bytes_of_arguments_under_way(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer requests = {0};

    f->replica.holds = true;
    for (int i = 0; i < 5; i++) {
        put_set(&requests, "k", CLIENT_WORK_UNDER_WAY_MAX / 3);
    }
    put_set(&requests, "last", 10 * MB); /* Even this one, if it is alone. */

    size_t sent = 0;

    while (f->replica.count < 2 || fixture_client(f)->wait == CLIENT_RUNS) {
        ssize_t count =
            send(fd, buffer_begin(&requests) + sent, buffer_size(&requests) - sent, MSG_NOSIGNAL);

        if (count > 0) {
            sent += (size_t)count;
        } else {
            fixture_run(f);
        }
    }
    assert_int_equal(f->replica.count, 2);
    assert_int_equal(fixture_client(f)->wait, CLIENT_WAITS_FOR_SLOTS);
    f->replica.holds = false;
    fixture_flush(f);
    fixture_send(f, fd, slice_of(buffer_begin(&requests) + sent, buffer_size(&requests) - sent));
    for (int i = 0; i < 6; i++) {
        fixture_expect(f, fd, "+OK\r\n");
    }
    buffer_deinit(&requests);
    close(fd);
}

/* Two of them do not fit at once; the second one is refused, its connection ends, and it is taken
 * once there is room again. */
static void test_input__of_all_clients_is_bounded(void **state)
{
    struct client_fixture *f = *state;
    struct buffer request = {0};
    struct slice first_part;
    struct slice rest;
    int one = fixture_connect(f);
    int other = fixture_connect(f);

    f->clients->options.input_memory_bytes = 20 * MB;
    put_set(&request, "k", 12 * MB);
    first_part = slice_of(buffer_begin(&request), 11 * MB);
    rest = slice_of(buffer_begin(&request) + 11 * MB, buffer_size(&request) - 11 * MB);
    fixture_send(f, one, first_part);
    while (f->clients->input_bytes < 11 * MB) {
        fixture_run(f);
    }
    fixture_send(f, other, first_part);
    fixture_expect(f, other,
                   "-OOM requests that clients are sending take too much memory: this one was not "
                   "executed. Send it again when there are fewer, or in parts; the connection "
                   "ends\r\n");
    fixture_expect_end(f, other);
    fixture_send(f, one, rest);
    fixture_expect(f, one, "+OK\r\n");
    assert_true(f->replica.client_bytes < 2 * MB);
    set_value(f, fixture_connect(f), "k", 12 * MB);
    assert_int_equal(f->replica.executed_count, 2);
    buffer_deinit(&request);
    close(one);
}

static void test_output__takes_no_commands_from_a_client_that_does_not_read(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};
    enum { GETS = 200 };

    set_value(f, fd, "k", MB);
    for (int i = 0; i < GETS; i++) {
        fixture_say(f, fd, "GET k\r\n");
    }
    while (fixture_client(f)->wait != CLIENT_WAITS_FOR_READER) {
        fixture_run(f);
    }
    assert_true(client_output_bytes(fixture_client(f)) <=
                CLIENT_READ_WINDOW_BYTES + 2 * CLIENT_OUTPUT_PAUSE_BYTES);
    assert_true(f->replica.executed_count < GETS);
    assert_true(fixture_receive(f, fd, &got, GETS * (size_t)(MB + sizeof "$1048576\r\n\r\n" - 1)));
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    buffer_deinit(&got);
    close(fd);
}

static void test_output__ends_a_connection_beyond_its_limit(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};
    struct clients_stats stats;

    set_value(f, fd, "k", MB);
    f->clients->options.output_bytes_max = MB;
    f->replica.holds = true;
    fixture_say(f, fd, "GET k\r\nGET k\r\nGET k\r\n");
    fixture_await_requests(f, 3);
    fake_answer_all(f);
    fixture_flush(f);
    assert_false(fixture_receive(f, fd, &got, (size_t)3 * MB));
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.closed_slow_count, 1);
    buffer_deinit(&got);
    close(fd);
}

/* The kernel's buffers hold an unknown amount, so the values are far larger. */
static void test_output__of_all_clients_is_bounded_by_closing_the_largest(void **state)
{
    struct client_fixture *f = *state;
    int fds[3];
    struct buffer got = {0};
    struct clients_stats stats;

    f->clients->options.output_memory_bytes = 110 * MB;
    for (int i = 0; i < 3; i++) {
        fds[i] = fixture_connect(f);
    }
    set_value(f, fds[0], "large", 60 * MB);
    set_value(f, fds[0], "middle", 40 * MB);
    fixture_talk(f, fds[0], "GET middle\r\n", "$41943040\r\n");
    fixture_talk(f, fds[1], "GET large\r\n", "$62914560\r\n");
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.closed_slow_count, 0);
    assert_in_range(stats.unread_bytes, 80 * MB, 101 * MB);
    fixture_talk(f, fds[2], "GET middle\r\n", "$41943040\r\n");
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.closed_slow_count, 1);
    assert_in_range(stats.unread_bytes, 60 * MB, 81 * MB);
    assert_false(fixture_receive(f, fds[1], &got, 60 * MB));
    buffer_clear(&got);
    assert_true(fixture_receive(f, fds[0], &got, 40 * MB + 2));
    assert_true(fixture_receive(f, fds[2], &got, 40 * MB + 2));
    fixture_await_clients(f, 2);
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.unread_bytes, 0);
    buffer_deinit(&got);
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

/* Sends it, and waits until it was taken; does not read the reply. */
static void say_echo(struct client_fixture *f, int fd, size_t value_bytes)
{
    struct buffer request = {0};
    struct clients_stats stats;
    uint64_t before;

    clients_get_stats(f->clients, &stats);
    before = stats.commands_count;
    buffer_printf(&request, "*2\r\n$4\r\nECHO\r\n$%zu\r\n", value_bytes);
    memset(buffer_reserve(&request, value_bytes), 'v', value_bytes);
    buffer_commit(&request, value_bytes);
    buffer_printf(&request, "\r\n");
    fixture_send(f, fd, buffer_slice(&request));
    do {
        fixture_run(f);
        clients_get_stats(f->clients, &stats);
    } while (stats.commands_count == before);
    buffer_deinit(&request);
}

/* Fills the kernel's buffers, until a reply is waiting to be sent. */
static void fill_the_way(struct client_fixture *f, int fd)
{
    fixture_await_clients(f, 1);
    while (!fixture_client(f)->is_sending) {
        say_echo(f, fd, CLIENT_OUTPUT_PAUSE_BYTES / 2);
    }
}

static void test_output__of_local_commands_counts_as_well(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct clients_stats stats;

    fill_the_way(f, fd);
    f->clients->options.output_memory_bytes = 10 * MB;
    say_echo(f, fd, 20 * MB);
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.closed_slow_count, 1);
    assert_int_equal(stats.unread_bytes, 0);
    close(fd);
}

/* What the client has not read may be little, and the new reply too. */
static void test_output__of_a_client_that_does_not_read_stops_if_all_have_much(void **state)
{
    struct client_fixture *f = *state;
    int slow = fixture_connect(f);
    int fd;
    int other;
    struct buffer got = {0};

    f->clients->options.output_memory_bytes = 60 * MB;
    set_value(f, slow, "k", 40 * MB);
    fixture_talk(f, slow, "GET k\r\n", "$41943040\r\n");
    f->replica.holds = true;
    fd = fixture_connect(f);
    fixture_say(f, fd, "STRLEN k\r\nSTRLEN n\r\n");
    fixture_await_requests(f, 2);
    fake_answer(f, 1); /* Its reply is kept, because the first one's has to be sent before it. */
    fixture_say(f, fd, "STRLEN k\r\n");
    while (container_of(f->clients->all.previous, struct client, link)->wait !=
           CLIENT_WAITS_FOR_READER) {
        fixture_run(f);
    }
    assert_int_equal(f->replica.count, 1);
    other = fixture_connect(f);
    fixture_say(f, other, "STRLEN k\r\n");
    fixture_await_requests(f, 2);
    f->replica.holds = false;
    fixture_flush(f);
    fixture_expect(f, other, ":41943040\r\n");
    fixture_expect(f, fd, ":41943040\r\n:0\r\n:41943040\r\n");
    assert_true(fixture_receive(f, slow, &got, 40 * MB + 2));
    buffer_deinit(&got);
    close(slow);
    close(fd);
    close(other);
}

static void test_output__lets_one_reply_of_any_size_through(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};

    set_value(f, fd, "k", 8 * MB);
    f->clients->options.output_bytes_max = MB;
    fixture_talk(f, fd, "GET k\r\n", "$8388608\r\n");
    assert_true(fixture_receive(f, fd, &got, 8 * MB + 2));
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    buffer_deinit(&got);
    close(fd);
}

static void test_clients__get_an_error_when_there_are_too_many(void **state)
{
    struct client_fixture *f = *state;
    int fds[3];
    struct clients_stats stats;

    fixture_limit_clients(f, 2);
    for (int i = 0; i < 2; i++) {
        fds[i] = fixture_connect(f);
        fixture_talk(f, fds[i], "PING\r\n", "+PONG\r\n");
    }
    fds[2] = fixture_connect(f);
    fixture_talk(f, fds[2], "PING\r\n", "-ERR max number of clients reached\r\n");
    fixture_expect_end(f, fds[2]);
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.connected_count, 2);
    assert_int_equal(stats.refused_count, 1);
    close(fds[0]);
    fixture_await_clients(f, 1);
    fds[0] = fixture_connect(f);
    fixture_talk(f, fds[0], "PING\r\n", "+PONG\r\n");
    close(fds[0]);
    close(fds[1]);
}

static void test_clients__that_were_turned_away_are_closed_even_if_they_say_nothing(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int refused;

    fixture_limit_clients(f, 1);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    refused = fixture_connect(f);
    fixture_expect(f, refused, "-ERR max number of clients reached\r\n");
    fixture_expect_end(f, refused);
    close(fd);
}

/* --- the reserve --------------------------------------------------------------- */

enum { RESERVE_MAX = 8 }; /* As in place.c. */

static const char ask_limit[] = "CONFIG GET maxclients\r\n";
static const char limit_is_one[] = "*2\r\n$10\r\nmaxclients\r\n$1\r\n1\r\n";
static const char too_many[] = "-ERR max number of clients reached\r\n";

/* Connects the only client that is allowed. */
static int take_last_place(struct client_fixture *f)
{
    int fd = fixture_connect(f);

    fixture_limit_clients(f, 1);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    return fd;
}

static void test_reserve__is_for_administrators(void **state)
{
    struct client_fixture *f = *state;
    struct clients_stats stats;
    int first = take_last_place(f);
    int fd = fixture_connect(f);

    fixture_talk(f, fd, ask_limit, limit_is_one);
    fixture_talk(f, fd, ask_limit, limit_is_one);
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.connected_count, 1);
    fixture_talk(f, fd, "GET k\r\nPING\r\n", too_many);
    fixture_expect_end(f, fd);
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.refused_count, 1);
    assert_int_equal(f->replica.executed_count, 0);
    close(first);
}

/* The first commands of libraries do not show whether an administrator uses them. */
static void test_reserve__judges_each_command(void **state)
{
    struct client_fixture *f = *state;
    int first = take_last_place(f);
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "CLIENT SETNAME pool\r\n", "+OK\r\n");
    fixture_talk(f, fd, "NO SUCH\r\n", too_many);
    fixture_expect_end(f, fd);
    close(first);
}

static void test_reserve__makes_room_for_new_clients(void **state)
{
    struct client_fixture *f = *state;
    int first = take_last_place(f);
    int silent[RESERVE_MAX];
    int fd;

    for (int i = 0; i < RESERVE_MAX; i++) {
        silent[i] = fixture_connect(f);
        fixture_talk(f, silent[i], ask_limit, limit_is_one);
    }
    fd = fixture_connect(f);
    fixture_talk(f, fd, ask_limit, limit_is_one);
    fixture_expect(f, silent[0], too_many);
    fixture_expect_end(f, silent[0]);
    fixture_talk(f, silent[1], ask_limit, limit_is_one);
    for (int i = 1; i < RESERVE_MAX; i++) {
        close(silent[i]);
    }
    close(fd);
    close(first);
}

/* However many connect, one that sends a command at once is answered: more of them than may wait
 * for the error that refuses them. */
static void test_reserve__cannot_be_used_up(void **state)
{
    struct client_fixture *f = *state;
    enum { COUNT = 100 };
    int first = take_last_place(f);
    int fds[COUNT];

    for (int i = 0; i < COUNT; i++) {
        fds[i] = fixture_connect(f);
        fixture_run(f);
    }
    int fd = fixture_connect(f);

    fixture_talk(f, fd, ask_limit, limit_is_one);
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
    close(fd);
    close(first);
}

/* Administrators' commands wait if there is no leader, and then another administrator has to get
 * in. */
static void test_reserve__is_not_kept_by_a_client_that_waits(void **state)
{
    struct client_fixture *f = *state;
    int first = take_last_place(f);
    int busy[RESERVE_MAX];
    int fd;

    f->replica.holds = true;
    for (int i = 0; i < RESERVE_MAX; i++) {
        busy[i] = fixture_connect(f);
        fixture_say(f, busy[i], "RAFT STATUS\r\n");
        fixture_await_requests(f, (uint32_t)i + 1);
    }
    fd = fixture_connect(f);
    fixture_talk(f, fd, ask_limit, limit_is_one);
    fixture_expect_end(f, busy[0]);
    for (int i = 0; i < RESERVE_MAX; i++) {
        fake_answer(f, 0);
    }
    fixture_flush(f);
    for (int i = 0; i < RESERVE_MAX; i++) {
        close(busy[i]);
    }
    close(fd);
    close(first);
}

static void test_reserve__place_becomes_a_clients_once_there_is_room(void **state)
{
    struct client_fixture *f = *state;
    struct clients_stats stats;
    int first = take_last_place(f);
    int fd = fixture_connect(f);

    fixture_talk(f, fd, ask_limit, limit_is_one);
    close(first);
    fixture_await_clients(f, 0);
    fixture_talk(f, fd, "INCR n\r\n", ":1\r\n");
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.connected_count, 1);
    close(fd);
    fixture_await_clients(f, 0);
}

static void test_clients__that_are_idle_are_closed_if_that_is_configured(void **state)
{
    struct client_fixture *f = *state;
    int fd;

    f->clients->options.idle_ns = 1000000;
    fd = fixture_connect(f);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    fixture_expect_end(f, fd);
}

static void test_clients__that_come_and_go_leave_nothing_behind(void **state)
{
    struct client_fixture *f = *state;
    enum { COUNT = 300 };
    int fds[COUNT];

    for (int i = 0; i < COUNT; i++) {
        fds[i] = fixture_connect(f);
        fixture_say(f, fds[i], "INCR n\r\n");
        fixture_run(f);
    }
    fixture_await_clients(f, COUNT);
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
    fixture_await_clients(f, 0);
    assert_true(clients_are_idle(f->clients));
    assert_int_equal(f->replica.executed_count, COUNT);
}

static void test_clients__that_are_connected_stay_when_new_ones_are_refused(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    clients_refuse(f->clients);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
        TEST(test_input__takes_no_memory_for_what_is_only_announced),
        TEST(test_input__takes_a_large_value_and_gives_its_memory_back),
        TEST(test_input__refuses_a_request_beyond_its_limit),
        TEST(test_input__ends_at_a_protocol_error_after_earlier_replies),
        TEST(test_input__closes_on_http_at_once),
        TEST(test_input__is_not_read_while_commands_wait),
        TEST(test_input__bounds_the_bytes_of_arguments_under_way),
        TEST(test_input__of_all_clients_is_bounded),
        TEST(test_output__takes_no_commands_from_a_client_that_does_not_read),
        TEST(test_output__ends_a_connection_beyond_its_limit),
        TEST(test_output__of_all_clients_is_bounded_by_closing_the_largest),
        TEST(test_output__of_local_commands_counts_as_well),
        TEST(test_output__of_a_client_that_does_not_read_stops_if_all_have_much),
        TEST(test_output__lets_one_reply_of_any_size_through),
        TEST(test_clients__get_an_error_when_there_are_too_many),
        TEST(test_clients__that_were_turned_away_are_closed_even_if_they_say_nothing),
        TEST(test_reserve__is_for_administrators),
        TEST(test_reserve__judges_each_command),
        TEST(test_reserve__makes_room_for_new_clients),
        TEST(test_reserve__cannot_be_used_up),
        TEST(test_reserve__is_not_kept_by_a_client_that_waits),
        TEST(test_reserve__place_becomes_a_clients_once_there_is_room),
        TEST(test_clients__that_are_idle_are_closed_if_that_is_configured),
        TEST(test_clients__that_come_and_go_leave_nothing_behind),
        TEST(test_clients__that_are_connected_stay_when_new_ones_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
