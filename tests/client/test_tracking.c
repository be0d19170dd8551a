/* Clients that cache what they read: none keeps a value that has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define INVALIDATE(key) ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n" key "\r\n"
#define FLUSHED         ">2\r\n$10\r\ninvalidate\r\n_\r\n"

static int connect_resp3(struct client_fixture *f)
{
    int fd = fixture_connect(f);
    struct buffer hello = {0};

    fixture_say(f, fd, "HELLO 3\r\n");
    while (buffer_size(&hello) < 4 ||
           memcmp(buffer_begin(&hello) + buffer_size(&hello) - 4, "*0\r\n", 4) != 0) {
        assert_true(fixture_receive(f, fd, &hello, 1));
    }
    buffer_deinit(&hello);
    return fd;
}

static void test_tracking__reports_each_change_of_what_was_read_once(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "CLIENT TRACKING ON\r\nGET k\r\nMGET a b\r\n",
                 "+OK\r\n_\r\n*2\r\n_\r\n_\r\n");
    fixture_talk(f, other, "SET k 1\r\nSET k 2\r\nSET b 1\r\nSET z 1\r\n",
                 "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    fixture_expect(f, fd, INVALIDATE("k") INVALIDATE("b"));
    fixture_talk(f, fd, "GET k\r\n", "$1\r\n2\r\n");
    fixture_talk(f, other, "DEL k\r\n", ":1\r\n");
    fixture_expect(f, fd, INVALIDATE("k"));
    fixture_talk(f, fd, "GET k\r\nCLIENT TRACKING OFF\r\n", "_\r\n+OK\r\n");
    assert_null(f->replica.audience.published);
    fixture_talk(f, other, "SET k 3\r\n", "+OK\r\n");
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    close(fd);
    close(other);
}

static void test_tracking__reports_nothing_of_keys_that_may_not_be_read(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);
    int admin = fixture_connect(f);

    fixture_talk(f, admin, "ACL SETUSER bob on >secret +get +client|tracking +ping ~k*\r\n",
                 "+OK\r\n");
    fixture_talk(f, fd, "AUTH bob secret\r\nCLIENT TRACKING ON\r\n", "+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "GET x\r\n", "-NOPERM No permissions to access a key\r\n");
    fixture_talk(f, fd, "GET k\r\n", "_\r\n");
    fixture_talk(f, admin, "SET x 1\r\nSET k 1\r\n", "+OK\r\n+OK\r\n");
    fixture_expect(f, fd, INVALIDATE("k"));
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    close(fd);
    close(admin);
}

/* The read was executed elsewhere, and this node has applied more since. */
static void test_tracking__invalidates_a_value_that_comes_late_behind_it(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);

    fixture_talk(f, fd, "CLIENT TRACKING ON\r\n", "+OK\r\n");
    f->replica.ahead_count = 1;
    fixture_talk(f, fd, "GET k\r\n", "_\r\n" INVALIDATE("k"));
    f->replica.ahead_count = 0;
    fixture_talk(f, fd, "GET k\r\nPING\r\n", "_\r\n+PONG\r\n");
    close(fd);
}

/* The same for a prefix: its invalidation has come before the value. */
static void test_tracking__of_a_prefix_invalidates_a_value_that_comes_late(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);

    fixture_talk(f, fd, "CLIENT TRACKING ON BCAST PREFIX k\r\n", "+OK\r\n");
    f->replica.ahead_count = 1;
    fixture_talk(f, fd, "GET k\r\n", "_\r\n" INVALIDATE("k"));
    fixture_talk(f, fd, "GET other\r\nPING\r\n", "_\r\n+PONG\r\n");
    f->replica.ahead_count = 0;
    fixture_talk(f, fd, "GET k\r\nPING\r\n", "_\r\n+PONG\r\n");
    close(fd);
}

