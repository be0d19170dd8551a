/* Requests: arrays of bulk strings, whole and in pieces, and every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <time.h>

#include "base/prng.h"
#include "parse_trace.h"

static size_t all_at_once(void *context)
{
    (void)context;
    return SIZE_MAX;
}

static size_t byte_by_byte(void *context)
{
    (void)context;
    return 1;
}

static size_t random_piece(void *context)
{
    return (size_t)prng_between(context, 1, 40);
}

/* The results of `stream` must be `expected`, however it is split. */
static void expect_sized(const struct resp_limits *limits, struct slice stream,
                         const char *expected)
{
    struct prng prng = {stream.size};
    struct {
        piece_size *next;
        void *context;
    } cuts[] = {{all_at_once, NULL},
                {byte_by_byte, NULL},
                {random_piece, &prng},
                {random_piece, &prng},
                {random_piece, &prng}};

    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct buffer trace = {0};

        parse_stream(limits, stream, cuts[i].next, cuts[i].context, &trace);
        buffer_append(&trace, "", 1);
        assert_string_equal(trace.data, expected);
        buffer_deinit(&trace);
    }
}

static void expect(const char *stream, const char *expected)
{
    struct resp_limits limits = resp_limits_default();

    expect_sized(&limits, slice_str(stream), expected);
}

static void test_parse__reads_commands(void **state)
{
    (void)state;
    expect("*1\r\n$4\r\nPING\r\n", "[PING];");
    expect("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\n$1\r\n", "[SET][k][v\r\n$1];");
    expect("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", "[GET][];");
    expect("*1\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\nd e\r\n*1\r\n$1\r\nf\r\n",
           "[a];[b][c];[d][e];[f];");
    expect("", "");
}

static void test_parse__waits_for_what_is_missing(void **state)
{
    static const char whole[] = "*2\r\n$10\r\n0123456789\r\n$3\r\nabc\r\n";

    (void)state;
    for (size_t size = 1; size < sizeof whole - 1; size++) {
        struct resp_limits limits = resp_limits_default();

        expect_sized(&limits, slice_of(whole, size), "more");
    }
}

static void test_parse__skips_empty_requests(void **state)
{
    (void)state;
    expect("*0\r\n*1\r\n$1\r\na\r\n", "empty;[a];");
    expect("*-1\r\n*-9223372036854775807\r\nb\r\n", "empty;empty;[b];");
    expect("\r\n\n  \r\nc\n", "empty;empty;empty;[c];");
}

static void test_parse__refuses_bad_argument_counts(void **state)
{
    static const char error[] = "ERR Protocol error: invalid multibulk length";

    (void)state;
    expect("*1048577\r\n", error);
    expect("*2147483648\r\n", error);
    expect("*9223372036854775807\r\n", error);
    expect("*9223372036854775808\r\n", error);
    expect("*18446744073709551617\r\n", error);
    expect("*99999999999999999999999999", error);
    expect("*\r\n", error);
    expect("*-\r\n", error);
    expect("*-0\r\n", error);
    expect("*+1\r\n", error);
    expect("*01\r\n", error);
    expect("* 1\r\n", error);
    expect("*1 \r\n", error);
    expect("*1a\r\n", error);
    expect("*1\n", error);
    expect("*1\rx", error);
}

static void test_parse__refuses_bad_sizes(void **state)
{
    static const char error[] = "ERR Protocol error: invalid bulk length";

    (void)state;
    expect("*1\r\n$-1\r\n", error);
    expect("*1\r\n$536870913\r\n", error);
    expect("*1\r\n$2147483648\r\n", error);
    expect("*1\r\n$9223372036854775807\r\n", error);
    expect("*1\r\n$9223372036854775808\r\n", error);
    expect("*1\r\n$18446744073709551616\r\n", error);
    expect("*1\r\n$\r\n", error);
    expect("*1\r\n$00\r\n", error);
    expect("*1\r\n$1x\r\n", error);
    expect("*2\r\n$1\r\na\r\n$x\r\n", error);
}

static void test_parse__refuses_what_is_not_a_bulk_string(void **state)
{
    (void)state;
    expect("*1\r\nPING\r\n", "ERR Protocol error: expected '$', got 'P'");
    expect("*2\r\n$1\r\na\r\n:1\r\n", "ERR Protocol error: expected '$', got ':'");
    expect("*1\r\n*1\r\n", "ERR Protocol error: expected '$', got '*'");
}

static void test_parse__refuses_a_value_without_its_line_end(void **state)
{
    (void)state;
    expect("*1\r\n$4\r\nPINGxx", "ERR Protocol error: expected CRLF after bulk");
    expect("*1\r\n$3\r\nPING\r\n", "ERR Protocol error: expected CRLF after bulk");
}

