/* Subscribers: what they get, in which order, and what they may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "kv/event.h"

enum { MANY = 600 };

#define SUBSCRIBED_TO_A "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
#define MESSAGE(text)   "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n" text "\r\n"

static void test_pubsub__confirms_and_counts_as_redis_does(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SUBSCRIBE a b a\r\n",
                 SUBSCRIBED_TO_A "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
                                 "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n");
    fixture_talk(f, fd, "PSUBSCRIBE x*\r\n", "*3\r\n$10\r\npsubscribe\r\n$2\r\nx*\r\n:3\r\n");
    fixture_talk(f, fd, "SSUBSCRIBE s\r\n", "*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n");
    fixture_talk(f, fd, "UNSUBSCRIBE a no\r\n",
                 "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:2\r\n"
                 "*3\r\n$11\r\nunsubscribe\r\n$2\r\nno\r\n:2\r\n");
    fixture_talk(f, fd, "UNSUBSCRIBE\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n");
    fixture_talk(f, fd, "UNSUBSCRIBE\r\n", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1\r\n");
    fixture_talk(f, fd, "PUNSUBSCRIBE\r\n", "*3\r\n$12\r\npunsubscribe\r\n$2\r\nx*\r\n:0\r\n");
    fixture_talk(f, fd, "SUNSUBSCRIBE s\r\n", "*3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n");
    fixture_talk(f, fd, "GET k\r\n", "$-1\r\n");
    close(fd);
}

static void test_pubsub__gives_each_message_once_and_in_order(void **state)
{
    struct client_fixture *f = *state;
    int subscriber = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, subscriber, "SUBSCRIBE a\r\n", SUBSCRIBED_TO_A);
    fixture_talk(f, subscriber, "PSUBSCRIBE ?\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\n?\r\n:2\r\n");
    fixture_talk(
        f, other,
        "PUBLISH a 1\r\nPUBLISH a 2\r\nPUBLISH nobody 3\r\nSPUBLISH a 4\r\nPUBLISH a 5\r\n",
        ":2\r\n:2\r\n:0\r\n:0\r\n:2\r\n");
    fixture_expect(
        f, subscriber,
        MESSAGE("1") "*4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\na\r\n$1\r\n1\r\n" MESSAGE(
            "2") "*4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\na\r\n$1\r\n2\r\n" MESSAGE("5") "*4\r\n$"
                                                                                          "8\r\npme"
                                                                                          "ssage\r"
                                                                                          "\n$"
                                                                                          "1\r\n?"
                                                                                          "\r\n$"
                                                                                          "1\r\na\r"
                                                                                          "\n$"
                                                                                          "1\r\n5\r"
                                                                                          "\n");
    fixture_talk(f, subscriber, "PING\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    close(subscriber);
    close(other);
}

static void test_pubsub__in_resp2_allows_few_commands(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SUBSCRIBE a\r\n", SUBSCRIBED_TO_A);
    fixture_talk(f, fd, "GET k\r\n",
                 "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                 "RESET are allowed in this context\r\n");
    fixture_talk(f, fd, "PING x\r\n", "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
    fixture_talk(f, fd, "GET\r\n", "-ERR wrong number of arguments for 'get' command\r\n");
    fixture_talk(f, fd, "RESET\r\n", "+RESET\r\n");
    fixture_talk(f, fd, "GET k\r\nPUBSUB NUMSUB a\r\n", "$-1\r\n*2\r\n$1\r\na\r\n:0\r\n");
    close(fd);
}

static void test_pubsub__in_resp3_pushes_between_replies(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer hello = {0};

    fixture_talk(f, fd, "HELLO 3\r\n", "%7\r\n");
    while (buffer_size(&hello) < 4 ||
           memcmp(buffer_begin(&hello) + buffer_size(&hello) - 4, "*0\r\n", 4) != 0) {
        assert_true(fixture_receive(f, fd, &hello, 1));
    }
    fixture_talk(f, fd, "SUBSCRIBE a\r\nPUBLISH a 1\r\nGET k\r\n",
                 ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n:1\r\n_\r\n"
                 ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n");
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    buffer_deinit(&hello);
    close(fd);
}

/* In RESP2 a message before them would be taken for a reply. */
static void test_pubsub__begins_when_earlier_commands_are_answered(void **state)
{
    struct client_fixture *f = *state;
    int subscriber = fixture_connect(f);
    int other = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, subscriber, "SET k v\r\nSUBSCRIBE a\r\n");
    fixture_await_requests(f, 1);
    fixture_say(f, other, "PUBLISH a 1\r\n");
    fixture_await_requests(f, 2);
    fake_answer(f, 1);
    fixture_expect(f, other, ":0\r\n");
    fake_answer(f, 0);
    f->replica.holds = false;
    fixture_flush(f);
    fixture_expect(f, subscriber, "+OK\r\n" SUBSCRIBED_TO_A);
    fixture_talk(f, other, "PUBLISH a 2\r\n", ":1\r\n");
    fixture_expect(f, subscriber, MESSAGE("2"));
    close(subscriber);
    close(other);
}

