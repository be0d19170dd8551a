/* REQUEST_LOG and RAFT SLOW on the screen. */
#include "given.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/log_view.h"

static const char log_wire[] = "*2\r\n"
                               "*4\r\n:1\r\n:1\r\n$4\r\nnoop\r\n$0\r\n\r\n"
                               "*4\r\n:12\r\n:1\r\n$7\r\ncommand\r\n$9\r\nSET a \tb\n\r\n";

static void test_request_log__is_a_table_for_a_person(void **state)
{
    struct buffer out = {0};
    redisReply *reply = GIVEN(log_wire);

    assert_true(request_log_draw(&out, reply, &terminal));
    freeReplyObject(reply);
    assert_text(&out, "INDEX  TERM  KIND     COMMAND\n"
                      "-----  ----  -------  -----------\n"
                      "    1     1  noop     -\n"
                      "   12     1  command  SET a \\tb\\n\n");
}

static void test_request_log__is_lines_with_tabs_for_a_program(void **state)
{
    struct buffer out = {0};
    redisReply *reply = GIVEN(log_wire);

    assert_true(request_log_draw(&out, reply, &plain_pipe));
    freeReplyObject(reply);
    assert_text(&out, "1\t1\tnoop\t\n12\t1\tcommand\tSET a \\tb\\n\n");
}

static void test_request_log__other_replies_are_not_drawn(void **state)
{
    struct buffer out = {0};
    redisReply *reply = GIVEN("*1\r\n*2\r\n:1\r\n:1\r\n");

    assert_false(request_log_draw(&out, reply, &terminal));
    freeReplyObject(reply);
}

static void put(struct buffer *wire, const char *text)
{
    buffer_printf(wire, "$%zu\r\n%s\r\n", strlen(text), text);
}

static void put_number(struct buffer *wire, const char *key, long long value)
{
    put(wire, key);
    buffer_printf(wire, ":%lld\r\n", value);
}

/* A write that was on the disk of h:2 for most of `ms`, and on that of h:3 for longer. */
static void put_stages(struct buffer *wire, long long ms)
{
    buffer_printf(wire, "*18\r\n");
    put_number(wire, "time_ms", 1700000000000);
    put_number(wire, "batch_first", 41);
    put_number(wire, "batch_entries", 3);
    put_number(wire, "proposed_us", ms * 100);
    put_number(wire, "committed_us", ms * 900);
    put_number(wire, "applied_us", ms * 950);
    put_number(wire, "answered_us", ms * 1000);
    put(wire, "last");
    put(wire, "h:2");
    put(wire, "stored");
    buffer_printf(wire, "*3\r\n");
    buffer_printf(wire, "*3\r\n$3\r\nh:1\r\n:%lld\r\n:%lld\r\n", ms * 300, ms * 100);
    buffer_printf(wire, "*3\r\n$3\r\nh:2\r\n:%lld\r\n:%lld\r\n", ms * 900, ms * 700);
    buffer_printf(wire, "*3\r\n$3\r\nh:3\r\n:-1\r\n:-1\r\n");
}

static void put_entry(struct buffer *wire, int index, const char *command)
{
    buffer_printf(wire, "*5\r\n:%d\r\n:2\r\n", index);
    put(wire, "command");
    put(wire, command);
}

static redisReply *reply_of(struct buffer *wire)
{
    redisReply *reply = given_reply(buffer_begin(wire), buffer_size(wire));

    buffer_deinit(wire);
    return reply;
}

static redisReply *staged_log(void)
{
    struct buffer wire = {0};

    buffer_printf(&wire, "*3\r\n");
    put_entry(&wire, 40, "SET a b");
    buffer_printf(&wire, "*0\r\n"); /* Too old. */
    put_entry(&wire, 41, "SET c d");
    put_stages(&wire, 10);
    put_entry(&wire, 42, "SET e f");
    put_stages(&wire, 80);
    return reply_of(&wire);
}

static void test_stages__are_bars_of_one_scale_for_a_person(void **state)
{
    struct buffer out = {0};
    redisReply *reply = staged_log();

    (void)state;
    assert_true(request_log_draw(&out, reply, &terminal));
    freeReplyObject(reply);
    assert_text(&out,
                "INDEX  TERM  KIND     TOOK  STAGES          LAST  COMMAND\n"
                "-----  ----  -------  ----  --------------  ----  -------\n"
                "   40     2  command     -  -               -     SET a b\n"
                "   41     2  command  10ms  ##              h:2   SET c d\n"
                "   42     2  command  80ms  .############+  h:2   SET e f\n"
                ". waiting  # on disks  + applying, answering  LAST: completed the majority\n");
}

