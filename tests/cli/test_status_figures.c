/* The lower part of "status", and amounts with their units. */
#include "given.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/amount.h"
#include "cli/json.h"
#include "cli/status_figures.h"

static const long long NOW_S = 1700000000; /* 22:13:20 in UTC. */

static void put(struct buffer *wire, const char *text)
{
    buffer_printf(wire, "$%zu\r\n%s\r\n", strlen(text), text);
}

static void put_number(struct buffer *wire, const char *key, long long value)
{
    put(wire, key);
    buffer_printf(wire, ":%lld\r\n", value);
}

static redisReply *node_of(const char *address, long long p99_us, long long trouble_s,
                           const char *work)
{
    struct buffer wire = {0};

    buffer_printf(&wire, "*24\r\n");
    put(&wire, "address");
    put(&wire, address);
    put_number(&wire, "lag_entries", p99_us / 1000);
    put_number(&wire, "lag_ms", p99_us / 1000);
    put_number(&wire, "election_timeout_ms", 300);
    put_number(&wire, "sync_p50_us", p99_us < 0 ? -1 : 900);
    put_number(&wire, "sync_p99_us", p99_us);
    put_number(&wire, "sync_margin_ms", 300 - p99_us / 1000);
    put_number(&wire, "snapshot_time_us", (NOW_S - 600) * 1000000);
    put(&wire, "snapshot_work");
    put(&wire, work);
    put_number(&wire, "snapshot_permille", 437);
    put_number(&wire, "trouble_ms", trouble_s * 1000);
    put(&wire, "trouble");
    put(&wire, "the disk is slow for this election timeout: sync_p99_ms=80.0");

    redisReply *reply = given_reply(buffer_begin(&wire), buffer_size(&wire));

    buffer_deinit(&wire);
    return reply;
}

static void draw(struct buffer *out, const redisReply *const *nodes, size_t count,
                 const struct style *style)
{
    setenv("TZ", "UTC", 1);
    tzset();
    status_figures_draw(out, nodes, count, NOW_S, style);
}

static void free_nodes(redisReply **nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        freeReplyObject(nodes[i]);
    }
}

static void test_figures__are_lines_with_a_column_for_each_node(void **state)
{
    redisReply *nodes[] = {node_of("h:1", 2500, 0, ""),
                           node_of("h:2", 80000, NOW_S - 100, "making"), node_of("h:3", -1, 0, "")};
    struct buffer out = {0};

    (void)state;
    draw(&out, (const redisReply *const *)nodes, 3, &terminal);
    assert_text(&out, "\n"
                      "FIGURE         h:1         h:2    h:3\n"
                      "-----------  -----  ----------  -----\n"
                      "behind           2          80      0\n"
                      "  time       2.0ms        80ms      0\n"
                      "sync p50     900us       900us      -\n"
                      "sync p99     2.5ms        80ms      -\n"
                      "sync margin  298ms       220ms      -\n"
                      "  age        10min       10min  10min\n"
                      "  work           -  making 43%      -\n"
                      "\nLAST TROUBLE\n"
                      "h:2  22:11:40  the disk is slow for this election timeout: "
                      "sync_p99_ms=80.0\n");
    free_nodes(nodes, 3);
}

/* Programs find each line in its place. */
static void test_figures__for_a_program_have_all_lines(void **state)
{
    redisReply *nodes[] = {node_of("h:1", 2500, 0, "")};
    struct buffer out = {0};

    (void)state;
    draw(&out, (const redisReply *const *)nodes, 1, &plain_pipe);
    buffer_append(&out, "", 1);
    assert_non_null(strstr(buffer_begin(&out), "\n  left             -\n"));
    assert_non_null(strstr(buffer_begin(&out), "\nto be sent         -\n"));
    buffer_deinit(&out);
    free_nodes(nodes, 1);
}