/* A subscription begins with the next entry, and not with a message that is on its way. */
static void test_pubsub__gives_nothing_from_before_the_subscription(void **state)
{
    struct client_fixture *f = *state;
    int early = fixture_connect(f);
    int late = fixture_connect(f);
    struct channel_message message = {.channel = slice_str("a"), .payload = slice_str("1")};

    fixture_talk(f, early, "SUBSCRIBE a\r\n", SUBSCRIBED_TO_A);
    fixture_talk(f, late, "PING\r\n", "+PONG\r\n");
    pushes_add_message(&f->clients->pushes, &message);
    list_for_each(node, &f->clients->all)
    {
        struct client *c = container_of(node, struct client, link);

        topics_subscribe(&f->clients->topics, &c->subscriber, TOPIC_CHANNEL, slice_str("a"),
                         f->clients->pushes.last_number);
    }
    message.payload = slice_str("2");
    pushes_add_message(&f->clients->pushes, &message);
    fixture_flush(f);
    fixture_expect(f, early, MESSAGE("1") MESSAGE("2"));
    fixture_expect(f, late, MESSAGE("2"));
    close(early);
    close(late);
}

static void test_pubsub__shows_who_is_subscribed(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "SUBSCRIBE a\r\n", SUBSCRIBED_TO_A);
    fixture_talk(f, fd, "PSUBSCRIBE x*\r\n", "*3\r\n$10\r\npsubscribe\r\n$2\r\nx*\r\n:2\r\n");
    fixture_talk(f, fd, "SSUBSCRIBE s\r\n", "*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n");
    fixture_talk(f, other, "PUBSUB CHANNELS\r\nPUBSUB CHANNELS b*\r\n", "*1\r\n$1\r\na\r\n*0\r\n");
    fixture_talk(f, other, "PUBSUB SHARDCHANNELS\r\n", "*1\r\n$1\r\ns\r\n");
    fixture_talk(f, other, "PUBSUB NUMSUB a b\r\n", "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:0\r\n");
    fixture_talk(f, other, "PUBSUB SHARDNUMSUB s\r\nPUBSUB NUMPAT\r\n",
                 "*2\r\n$1\r\ns\r\n:1\r\n:1\r\n");
    close(fd);
    fixture_await_clients(f, 1);
    fixture_talk(f, other, "PUBSUB CHANNELS\r\nPUBSUB NUMPAT\r\n", "*0\r\n:0\r\n");
    assert_int_equal(f->clients->topics.bytes, 0);
    assert_null(f->replica.audience.published); /* Nobody hears. */
    close(other);
}

static void test_pubsub__to_many_takes_several_turns(void **state)
{
    struct client_fixture *f = *state;
    struct channel_message message = {.channel = slice_str("a"), .payload = slice_str("1")};
    int fds[MANY];

    for (int i = 0; i < MANY; i++) {
        fds[i] = fixture_connect(f);
        fixture_talk(f, fds[i], "SUBSCRIBE a\r\n", SUBSCRIBED_TO_A);
    }
    pushes_add_message(&f->clients->pushes, &message);
    fixture_flush(f);
    assert_true(f->clients->pushes.bytes > 0);
    for (int i = 0; i < MANY; i++) {
        if (i == MANY - 1) {
            close(fds[0]); /* Meanwhile subscribers leave. */
        }
        fixture_expect(f, fds[i], MESSAGE("1"));
    }
    assert_int_equal(f->clients->pushes.bytes, 0);
    for (int i = 1; i < MANY; i++) {
        close(fds[i]);
    }
}

static void test_pubsub__ends_a_subscriber_that_does_not_read(void **state)
{
    struct client_fixture *f = *state;
    int slow = fixture_connect(f);
    char *payload = calloc(1, 1024 * 1024);
    struct channel_message message = {.channel = slice_str("a"),
                                      .payload = slice_of(payload, 1024 * 1024)};
    struct clients_stats stats;

    assert_non_null(payload);
    fixture_talk(f, slow, "SUBSCRIBE a\r\n", SUBSCRIBED_TO_A);
    for (int i = 0; i < 64; i++) {
        pushes_add_message(&f->clients->pushes, &message);
        fixture_flush(f);
    }
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.closed_slow_count, 1);
    fixture_await_clients(f, 0);
    assert_int_equal(f->clients->topics.count[TOPIC_CHANNEL], 0);
    free(payload);
    close(slow);
}