static void test_parse__enforces_the_limits_of_requests(void **state)
{
    struct resp_limits limits = {
        .arguments_max = 2, .bulk_bytes_max = 10, .request_bytes_max = 30, .inline_bytes_max = 8};

    (void)state;
    expect_sized(&limits, slice_str("*2\r\n$1\r\na\r\n$1\r\nb\r\n"), "[a][b];");
    expect_sized(&limits, slice_str("*3\r\n"), "ERR Protocol error: invalid multibulk length");
    expect_sized(&limits, slice_str("*1\r\n$10\r\n0123456789\r\n"), "[0123456789];");
    expect_sized(&limits, slice_str("*1\r\n$11\r\n"), "ERR Protocol error: invalid bulk length");
    expect_sized(&limits, slice_str("*2\r\n$10\r\n0123456789\r\n$7\r\n"),
                 "ERR Protocol error: request exceeds the size limit");
    expect_sized(&limits, slice_str("12345678\r\n"), "[12345678];");
    expect_sized(&limits, slice_str("123456789\r\n"), "ERR Protocol error: too big inline request");
    expect_sized(&limits, slice_str("123456789"), "ERR Protocol error: too big inline request");
    expect_sized(&limits, slice_str("a b c\r\n"), "ERR Protocol error: too big inline request");
}

static void test_parse__takes_no_memory_for_what_is_announced(void **state)
{
    static const char announced[] = "*1048576\r\n$536870912\r\nabc";
    struct resp_limits limits = resp_limits_default();
    struct resp_parser p;
    size_t consumed = 0;
    const char *error = NULL;

    (void)state;
    resp_parser_init(&p, &limits);
    assert_int_equal(resp_parse(&p, slice_str(announced), &consumed, &error), RESP_MORE);
    assert_null(p.arguments);
    assert_int_equal(resp_parser_wanted(&p, sizeof announced - 1), 536870912 - 3 + 2);
    resp_parser_deinit(&p);
}

static void test_parse__reads_as_many_arguments_as_allowed(void **state)
{
    struct resp_limits limits = resp_limits_default();
    struct buffer request = {0};
    struct resp_parser p;
    size_t consumed = 0;
    const char *error = NULL;

    (void)state;
    buffer_printf(&request, "*%u\r\n", limits.arguments_max);
    for (uint32_t i = 0; i < limits.arguments_max; i++) {
        buffer_append(&request, "$1\r\nx\r\n", 7);
    }
    resp_parser_init(&p, &limits);
    assert_int_equal(resp_parse(&p, buffer_slice(&request), &consumed, &error), RESP_REQUEST);
    assert_int_equal(consumed, buffer_size(&request));
    assert_int_equal(p.argument_count, limits.arguments_max);
    assert_true(slice_equal(p.arguments[limits.arguments_max - 1], slice_str("x")));
    /* The room for a million is freed at the next call, with or without input. */
    assert_int_equal(resp_parse(&p, slice_str(""), &consumed, &error), RESP_MORE);
    assert_true(p.argument_capacity <= 1024);
    assert_int_equal(resp_parse(&p, slice_str("*1\r\n$1\r\ny\r\n"), &consumed, &error),
                     RESP_REQUEST);
    resp_parser_deinit(&p);
    buffer_deinit(&request);
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 64 MB in pieces of 64 kB, and in pieces of 64 bytes: if the value were parsed again with each
 * piece, the second would go over 32 TB. */
static void test_parse__looks_at_no_byte_of_a_long_value_twice(void **state)
{
    enum { VALUE_BYTES = 64 * 1024 * 1024 };
    static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108864\r\n";
    struct resp_limits limits = resp_limits_default();
    size_t whole = sizeof head - 1 + VALUE_BYTES + 2;
    char *request = memory_take_zeroed(1, whole);
    double began = seconds_now();

    (void)state;
    memcpy(request, head, sizeof head - 1);
    memcpy(request + whole - 2, "\r\n", 2);
    for (size_t piece = 64; piece <= 64 * 1024; piece *= 1024) {
        struct resp_parser p;
        size_t size = 0;
        size_t consumed = 0;
        const char *error = NULL;
        enum resp_result result = RESP_MORE;

        resp_parser_init(&p, &limits);
        while (result == RESP_MORE) {
            size += whole - size < piece ? whole - size : piece;
            result = resp_parse(&p, slice_of(request, size), &consumed, &error);
            assert_true(result != RESP_MORE || resp_parser_wanted(&p, size) <= whole - size);
        }
        assert_int_equal(result, RESP_REQUEST);
        assert_int_equal(consumed, whole);
        assert_int_equal(p.arguments[2].size, VALUE_BYTES);
        resp_parser_deinit(&p);
    }
    assert_true(seconds_now() - began < 10);
    free(request);
}

/* A long inline line that never ends, a byte at a time. */
static void test_parse__looks_at_no_byte_of_a_long_line_twice(void **state)
{
    struct resp_limits limits = resp_limits_default();
    struct resp_parser p;
    size_t consumed = 0;
    const char *error = NULL;
    char *line = memory_take(limits.inline_bytes_max + 1);

    (void)state;
    memset(line, 'x', limits.inline_bytes_max + 1);
    resp_parser_init(&p, &limits);
    for (size_t size = 1; size <= limits.inline_bytes_max; size++) {
        assert_int_equal(resp_parse(&p, slice_of(line, size), &consumed, &error), RESP_MORE);
        assert_int_equal(p.position, size);
    }
    assert_int_equal(resp_parse(&p, slice_of(line, limits.inline_bytes_max + 1), &consumed, &error),
                     RESP_ERROR);
    assert_string_equal(error, "ERR Protocol error: too big inline request");
    resp_parser_deinit(&p);
    free(line);
}

/* Random commands, written as arrays, must be parsed unchanged. */
static void test_parse__reads_back_random_commands(void **state)
{
    struct prng prng = {42};
    struct resp_limits limits = resp_limits_default();

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct buffer stream = {0};
        struct buffer expected = {0};

        for (uint64_t commands = prng_between(&prng, 1, 8); commands > 0; commands--) {
            uint64_t count = prng_between(&prng, 1, 20);

            buffer_printf(&stream, "*%lu\r\n", count);
            for (uint64_t i = 0; i < count; i++) {
                char bytes[60];
                size_t size = (size_t)prng_below(&prng, sizeof bytes);

                for (size_t j = 0; j < size; j++) {
                    bytes[j] = (char)prng_between(&prng, 1, 255);
                }
                buffer_printf(&stream, "$%zu\r\n", size);
                buffer_append(&stream, bytes, size);
                buffer_append(&stream, "\r\n", 2);
                buffer_append(&expected, "[", 1);
                buffer_append(&expected, bytes, size);
                buffer_append(&expected, "]", 1);
            }
            buffer_append(&expected, ";", 1);
        }
        buffer_append(&expected, "", 1);
        expect_sized(&limits, buffer_slice(&stream), expected.data);
        buffer_deinit(&stream);
        buffer_deinit(&expected);
    }
}