/* The reply waits for an earlier one, and the key changes meanwhile. */
static void test_tracking__never_invalidates_before_the_value(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "CLIENT TRACKING ON\r\n", "+OK\r\n");
    f->replica.holds = true;
    fixture_say(f, fd, "GET a\r\nGET k\r\n");
    fixture_await_requests(f, 2);
    fixture_say(f, other, "SET k 1\r\n");
    fixture_await_requests(f, 3);
    fake_answer(f, 1);
    fake_answer(f, 1);
    fixture_flush(f);
    fixture_expect(f, other, "+OK\r\n");
    fake_answer(f, 0);
    fixture_flush(f);
    fixture_expect(f, fd, "_\r\n_\r\n" INVALIDATE("k"));
    f->replica.holds = false;
    close(fd);
    close(other);
}

static void test_tracking__of_prefixes_reports_every_change(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab\r\n", "-ERR Prefix 'ab' over");
    close(fd);
    fd = connect_resp3(f);
    fixture_talk(f, fd, "CLIENT TRACKING ON BCAST PREFIX a PREFIX b\r\n", "+OK\r\n");
    fixture_talk(f, fd, "CLIENT TRACKINGINFO\r\n",
                 "%3\r\n$5\r\nflags\r\n~2\r\n$2\r\non\r\n$5\r\nbcast\r\n$8\r\nredirect\r\n:0\r\n"
                 "$8\r\nprefixes\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    fixture_talk(f, other, "SET a 1\r\nSET a 2\r\nSET c 1\r\nSET b 1\r\n",
                 "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    fixture_expect(f, fd, INVALIDATE("a") INVALIDATE("a") INVALIDATE("b"));

    /* Further ones are added. */
    fixture_talk(f, fd, "CLIENT TRACKING ON BCAST PREFIX ab\r\n",
                 "-ERR Prefix 'ab' overlaps with an existing prefix 'a'. Prefixes for a single "
                 "client must not overlap.\r\n");
    fixture_talk(f, fd, "CLIENT TRACKING ON BCAST PREFIX c\r\n", "+OK\r\n");
    fixture_talk(f, other, "SET a 3\r\nSET c 2\r\n", "+OK\r\n+OK\r\n");
    fixture_expect(f, fd, INVALIDATE("a") INVALIDATE("c"));
    close(fd);
    close(other);
}

static void test_tracking__has_a_limited_number_of_prefixes(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);
    char line[128];

    for (int i = 0; i < CLIENT_LOCAL_ARGUMENTS_MAX / 2; i++) {
        snprintf(line, sizeof line, "CLIENT TRACKING ON BCAST PREFIX %03x\r\n", (unsigned)i);
        fixture_talk(f, fd, line, "+OK\r\n");
    }
    fixture_talk(f, fd, "CLIENT TRACKING ON BCAST PREFIX x\r\n", "-ERR ");
    close(fd);
}

static void test_tracking__shows_what_caching_has_chosen(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);
    static const char told[] = "%3\r\n$5\r\nflags\r\n~3\r\n$2\r\non\r\n$5\r\noptin\r\n"
                               "$11\r\ncaching-yes\r\n$8\r\nredirect\r\n:0\r\n"
                               "$8\r\nprefixes\r\n*0\r\n";

    fixture_talk(f, fd, "CLIENT TRACKING ON OPTIN\r\nCLIENT CACHING YES\r\n", "+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "CLIENT TRACKINGINFO\r\n", told);
    fixture_talk(f, fd, "CLIENT TRACKINGINFO\r\n", told); /* It is still about the next command. */
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    fixture_talk(f, fd, "CLIENT TRACKINGINFO\r\n", "%3\r\n$5\r\nflags\r\n~2\r\n");
    close(fd);
}

