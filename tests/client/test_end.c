/* The end of a connection as its client sees it: all replies, then the end, never a reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

enum { MB = 1024 * 1024 };

/* Sends bytes that never make a complete request. */
static void send_more(struct client_fixture *f, int fd, size_t size)
{
    struct buffer more = {0};

    memset(buffer_reserve(&more, size), 'x', size);
    buffer_commit(&more, size);
    fixture_send(f, fd, buffer_slice(&more));
    buffer_deinit(&more);
}

/* Nothing more arrives but the end, without an error. */
static void expect_orderly_end(struct client_fixture *f, int fd)
{
    char byte;
    ssize_t count;

    while ((count = recv(fd, &byte, 1, 0)) < 0 && errno == EAGAIN) {
        fixture_run(f);
    }
    assert_int_equal(count, 0);
    close(fd);
    fixture_await_clients(f, 0);
}

static void test_end__comes_after_the_replies_whatever_follows_quit(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nQUIT\r\nSET a 2\r\n");
    fixture_await_requests(f, 1);
    send_more(f, fd, MB);
    fake_answer_all(f);
    fixture_flush(f);
    send_more(f, fd, MB);
    fixture_expect(f, fd, "+OK\r\n+OK\r\n");
    assert_int_equal(f->replica.executed_count, 1);
    expect_orderly_end(f, fd);
}

static void test_end__comes_after_the_error_whatever_follows_it(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_say(f, fd, "*1\r\n!4\r\nPING\r\n");
    send_more(f, fd, MB);
    fixture_expect(f, fd, "-ERR Protocol error: expected '$', got '!'\r\n");
    expect_orderly_end(f, fd);
}

static void test_end__comes_after_the_refusal_of_a_client_too_many(void **state)
{
    struct client_fixture *f = *state;
    struct buffer got = {0};
    int fd;

    fixture_limit_clients(f, 0);
    fd = fixture_connect(f);
    send_more(f, fd, MB);
    assert_true(fixture_receive(f, fd, &got, strlen("-ERR ")));
    assert_memory_equal(buffer_begin(&got), "-ERR ", 5);
    while (*(buffer_begin(&got) + buffer_size(&got) - 1) != '\n') {
        assert_true(fixture_receive(f, fd, &got, 1));
    }
    buffer_deinit(&got);
    expect_orderly_end(f, fd);
}

static void test_end__is_a_reset_if_the_client_keeps_sending(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    char data[MB] = {0};
    size_t sent = 0;

    fixture_talk(f, fd, "QUIT\r\n", "+OK\r\n");
    while (sent < 2 * (size_t)CLIENT_DISCARD_BYTES_MAX) {
        ssize_t count = send(fd, data, sizeof data, MSG_NOSIGNAL);

        if (count < 0 && errno != EAGAIN) {
            break;
        }
        if (count < 0) {
            fixture_run(f);
        } else {
            sent += (size_t)count;
        }
    }
    assert_true(sent < 2 * (size_t)CLIENT_DISCARD_BYTES_MAX);
    close(fd);
    fixture_await_clients(f, 0);
}

static void test_end__is_not_awaited_for_ever(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "QUIT\r\n", "+OK\r\n");
    fixture_await_clients(f, 0); /* Although it contains no line end. */
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_end__comes_after_the_replies_whatever_follows_quit,
                                        fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_end__comes_after_the_error_whatever_follows_it,
                                        fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_end__comes_after_the_refusal_of_a_client_too_many,
                                        fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_end__is_a_reset_if_the_client_keeps_sending,
                                        fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_end__is_not_awaited_for_ever, fixture_up,
                                        fixture_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
