/* The last trouble of a node: what is logged as a warning, and what is noted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "io/io_uv.h"
#include "replica/trouble.h"

struct lines {
    struct log log;
    uint32_t count;
};

static void count_line(void *context, enum log_level level, const char *event, const char *fields)
{
    struct lines *l = context;

    l->count++;
}

static int up(void **state)
{
    *state = io_uv_new();
    return 0;
}

static int down(void **state)
{
    io_uv_free(*state);
    return 0;
}

static void test_trouble__is_the_last_warning_without_its_advice(void **state)
{
    struct lines l = {.log = {.level = LOG_INFO, .sink = count_line, .context = &l}};
    struct trouble t;

    trouble_init(&t, *state, &l.log);
    assert_int_equal(t.wall_ns, 0);
    log_write(&t.log, LOG_INFO, "all is well", "%s", "");
    assert_int_equal(t.wall_ns, 0);
    log_write(&t.log, LOG_WARN, "the disk is slow", "ms=%d advice=" LOG_Q, 80, "buy another");
    assert_string_equal(t.text, "the disk is slow: ms=80");
    assert_true(t.wall_ns > 0);
    log_write(&t.log, LOG_ERROR, "store failed", "%s", "");
    assert_string_equal(t.text, "store failed");
    log_write(&t.log, LOG_DEBUG, "nobody wants to know", "%s", "");
    assert_int_equal(l.count, 3); /* The level of the log behind it. */
}

/* A person who wants only errors in the log still sees the last warning in STATUS. */
static void test_trouble__is_noted_whatever_the_log_shows(void **state)
{
    struct lines l = {.log = {.level = LOG_ERROR, .sink = count_line, .context = &l}};
    struct trouble t;

    trouble_init(&t, *state, &l.log);
    log_write(&t.log, LOG_WARN, "the disk is slow", "%s", "");
    assert_string_equal(t.text, "the disk is slow");
    assert_int_equal(l.count, 0);
    trouble_init(&t, *state, NULL);
    log_write(&t.log, LOG_WARN, "the disk is full", "%s", "");
    assert_string_equal(t.text, "the disk is full");
}

static void test_trouble__is_one_line_and_not_too_long(void **state)
{
    char reason[2 * FIGURES_TROUBLE_BYTES];
    struct trouble t;

    trouble_init(&t, *state, NULL);
    trouble_note(&t, "it said", "a\r\nb\x1b[31m");
    assert_string_equal(t.text, "it said: a  b [31m");
    memset(reason, 'x', sizeof reason);
    reason[sizeof reason - 1] = 0;
    trouble_note(&t, "it said", reason);
    assert_int_equal(strlen(t.text), FIGURES_TROUBLE_BYTES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_trouble__is_the_last_warning_without_its_advice),
        TEST(test_trouble__is_noted_whatever_the_log_shows),
        TEST(test_trouble__is_one_line_and_not_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
