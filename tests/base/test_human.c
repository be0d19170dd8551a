/* Sizes and times as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/human.h"

static void assert_bytes(uint64_t bytes, const char *text)
{
    struct buffer out = {0};

    human_put_bytes(&out, bytes);
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), text);
    buffer_deinit(&out);
}

static void test_human__sizes_have_a_unit(void **state)
{
    assert_bytes(0, "0 bytes");
    assert_bytes(1023, "1023 bytes");
    assert_bytes(1024, "1.0 KB");
    assert_bytes(1536 * 1024, "1.5 MB");
    assert_bytes(1ull << 40, "1.0 TB");
}

static void assert_reads(const char *text, uint64_t time_us)
{
    uint64_t read_us = 0;

    assert_true(human_read_utc(text, &read_us));
    assert_int_equal(read_us, time_us);
}

static void test_human__a_time_is_read_as_it_was_written(void **state)
{
    static const uint64_t times[] = {0, 1, 999999, 1000000, 951782400000000, 1796066354683539};

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct buffer out = {0};

        human_put_utc(&out, times[i]);
        buffer_append(&out, "", 1);
        assert_reads(buffer_begin(&out), times[i]);
        buffer_deinit(&out);
    }
}

static void test_human__a_time_may_be_shorter(void **state)
{
    assert_reads("2026-11-30T19:19:14Z", 1796066354000000);
    assert_reads("2026-11-30 19:19:14", 1796066354000000);
    assert_reads("2026-11-30 19:19:14.5", 1796066354500000);
    assert_reads("2024-02-29T00:00:00Z", 1709164800000000);
}

static void test_human__what_is_no_time_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "12",
        "2026-11-30",
        "2026-11-30T19:19",
        "2026-11-31T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-30T24:00:00Z",
        "2026-11-30T19:60:14Z",
        "2026-11-30T19:19:14.Z",
        "2026-11-30T19:19:14.1234567Z",
        "2026-11-30T19:19:14+01:00",
        "2026-11-30T19:19:14ZZ",
        "1969-12-31T23:59:59Z",
    };
    uint64_t time_us = 7;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(human_read_utc(wrong[i], &time_us));
    }
    assert_int_equal(time_us, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_human__sizes_have_a_unit),
        cmocka_unit_test(test_human__a_time_is_read_as_it_was_written),
        cmocka_unit_test(test_human__a_time_may_be_shorter),
        cmocka_unit_test(test_human__what_is_no_time_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
