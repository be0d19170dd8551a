/* The format of log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "server/log_sink.h"

static const uint64_t a_moment_ns = 1795422731123456789ull; /* 2026-11-23T08:32:11.123Z */

static void expect(const struct log_sink *sink, uint64_t wall_ns, enum log_level level,
                   const char *event, const char *fields, const char *expected)
{
    char line[LOG_LINE_BYTES_MAX + 1];
    size_t size = log_sink_format(sink, wall_ns, level, event, fields, line);

    line[size] = '\0';
    assert_string_equal(line, expected);
}

static void test_log__is_plain_for_people(void **state)
{
    struct log_sink sink = {.format = LOG_PLAIN};

    expect(&sink, a_moment_ns, LOG_INFO, "became leader", "term=3 reason=\"x y\"",
           "2026-11-23T08:32:11.123Z INFO  became leader  term=3 reason=\"x y\"\n");
    expect(&sink, a_moment_ns, LOG_ERROR, "stops", "", "2026-11-23T08:32:11.123Z ERROR stops\n");
}

static void test_log__is_coloured_at_a_terminal(void **state)
{
    struct log_sink sink = {.format = LOG_PLAIN, .has_colours = true};

    expect(
        &sink, a_moment_ns, LOG_WARN, "slow", "ms=9",
        "\033[2m2026-11-23T08:32:11.123Z\033[0m \033[33mWARN \033[0m slow  \033[2mms=9\033[0m\n");
}

static void test_log__is_logfmt_for_machines(void **state)
{
    struct log_sink sink = {.format = LOG_LOGFMT, .has_colours = true};

    expect(&sink, a_moment_ns, LOG_DEBUG, "client left", "client=4",
           "ts=2026-11-23T08:32:11.123Z level=debug event=\"client left\" client=4\n");
    expect(&sink, a_moment_ns, LOG_WARN, "x", "",
           "ts=2026-11-23T08:32:11.123Z level=warn event=\"x\"\n");
}

static void test_log__knows_the_calendar(void **state)
{
    struct log_sink sink = {.format = LOG_LOGFMT};
    static const struct {
        uint64_t seconds;
        const char *line;
    } moments[] = {
        {0, "ts=1970-01-01T00:00:00.000Z level=info event=\"x\"\n"},
        {951782399, "ts=2000-02-28T23:59:59.000Z level=info event=\"x\"\n"},
        {951782400, "ts=2000-02-29T00:00:00.000Z level=info event=\"x\"\n"},
        {951868800, "ts=2000-03-01T00:00:00.000Z level=info event=\"x\"\n"},
        {1735689599, "ts=2024-12-31T23:59:59.000Z level=info event=\"x\"\n"},
        {4107542400, "ts=2100-03-01T00:00:00.000Z level=info event=\"x\"\n"},
    };

    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        expect(&sink, moments[i].seconds * 1000000000, LOG_INFO, "x", "", moments[i].line);
    }
}

static void test_log__keeps_an_event_on_one_harmless_line(void **state)
{
    struct log_sink plain = {.format = LOG_PLAIN};
    struct log_sink logfmt = {.format = LOG_LOGFMT};

    expect(&plain, 0, LOG_INFO, "a\nb", "k=\"\033[2J\r\n\"",
           "1970-01-01T00:00:00.000Z INFO  a?b  k=\"?[2J??\"\n");
    expect(&logfmt, 0, LOG_INFO, "a\nb", "k=\"\033[2J\x7f\"",
           "ts=1970-01-01T00:00:00.000Z level=info event=\"a?b\" k=\"?[2J?\"\n");
}

static void test_log__cuts_what_is_too_long(void **state)
{
    char fields[2 * LOG_LINE_BYTES_MAX];
    char line[LOG_LINE_BYTES_MAX];

    memset(fields, 'f', sizeof fields - 1);
    fields[sizeof fields - 1] = '\0';
    for (int format = LOG_PLAIN; format <= LOG_LOGFMT; format++) {
        struct log_sink sink = {.format = (enum log_format)format, .has_colours = true};
        size_t size = log_sink_format(&sink, 0, LOG_INFO, "x", fields, line);

        assert_true(size <= LOG_LINE_BYTES_MAX);
        assert_int_equal(line[size - 1], '\n');
        assert_int_equal(line[size - 2], 'f');
        assert_null(memchr(line, '\0', size));
    }
}

struct kept {
    char line[LOG_LINE_BYTES_MAX + 1];
};

static uint64_t moment(void *context)
{
    return a_moment_ns;
}

static void keep_line(void *context, const char *line, size_t size)
{
    struct kept *kept = context;

    memcpy(kept->line, line, size);
    kept->line[size] = '\0';
}

static void test_log__goes_from_the_program_to_its_place(void **state)
{
    struct kept kept = {{0}};
    struct log_sink sink = {
        .format = LOG_LOGFMT, .wall_ns = moment, .write_line = keep_line, .context = &kept};
    struct log log = {.level = LOG_INFO, .sink = log_sink_write, .context = &sink};

    log_write(&log, LOG_DEBUG, "quiet", "n=%d", 1);
    assert_string_equal(kept.line, "");
    log_write(&log, LOG_INFO, "loud", "n=%d", 1);
    assert_string_equal(kept.line, "ts=2026-11-23T08:32:11.123Z level=info event=\"loud\" n=1\n");
}

static void test_log__knows_its_levels_and_formats_by_name(void **state)
{
    enum log_level level = LOG_DEBUG;
    enum log_format format = LOG_PLAIN;

    assert_true(log_level_of("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_of("ERROR", &level));
    assert_true(log_format_of("logfmt", &format));
    assert_int_equal(format, LOG_LOGFMT);
    assert_false(log_format_of("", &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__is_plain_for_people),
        cmocka_unit_test(test_log__is_coloured_at_a_terminal),
        cmocka_unit_test(test_log__is_logfmt_for_machines),
        cmocka_unit_test(test_log__knows_the_calendar),
        cmocka_unit_test(test_log__keeps_an_event_on_one_harmless_line),
        cmocka_unit_test(test_log__cuts_what_is_too_long),
        cmocka_unit_test(test_log__goes_from_the_program_to_its_place),
        cmocka_unit_test(test_log__knows_its_levels_and_formats_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