static void test_pubsub__holds_up_entries_while_its_queue_is_long(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    char *payload = calloc(1, PUSHES_BYTES_MAX);
    struct channel_message message = {.channel = slice_str("nobody"),
                                      .payload = slice_of(payload, PUSHES_BYTES_MAX)};

    assert_non_null(payload);
    fixture_talk(f, fd, "SUBSCRIBE a\r\n", SUBSCRIBED_TO_A);
    assert_false(f->replica.audience.is_behind(f->clients));
    pushes_add_message(&f->clients->pushes, &message);
    assert_true(f->replica.audience.is_behind(f->clients));
    fixture_flush(f);
    assert_false(f->replica.audience.is_behind(f->clients));
    free(payload);
    close(fd);
}

static void test_pubsub__ends_subscribers_that_have_missed_messages(void **state)
{
    struct client_fixture *f = *state;
    int subscriber = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, other, "PING\r\n", "+PONG\r\n");
    fixture_talk(f, subscriber, "SUBSCRIBE a\r\n", SUBSCRIBED_TO_A);
    f->replica.audience.skipped(f->clients);
    fixture_expect_end(f, subscriber);
    fixture_talk(f, other, "PING\r\n", "+PONG\r\n");
    close(other);
}

/* --- events of keys ---------------------------------------------------------------------- */

static void test_notify__publishes_the_events_that_were_asked_for(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "PSUBSCRIBE __key*\r\n",
                 "*3\r\n$10\r\npsubscribe\r\n$6\r\n__key*\r\n:1\r\n");
    fixture_talk(f, other, "SET k v\r\n", "+OK\r\n");
    fixture_talk(f, other, "CONFIG SET notify-keyspace-events KEg\r\n", "+OK\r\n");
    fixture_talk(f, other, "CONFIG GET notify-keyspace-events\r\n",
                 "*2\r\n$22\r\nnotify-keyspace-events\r\n$3\r\ngKE\r\n");
    fixture_talk(f, other, "SELECT 1\r\nSET k v\r\nDEL k\r\nDEL k\r\n",
                 "+OK\r\n+OK\r\n:1\r\n:0\r\n");
    fixture_expect(
        f, fd,
        "*4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$16\r\n__keyspace@1__:k\r\n$3\r\ndel\r\n"
        "*4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$18\r\n__keyevent@1__:del\r\n$1\r\nk"
        "\r\n");
    fixture_talk(f, other, "CONFIG SET notify-keyspace-events ''\r\nDEL k\r\n", "+OK\r\n:0\r\n");
    assert_false(f->replica.audience.wants_keys);
    fixture_talk(f, fd, "PING\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    close(fd);
    close(other);
}

static void test_notify__letters_are_those_of_redis(void **state)
{
    static const char *const good[][2] = {
        {"", ""},     {"KEA", "AKE"}, {"AKE", "AKE"},   {"Elg", "glE"},
        {"KA", "AK"}, {"Kn", "Kn"},   {"EKmA", "AKEm"}, {"g$lshzxetdKE", "AKE"},
    };
    char text[NOTIFY_TEXT_BYTES];
    notify_set set = 0;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(notify_read(slice_str(good[i][0]), &set));
        notify_write(set, text);
        assert_string_equal(text, good[i][1]);
    }
    assert_false(notify_read(slice_str("KEq"), &set));
    assert_false(notify_read(slice_of("\0", 1), &set));
    assert_true(notify_read(slice_str("KE"), &set));
    assert_false(notify_is_on(set));
    assert_true(notify_read(slice_str("Kx"), &set));
    assert_true(notify_is_on(set) && notify_has(set, EVENT_EXPIRED));
    assert_false(notify_has(set, EVENT_STRING) || notify_by_event(set));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pubsub__confirms_and_counts_as_redis_does),
        TEST(test_pubsub__gives_each_message_once_and_in_order),
        TEST(test_pubsub__in_resp2_allows_few_commands),
        TEST(test_pubsub__in_resp3_pushes_between_replies),
        TEST(test_pubsub__begins_when_earlier_commands_are_answered),
        TEST(test_pubsub__gives_nothing_from_before_the_subscription),
        TEST(test_pubsub__shows_who_is_subscribed),
        TEST(test_pubsub__to_many_takes_several_turns),
        TEST(test_pubsub__ends_a_subscriber_that_does_not_read),
        TEST(test_pubsub__holds_up_entries_while_its_queue_is_long),
        TEST(test_pubsub__ends_subscribers_that_have_missed_messages),
        TEST(test_notify__publishes_the_events_that_were_asked_for),
        TEST(test_notify__letters_are_those_of_redis),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
