/* Replies in RESP2 and RESP3, and decimal numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "base/prng.h"
#include "resp/decimal.h"
#include "resp/resp.h"

/* Two writers: the same reply in RESP2 and RESP3. */
struct writers {
    struct buffer out[2];
    struct resp_writer w[2];
};

static int set_up(void **state)
{
    static struct writers writers;

    writers = (struct writers){0};
    for (int i = 0; i < 2; i++) {
        writers.w[i] = (struct resp_writer){&writers.out[i], i + 2};
    }
    *state = &writers;
    return 0;
}

static int tear_down(void **state)
{
    struct writers *writers = *state;

    buffer_deinit(&writers->out[0]);
    buffer_deinit(&writers->out[1]);
    return 0;
}

static void expect(struct writers *writers, const char *resp2, const char *resp3)
{
    const char *expected[] = {resp2, resp3};

    for (int i = 0; i < 2; i++) {
        buffer_append(&writers->out[i], "", 1);
        assert_string_equal(buffer_begin(&writers->out[i]), expected[i]);
        buffer_clear(&writers->out[i]);
    }
}

#define BOTH(call_with_w)                                                                          \
    for (int i_ = 0; i_ < 2; i_++) {                                                               \
        struct resp_writer *w = &writers->w[i_];                                                   \
        call_with_w;                                                                               \
    }

static void test_write__lines(void **state)
{
    struct writers *writers = *state;

    BOTH(resp_ok(w));
    expect(writers, "+OK\r\n", "+OK\r\n");
    BOTH(resp_simple(w, "PONG"));
    expect(writers, "+PONG\r\n", "+PONG\r\n");
    BOTH(resp_error(w, "ERR a"));
    expect(writers, "-ERR a\r\n", "-ERR a\r\n");
    BOTH(resp_error(w, "ERR got '\r\n'"));
    expect(writers, "-ERR got '  '\r\n", "-ERR got '  '\r\n");
    BOTH(resp_errorf(w, "ERR unknown command '%s' (%d)", "a\nb", 7));
    expect(writers, "-ERR unknown command 'a b' (7)\r\n", "-ERR unknown command 'a b' (7)\r\n");
}