static void test_tracking__by_choice_of_each_read(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "CLIENT CACHING YES\r\n", "-ERR CLIENT CACHING can be called only");
    close(fd);
    fd = connect_resp3(f);
    fixture_talk(f, fd,
                 "CLIENT TRACKING ON OPTIN\r\nGET a\r\nCLIENT CACHING YES\r\nGET b\r\nGET c\r\n",
                 "+OK\r\n_\r\n+OK\r\n_\r\n_\r\n");
    fixture_talk(f, other, "MSET a 1 b 1 c 1\r\n", "+OK\r\n");
    fixture_expect(f, fd, INVALIDATE("b"));
    fixture_talk(f, fd, "CLIENT TRACKING OFF\r\nCLIENT TRACKING ON OPTOUT\r\n", "+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "CLIENT CACHING NO\r\nGET a\r\nGET b\r\n", "+OK\r\n$1\r\n1\r\n$1\r\n1\r\n");
    fixture_talk(f, other, "MSET a 2 b 2\r\n", "+OK\r\n");
    fixture_expect(f, fd, INVALIDATE("b"));
    close(fd);
    close(other);
}

static void test_tracking__redirects_to_a_subscriber(void **state)
{
    struct client_fixture *f = *state;
    int to = fixture_connect(f);
    int fd = fixture_connect(f);
    char text[64];

    fixture_talk(f, to, "SUBSCRIBE __redis__:invalidate\r\n",
                 "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n");
    fixture_talk(f, fd, "CLIENT TRACKING ON REDIRECT 999\r\n",
                 "-ERR The client ID you want redirect to does not exist\r\n");
    snprintf(text, sizeof text, "CLIENT TRACKING ON REDIRECT %llu\r\nCLIENT GETREDIR\r\n",
             (unsigned long long)fixture_client(f)->id);
    fixture_talk(f, fd, text, "+OK\r\n:1\r\n");
    fixture_talk(f, fd, "GET k\r\nSET k 1\r\nFLUSHALL\r\n", "$-1\r\n+OK\r\n+OK\r\n");
    fixture_expect(f, to,
                   "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n"
                   "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n");
    close(to);
    close(fd);
}

static void test_tracking__forgets_all_if_anything_may_have_changed(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);

    fixture_talk(f, fd, "CLIENT TRACKING ON\r\nGET k\r\n", "+OK\r\n_\r\n");
    fixture_talk(f, fd, "FLUSHALL\r\n", "+OK\r\n" FLUSHED);
    f->replica.audience.skipped(f->clients);
    fixture_flush(f);
    fixture_expect(f, fd, FLUSHED);
    clients_set_replica(f->clients, &f->replica);
    fixture_flush(f);
    fixture_expect(f, fd, FLUSHED);
    assert_int_equal(f->clients->tracking.bytes, 0);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    close(fd);
}

static void test_tracking__remembers_a_limited_number_of_keys(void **state)
{
    struct client_fixture *f = *state;
    int fd = connect_resp3(f);

    f->clients->tracking.keys_max = 2;
    fixture_talk(f, fd, "CLIENT TRACKING ON\r\nMGET a b c\r\n",
                 "+OK\r\n*3\r\n_\r\n_\r\n_\r\n" INVALIDATE("a"));
    assert_int_equal(f->clients->tracking.by_key.count, 2);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tracking__reports_each_change_of_what_was_read_once),
        TEST(test_tracking__reports_nothing_of_keys_that_may_not_be_read),
        TEST(test_tracking__invalidates_a_value_that_comes_late_behind_it),
        TEST(test_tracking__of_a_prefix_invalidates_a_value_that_comes_late),
        TEST(test_tracking__never_invalidates_before_the_value),
        TEST(test_tracking__of_prefixes_reports_every_change),
        TEST(test_tracking__has_a_limited_number_of_prefixes),
        TEST(test_tracking__shows_what_caching_has_chosen),
        TEST(test_tracking__by_choice_of_each_read),
        TEST(test_tracking__redirects_to_a_subscriber),
        TEST(test_tracking__forgets_all_if_anything_may_have_changed),
        TEST(test_tracking__remembers_a_limited_number_of_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