static void test_stages__are_fields_for_a_program(void **state)
{
    struct buffer out = {0};
    redisReply *reply = staged_log();

    (void)state;
    assert_true(request_log_draw(&out, reply, &plain_pipe));
    freeReplyObject(reply);
    assert_text(&out, "40\t2\tcommand\tSET a b\n"
                      "41\t2\tcommand\tSET c d\t1000\t9000\t9500\t10000\th:2"
                      "\th:1=3000/1000\th:2=9000/7000\th:3=-1/-1\n"
                      "42\t2\tcommand\tSET e f\t8000\t72000\t76000\t80000\th:2"
                      "\th:1=24000/8000\th:2=72000/56000\th:3=-1/-1\n");
}

static void test_stages__of_one_entry_are_drawn_in_full(void **state)
{
    struct buffer out = {0};
    struct buffer wire = {0};
    redisReply *reply;

    (void)state;
    buffer_printf(&wire, "*1\r\n");
    put_entry(&wire, 42, "SET e f");
    put_stages(&wire, 80);
    reply = reply_of(&wire);
    assert_true(request_log_draw(&out, reply, &terminal));
    freeReplyObject(reply);
    assert_text(&out,
                "entry 42 of term 2, one of 3 in its batch: command SET e f\n"
                "\n"
                "received                      0\n"
                "proposed                  8.0ms\n"
                "h:1                        24ms     ...##                      disk 8.0ms\n"
                "h:2                        72ms     ...###################     disk 56ms  last\n"
                "h:3                           -  not stored, as far as is known\n"
                "committed                  72ms\n"
                "applied                    76ms\n"
                "answered                   80ms\n"
                "\n"
                ". on its way  # on the node's disk  last: completed the majority\n");
}

static redisReply *slow_reply(void)
{
    struct buffer wire = {0};

    buffer_printf(&wire, "*8\r\n");
    put_number(&wire, "term", 2);
    put_number(&wire, "batches", 200);
    put(&wire, "nodes");
    buffer_printf(&wire, "*2\r\n");
    for (int i = 1; i <= 2; i++) {
        char address[8];

        snprintf(address, sizeof address, "h:%d", i);
        buffer_printf(&wire, "*10\r\n");
        put(&wire, "address");
        put(&wire, address);
        put_number(&wire, "last", i * 50);
        put_number(&wire, "late", 0);
        put_number(&wire, "stored_p50_us", 900);
        put_number(&wire, "stored_p99_us", i * 40000);
    }
    put(&wire, "slowest");
    buffer_printf(&wire, "*1\r\n");
    put_stages(&wire, 80);
    return reply_of(&wire);
}

static void test_slow__shows_whose_disk_is_waited_for(void **state)
{
    struct buffer out = {0};
    redisReply *reply = slow_reply();

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_true(slow_draw(&out, reply, &plain_pipe));
    freeReplyObject(reply);
    assert_text(&out, "NODE       LAST    LATE  STORED P50  STORED P99\n"
                      "h:1    50 (25%)  0 (0%)       900us        40ms\n"
                      "h:2   100 (50%)  0 (0%)       900us        80ms\n"
                      "\n"
                      "TIME      INDEX  ENTRIES  TOOK  STAGES          LAST\n"
                      "22:13:20     41        3  80ms  .############+  h:2\n");
}

static void test_slow__other_replies_are_not_drawn(void **state)
{
    struct buffer out = {0};
    redisReply *reply = GIVEN("*2\r\n$5\r\nnodes\r\n*0\r\n");

    (void)state;
    assert_false(slow_draw(&out, reply, &terminal));
    freeReplyObject(reply);
    assert_text(&out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_request_log__is_a_table_for_a_person),
        TEST(test_request_log__is_lines_with_tabs_for_a_program),
        TEST(test_request_log__other_replies_are_not_drawn),
        TEST(test_stages__are_bars_of_one_scale_for_a_person),
        TEST(test_stages__are_fields_for_a_program),
        TEST(test_stages__of_one_entry_are_drawn_in_full),
        TEST(test_slow__shows_whose_disk_is_waited_for),
        TEST(test_slow__other_replies_are_not_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
