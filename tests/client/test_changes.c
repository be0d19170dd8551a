/* XREAD: the changes of keys, at once or waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "fixture.h"

#define READ "XREAD STREAMS rakit:changes:user: "

static int up(void **state)
{
    int result = fixture_up(state);
    struct client_fixture *f = *state;

    feed_init(&f->replica.feed, 64 * 1024);
    return result;
}

static int down(void **state)
{
    struct client_fixture *f = *state;

    feed_deinit(&f->replica.feed);
    return fixture_down(state);
}

static void change(struct client_fixture *f, uint64_t index, const char *key, const char *value)
{
    struct key_event event = {
        .class = EVENT_STRING, .name = value == NULL ? "del" : "set", .key = slice_str(key)};
    struct kv_value now = {.bytes = slice_str(value == NULL ? "" : value)};

    feed_begin_entry(&f->replica.feed, index);
    feed_add(&f->replica.feed, &event, value == NULL ? NULL : &now);
}

static void test_changes__are_those_of_a_prefix_behind_an_id(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, READ "0\r\n", "*-1\r\n");
    change(f, 3, "user:1", "x");
    change(f, 4, "other", "y");
    change(f, 5, "user:1", NULL);
    fixture_talk(
        f, fd, READ "0\r\n",
        "*1\r\n*2\r\n$19\r\nrakit:changes:user:\r\n*2\r\n"
        "*2\r\n$3\r\n3-0\r\n*6\r\n$3\r\nkey\r\n$6\r\nuser:1\r\n$5\r\nevent\r\n$3\r\nset\r\n"
        "$5\r\nvalue\r\n$1\r\nx\r\n"
        "*2\r\n$3\r\n5-0\r\n*4\r\n$3\r\nkey\r\n$6\r\nuser:1\r\n$5\r\nevent\r\n$3\r\ndel\r\n");
    fixture_talk(f, fd, "XREAD COUNT 1 BLOCK 1 STREAMS rakit:changes: 3-0\r\n",
                 "*1\r\n*2\r\n$14\r\nrakit:changes:\r\n*1\r\n"
                 "*2\r\n$3\r\n4-0\r\n*6\r\n$3\r\nkey\r\n$5\r\nother\r\n$5\r\nevent\r\n$3\r\nset\r\n"
                 "$5\r\nvalue\r\n$1\r\ny\r\n");
    fixture_talk(f, fd, "SELECT 1\r\nXREAD STREAMS rakit:changes: 0\r\n", "+OK\r\n*-1\r\n");
    close(fd);
}

static void test_changes__are_waited_for(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "XREAD BLOCK 5 STREAMS rakit:changes:user: $\r\n", "*-1\r\n");
    fixture_say(f, fd, "XREAD BLOCK 0 STREAMS rakit:changes:user: 0\r\nPING\r\n");
    fixture_talk(f, other, "PING\r\n", "+PONG\r\n");
    change(f, 8, "other", "y");
    fixture_talk(f, other, "PING\r\n", "+PONG\r\n");
    change(f, 9, "user:1", "x");
    fixture_talk(f, other, "PING\r\n", "+PONG\r\n");
    fixture_expect(f, fd,
                   "*1\r\n*2\r\n$19\r\nrakit:changes:user:\r\n*1\r\n"
                   "*2\r\n$3\r\n9-0\r\n*6\r\n$3\r\nkey\r\n$6\r\nuser:1\r\n$5\r\nevent\r\n$3\r\n"
                   "set\r\n$5\r\nvalue\r\n$1\r\nx\r\n+PONG\r\n");
    fixture_say(f, fd, "XREAD BLOCK 0 STREAMS rakit:changes:user: 9-0\r\n");
    close(fd);
    fixture_await_clients(f, 1);
    close(other);
}

static void test_changes__that_are_missing_are_an_error(void **state)
{
    static const char missing[] =
        "-COMPACTED changes up to 100-4294967295 are not kept any more: read the keys with RAFT "
        "SCAN, and go on from the id that it returns\r\n";
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_say(f, other, "XREAD BLOCK 0 STREAMS rakit:changes:a 7-0\r\n");
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    feed_restart(&f->replica.feed, 100);
    fixture_talk(f, fd, READ "99-0\r\n", missing);
    fixture_expect(f, other, missing);
    fixture_talk(f, fd, READ "100-4294967295\r\n", "*-1\r\n");
    close(fd);
    close(other);
}

static void test_changes__refuse_what_is_no_stream(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "XREAD STREAMS mystream 0\r\n",
                 "-ERR there are no streams but rakit:changes:<prefix>, the changes of keys with "
                 "that prefix\r\n");
    fixture_talk(f, fd, READ "x\r\n" READ "1-x\r\n",
                 "-ERR Invalid stream ID specified as stream command argument\r\n"
                 "-ERR Invalid stream ID specified as stream command argument\r\n");
    fixture_talk(f, fd, "XREAD STREAMS rakit:changes:a rakit:changes:b 0 0\r\n",
                 "-ERR one stream at a time: open another connection for another prefix\r\n");
    fixture_talk(f, fd, "XREAD BLOCK -1 STREAMS rakit:changes:a 0\r\n",
                 "-ERR timeout is negative\r\n");
    feed_deinit(&f->replica.feed);
    fixture_talk(f, fd, READ "0\r\n",
                 "-ERR this node keeps no changes: it was started with --feed 0\r\n");
    close(fd);
}

#define CHANGE(id, key, value)                                                                     \
    "*2\r\n$3\r\n" id "\r\n*6\r\n$3\r\nkey\r\n$6\r\n" key "\r\n$5\r\nevent\r\n$3\r\nset\r\n"       \
    "$5\r\nvalue\r\n$1\r\n" value "\r\n"

static void test_changes__are_shown_in_ranges(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "XRANGE rakit:changes:user: - +\r\nXLEN rakit:changes:user:\r\n",
                 "*0\r\n:0\r\n");
    change(f, 3, "user:1", "x");
    change(f, 4, "other", "y");
    change(f, 5, "user:2", "z");
    fixture_talk(f, fd, "XRANGE rakit:changes:user: - +\r\nXREVRANGE rakit:changes:user: + 1\r\n",
                 "*2\r\n" CHANGE("3-0", "user:1", "x")
                     CHANGE("5-0", "user:2", "z") "*2\r\n" CHANGE("5-0", "user:2", "z")
                         CHANGE("3-0", "user:1", "x"));
    fixture_talk(f, fd,
                 "XRANGE rakit:changes:user: (3-0 5 COUNT 1\r\n"
                 "XREVRANGE rakit:changes:user: (5-0 -\r\n"
                 "XRANGE rakit:changes:user: - + COUNT 0\r\nXLEN rakit:changes:user:\r\n",
                 "*1\r\n" CHANGE("5-0", "user:2", "z") "*1\r\n" CHANGE("3-0", "user:1",
                                                                       "x") "*-1\r\n:2\r\n");
    fixture_talk(f, fd, "XINFO STREAM rakit:changes:other\r\nXINFO GROUPS rakit:changes:\r\n",
                 "*12\r\n$6\r\nlength\r\n:1\r\n$17\r\nlast-generated-id\r\n$3\r\n5-0\r\n"
                 "$20\r\nmax-deleted-entry-id\r\n$3\r\n0-0\r\n$6\r\ngroups\r\n:0\r\n"
                 "$11\r\nfirst-entry\r\n"
                 "*2\r\n$3\r\n4-0\r\n*6\r\n$3\r\nkey\r\n$5\r\nother\r\n$5\r\nevent\r\n$3\r\n"
                 "set\r\n$5\r\nvalue\r\n$1\r\ny\r\n$10\r\nlast-entry\r\n"
                 "*2\r\n$3\r\n4-0\r\n*6\r\n$3\r\nkey\r\n$5\r\nother\r\n$5\r\nevent\r\n$3\r\n"
                 "set\r\n$5\r\nvalue\r\n$1\r\ny\r\n*0\r\n");
    close(fd);
}

static void test_changes__that_are_missing_are_an_error_in_ranges(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    feed_restart(&f->replica.feed, 100);
    change(f, 101, "user:1", "x");
    fixture_talk(f, fd, "XRANGE rakit:changes:user: 100-0 +\r\nXRANGE mystream - +\r\n",
                 "-COMPACTED changes up to 100-4294967295 are not kept any more: read the keys "
                 "with RAFT SCAN, and go on from the id that it returns\r\n"
                 "-ERR there are no streams but rakit:changes:<prefix>, the changes of keys with "
                 "that prefix\r\n");
    fixture_talk(f, fd,
                 "XLEN rakit:changes:user:\r\nXRANGE rakit:changes:user: 101 0\r\n"
                 "XRANGE rakit:changes:user: x +\r\nXRANGE rakit:changes:user: - + COUNT\r\n",
                 ":1\r\n*0\r\n-ERR Invalid stream ID specified as stream command argument\r\n"
                 "-ERR syntax error\r\n");
    close(fd);
}

static void test_scan__shows_the_state_at_one_index(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SET user:1 x\r\nSET other y\r\nRAFT SCAN user:\r\n",
                 "+OK\r\n+OK\r\n*2\r\n$12\r\n2-4294967295\r\n*2\r\n$6\r\nuser:1\r\n$1\r\nx\r\n");
    fixture_talk(f, fd, "RAFT FEED\r\n",
                 "*6\r\n$4\r\nfrom\r\n$3\r\n0-0\r\n$7\r\napplied\r\n$12\r\n2-4294967295\r\n"
                 "$5\r\nbytes\r\n:65536\r\n");
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_changes__are_those_of_a_prefix_behind_an_id),
        TEST(test_changes__are_waited_for),
        TEST(test_changes__that_are_missing_are_an_error),
        TEST(test_changes__refuse_what_is_no_stream),
        TEST(test_changes__are_shown_in_ranges),
        TEST(test_changes__that_are_missing_are_an_error_in_ranges),
        TEST(test_scan__shows_the_state_at_one_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