static void test_figures__of_a_slow_disk_have_a_colour(void **state)
{
    redisReply *nodes[] = {node_of("h:1", 75000, 0, ""), node_of("h:2", 75001, 0, ""),
                           node_of("h:3", 300001, 0, "")};
    struct buffer out = {0};

    (void)state;
    draw(&out, (const redisReply *const *)nodes, 3, &colourful);
    buffer_append(&out, "", 1);
    assert_non_null(strstr(buffer_begin(&out), " 225ms  \x1b[33m225ms\x1b[0m"));
    assert_non_null(strstr(buffer_begin(&out), "\x1b[31mnone\x1b[0m"));
    buffer_deinit(&out);
    free_nodes(nodes, 3);
}

/* Three nodes with long addresses fit beside each other; more are shown below. */
static void test_figures__fit_the_terminal(void **state)
{
    struct style narrow = terminal;
    redisReply *nodes[5];
    struct buffer out = {0};
    size_t tables = 0;

    (void)state;
    narrow.columns = 80;
    for (size_t i = 0; i < 5; i++) {
        nodes[i] = node_of("192.168.100.101:8000", 2500, NOW_S - 100000, "making");
    }
    draw(&out, (const redisReply *const *)nodes, 5, &narrow);
    buffer_append(&out, "", 1);
    for (const char *line = buffer_begin(&out); *line != 0; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 80);
        tables += memcmp(line, "FIGURE", 6) == 0;
    }
    assert_int_equal(tables, 3);
    assert_non_null(strstr(buffer_begin(&out), "2023-11-13 18:26  the disk is slow"));
    assert_non_null(strstr(buffer_begin(&out), "...\n"));
    buffer_deinit(&out);
    free_nodes(nodes, 5);
}

static void test_figures__of_an_older_server_are_left_out(void **state)
{
    redisReply *node = GIVEN("*2\r\n$7\r\naddress\r\n$3\r\nh:1\r\n");
    const redisReply *nodes[] = {node};
    struct buffer out = {0};

    (void)state;
    draw(&out, nodes, 1, &terminal);
    assert_text(&out, "");
    freeReplyObject(node);
}

static void test_amounts__are_short(void **state)
{
    static const struct {
        long long value;
        const char *bytes, *time;
    } cases[] = {
        {0, "0B", "0"},
        {999, "999B", "999us"},
        {1000, "1.0kB", "1.0ms"},
        {9949, "9.9kB", "9.9ms"},
        {9951, "10kB", "10ms"},
        {999499, "999kB", "999ms"},
        {999500, "1.0MB", "1.0s"},
        {119999999, "120MB", "120s"},
        {120000000, "120MB", "2min"},
        {7200000000, "7.2GB", "2h"},
        {172800000000, "173GB", "2d"},
        {999600000000000, "1.0PB", "11569d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};

        amount_bytes(&out, cases[i].value);
        assert_text(&out, cases[i].bytes);
        amount_time(&out, cases[i].value);
        assert_text(&out, cases[i].time);
    }
}

static void test_json__is_what_programs_read(void **state)
{
    redisReply *reply = GIVEN("*6\r\n$4\r\nterm\r\n:4\r\n$5\r\nnodes\r\n*2\r\n"
                              "*2\r\n$2\r\nid\r\n$2\r\na\"\r\n"
                              "*2\r\n$2\r\nid\r\n$4\r\n\\\n\xc3\x1b\r\n"
                              "$1\r\nx\r\n$0\r\n\r\n");
    struct buffer out = {0};

    (void)state;
    json_map(&out, reply);
    assert_text(&out, "{\"term\": 4, \"nodes\": [{\"id\": \"a\\\"\"}, "
                      "{\"id\": \"\\\\\\u000a\\u00c3\\u001b\"}], \"x\": \"\"}\n");
    freeReplyObject(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_figures__are_lines_with_a_column_for_each_node),
        TEST(test_figures__for_a_program_have_all_lines),
        TEST(test_figures__of_a_slow_disk_have_a_colour),
        TEST(test_figures__fit_the_terminal),
        TEST(test_figures__of_an_older_server_are_left_out),
        TEST(test_amounts__are_short),
        TEST(test_json__is_what_programs_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
