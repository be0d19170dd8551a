/* Inline commands: Redis's rules of quoting, and lines that are HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static void expect(const char *line, const char *expected)
{
    struct resp_limits limits = resp_limits_default();
    piece_size *cuts[] = {all_at_once, byte_by_byte};

    for (size_t i = 0; i < 2; i++) {
        struct buffer trace = {0};

        parse_stream(&limits, slice_str(line), cuts[i], NULL, &trace);
        buffer_append(&trace, "", 1);
        assert_string_equal(trace.data, expected);
        buffer_deinit(&trace);
    }
}

static void test_inline__splits_words_at_blanks(void **state)
{
    (void)state;
    expect("PING\r\n", "[PING];");
    expect("PING\n", "[PING];");
    expect("  SET \t k   v  \r\n", "[SET][k][v];");
    expect("a\vb\fc\r\n", "[a\vb\fc];");
    expect("GET k\r\nGET l\r\n", "[GET][k];[GET][l];");
}

static void test_inline__understands_double_quotes(void **state)
{
    (void)state;
    expect("SET k \"a b\"\r\n", "[SET][k][a b];");
    expect("SET k \"\"\r\n", "[SET][k][];");
    expect("\"\\n\\r\\t\\b\\a\\\\\\\"\\q\"\r\n", "[\n\r\t\b\a\\\"q];");
    expect("\"\\x41\\x4a\\x4A\"\r\n", "[AJJ];");
    expect("\"\\x4\\xg1\"\r\n", "[x4xg1];");
    expect("a\"b c\" d\r\n", "[ab c][d];");
    expect("\"'\"\r\n", "['];");
}

static void test_inline__understands_single_quotes(void **state)
{
    (void)state;
    expect("SET k 'a b'\r\n", "[SET][k][a b];");
    expect("'\\n\\' \\x41'\r\n", "[\\n' \\x41];");
    expect("'\"'\r\n", "[\"];");
    expect("''\r\n", "[];");
}

static void test_inline__keeps_any_byte(void **state)
{
    struct resp_limits limits = resp_limits_default();
    struct resp_parser p;
    size_t consumed = 0;
    const char *error = NULL;

    (void)state;
    resp_parser_init(&p, &limits);
    assert_int_equal(resp_parse(&p, slice_of("a\0b \xff\xfe \"\\x00\"\r\n", 15), &consumed, &error),
                     RESP_REQUEST);
    assert_int_equal(p.argument_count, 3);
    assert_true(slice_equal(p.arguments[0], slice_of("a\0b", 3)));
    assert_true(slice_equal(p.arguments[1], slice_str("\xff\xfe")));
    assert_true(slice_equal(p.arguments[2], slice_of("\0", 1)));
    resp_parser_deinit(&p);
}

static void test_inline__refuses_unbalanced_quotes(void **state)
{
    static const char error[] = "ERR Protocol error: unbalanced quotes in request";

    (void)state;
    expect("SET k \"a\r\n", error);
    expect("SET k 'a\r\n", error);
    expect("SET k \"a\"b\r\n", error);
    expect("SET k 'a'b\r\n", error);
    expect("\"a\\\"\r\n", error);
    expect("\"\\\r\n", error);
    expect("'\\'\r\n", error);
}

static void test_inline__knows_http(void **state)
{
    (void)state;
    expect("POST / HTTP/1.1\r\nHost: localhost\r\n", "http");
    expect("post /\r\n", "http");
    expect("Host: localhost\r\n", "http");
    expect("host:localhost\r\n", "http");
    expect("GET / HTTP/1.1\r\nHost: localhost\r\n", "[GET][/][HTTP/1.1];http");
    expect("POSTER x\r\n", "[POSTER][x];");
    expect("hosts\r\n", "[hosts];");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inline__splits_words_at_blanks),
        cmocka_unit_test(test_inline__understands_double_quotes),
        cmocka_unit_test(test_inline__understands_single_quotes),
        cmocka_unit_test(test_inline__keeps_any_byte),
        cmocka_unit_test(test_inline__refuses_unbalanced_quotes),
        cmocka_unit_test(test_inline__knows_http),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