static void test_write__numbers(void **state)
{
    struct writers *writers = *state;

    BOTH(resp_integer(w, 0));
    expect(writers, ":0\r\n", ":0\r\n");
    BOTH(resp_integer(w, INT64_MIN));
    expect(writers, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n");
    BOTH(resp_integer(w, INT64_MAX));
    expect(writers, ":9223372036854775807\r\n", ":9223372036854775807\r\n");
    BOTH(resp_boolean(w, true); resp_boolean(w, false));
    expect(writers, ":1\r\n:0\r\n", "#t\r\n#f\r\n");
    BOTH(resp_double(w, 1.5));
    expect(writers, "$3\r\n1.5\r\n", ",1.5\r\n");
    BOTH(resp_double(w, 3));
    expect(writers, "$1\r\n3\r\n", ",3\r\n");
    BOTH(resp_double(w, HUGE_VAL); resp_double(w, -HUGE_VAL));
    expect(writers, "$3\r\ninf\r\n$4\r\n-inf\r\n", ",inf\r\n,-inf\r\n");
    BOTH(resp_double(w, (double)NAN));
    expect(writers, "$3\r\nnan\r\n", ",nan\r\n");
}

static void test_write__strings(void **state)
{
    struct writers *writers = *state;

    BOTH(resp_bulk(w, slice_str("a\r\nb")));
    expect(writers, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n");
    BOTH(resp_bulk(w, slice_of(NULL, 0)));
    expect(writers, "$0\r\n\r\n", "$0\r\n\r\n");
    BOTH(resp_bulk_text(w, "text"));
    expect(writers, "$4\r\ntext\r\n", "$4\r\ntext\r\n");
    BOTH(resp_bulkf(w, "%s=%d", "n", 12));
    expect(writers, "$4\r\nn=12\r\n", "$4\r\nn=12\r\n");
    BOTH(resp_bulkf(w, "%s", ""));
    expect(writers, "$0\r\n\r\n", "$0\r\n\r\n");
    BOTH(resp_verbatim(w, slice_str("abc")));
    expect(writers, "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n");
    BOTH(resp_null(w));
    expect(writers, "$-1\r\n", "_\r\n");
}

static void test_write__collections(void **state)
{
    struct writers *writers = *state;

    BOTH(resp_array(w, 0); resp_array(w, 1234567));
    expect(writers, "*0\r\n*1234567\r\n", "*0\r\n*1234567\r\n");
    BOTH(resp_map(w, 3));
    expect(writers, "*6\r\n", "%3\r\n");
    BOTH(resp_set(w, 3));
    expect(writers, "*3\r\n", "~3\r\n");
    BOTH(resp_null_array(w));
    expect(writers, "*-1\r\n", "_\r\n");
}

static void test_decimal__writes_what_printf_writes(void **state)
{
    struct prng prng = {1};

    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint64_t value = prng_next(&prng) >> prng_below(&prng, 64);
        char expected[32];
        char text[DECIMAL_BYTES_MAX];
        int size = snprintf(expected, sizeof expected, "%lu", value);

        assert_int_equal(decimal_write_unsigned(text, value), size);
        assert_memory_equal(text, expected, (size_t)size);
        size = snprintf(expected, sizeof expected, "%ld", (int64_t)value);
        assert_int_equal(decimal_write(text, (int64_t)value), size);
        assert_memory_equal(text, expected, (size_t)size);

        int64_t back = 0;

        assert_true(decimal_read(slice_of(text, (size_t)size), &back));
        assert_int_equal(back, (int64_t)value);
    }
}

static void test_decimal__refuses_what_is_not_a_number(void **state)
{
    static const char *const texts[] = {
        "",
        "-",
        "+1",
        "01",
        "-0",
        "-01",
        " 1",
        "1 ",
        "1a",
        "0x1",
        "1.0",
        "9223372036854775808",
        "99999999999999999999",
        "-9223372036854775809",
        "18446744073709551616",
        "--1",
    };
    int64_t value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(decimal_read(slice_str(texts[i]), &value));
    }
    assert_false(decimal_read(slice_of("1\0", 2), &value));
    assert_int_equal(value, 77);
    assert_true(decimal_read(slice_str("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    assert_true(decimal_read(slice_str("9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(decimal_read(slice_str("0"), &value));
    assert_int_equal(value, 0);
}

static void test_convert__gives_version_2_of_a_reply(void **state)
{
    static const char version_3[] =
        "*3\r\n_\r\n%1\r\n$1\r\nk\r\n#t\r\n~2\r\n,1.5\r\n=7\r\ntxt:abc\r\n"
        "+OK\r\n-ERR x\r\n:7\r\n$0\r\n\r\n(123\r\n";
    static const char version_2[] =
        "*3\r\n$-1\r\n*2\r\n$1\r\nk\r\n:1\r\n*2\r\n$3\r\n1.5\r\n$3\r\nabc\r\n"
        "+OK\r\n-ERR x\r\n:7\r\n$0\r\n\r\n$3\r\n123\r\n";
    struct buffer out = {0};

    (void)state;
    resp_convert_to_2(slice_str(version_3), &out);
    assert_true(slice_equal(buffer_slice(&out), slice_str(version_2)));
    buffer_clear(&out);
    resp_convert_to_2(slice_str(version_2), &out);
    assert_true(slice_equal(buffer_slice(&out), slice_str(version_2)));
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convert__gives_version_2_of_a_reply),
        cmocka_unit_test_setup_teardown(test_write__lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write__numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write__strings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write__collections, set_up, tear_down),
        cmocka_unit_test(test_decimal__writes_what_printf_writes),
        cmocka_unit_test(test_decimal__refuses_what_is_not_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