/* Garbage of significant bytes: the result may be anything, but must be the same however the
 * garbage is split. */
static void test_parse__does_not_depend_on_where_garbage_is_cut(void **state)
{
    static const char alphabet[] = "*$-0123\r\n\r\n\"'\\x a:";
    struct prng prng = {7};
    struct resp_limits limits = {
        .arguments_max = 20, .bulk_bytes_max = 12, .request_bytes_max = 60, .inline_bytes_max = 20};

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char bytes[48];
        size_t size = (size_t)prng_between(&prng, 1, sizeof bytes);
        struct buffer whole = {0};

        for (size_t i = 0; i < size; i++) {
            bytes[i] = alphabet[prng_below(&prng, sizeof alphabet - 1)];
        }
        if (prng_chance(&prng, 1, 2)) {
            memcpy(bytes, "*2\r\n$1\r\n", size < 8 ? size : 8);
        }
        parse_stream(&limits, slice_of(bytes, size), all_at_once, NULL, &whole);
        buffer_append(&whole, "", 1);
        expect_sized(&limits, slice_of(bytes, size), whole.data);
        buffer_deinit(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse__reads_commands),
        cmocka_unit_test(test_parse__waits_for_what_is_missing),
        cmocka_unit_test(test_parse__skips_empty_requests),
        cmocka_unit_test(test_parse__refuses_bad_argument_counts),
        cmocka_unit_test(test_parse__refuses_bad_sizes),
        cmocka_unit_test(test_parse__refuses_what_is_not_a_bulk_string),
        cmocka_unit_test(test_parse__refuses_a_value_without_its_line_end),
        cmocka_unit_test(test_parse__enforces_the_limits_of_requests),
        cmocka_unit_test(test_parse__takes_no_memory_for_what_is_announced),
        cmocka_unit_test(test_parse__reads_as_many_arguments_as_allowed),
        cmocka_unit_test(test_parse__looks_at_no_byte_of_a_long_value_twice),
        cmocka_unit_test(test_parse__looks_at_no_byte_of_a_long_line_twice),
        cmocka_unit_test(test_parse__reads_back_random_commands),
        cmocka_unit_test(test_parse__does_not_depend_on_where_garbage_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
