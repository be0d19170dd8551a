/* One object per line, whatever bytes it contains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inspect/json.h"

static void check(struct json *j, const char *expected)
{
    json_end_line(j);
    buffer_append(j->out, "", 1);
    assert_string_equal(buffer_begin(j->out), expected);
    buffer_deinit(j->out);
}

static void test_json__separates_members_and_elements(void **state)
{
    struct buffer out = {0};
    struct json j = {.out = &out};

    json_begin(&j, NULL);
    json_number(&j, "n", UINT64_MAX);
    json_begin_array(&j, "list");
    json_bool(&j, NULL, true);
    json_begin(&j, NULL);
    json_id(&j, "id", 0x1f);
    json_id(&j, "none", 0);
    json_end(&j);
    json_end_array(&j);
    json_text(&j, "t", "x");
    check(&j, "{\"n\":18446744073709551615,\"list\":[true,{\"id\":\"000000000000001f\","
              "\"none\":null}],\"t\":\"x\"}\n");
}

static void check_bytes(const void *bytes, size_t size, const char *expected)
{
    struct buffer out = {0};
    struct buffer line = {0};
    struct json j = {.out = &out};

    json_begin(&j, NULL);
    json_bytes(&j, "b", slice_of(bytes, size));
    buffer_printf(&line, "{\"b\":%s}\n", expected);
    buffer_append(&line, "", 1);
    check(&j, buffer_begin(&line));
    buffer_deinit(&line);
}

static void test_json__escapes_what_a_string_cannot_hold(void **state)
{
    check_bytes("a\"b\\c\n\0d\x7f", 9, "\"a\\\"b\\\\c\\u000a\\u0000d\\u007f\"");
    check_bytes("", 0, "\"\"");
}

static void test_json__keeps_utf8_and_shows_other_bytes_as_hex(void **state)
{
    check_bytes("J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80", 14,
                "\"J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80\"");
    check_bytes("\xff\x01", 2, "{\"hex\":\"ff01\"}");
    check_bytes("a\xc3", 2, "{\"hex\":\"61c3\"}");                /* Cut off. */
    check_bytes("\xc0\xaf", 2, "{\"hex\":\"c0af\"}");             /* Longer than needed. */
    check_bytes("\xed\xa0\x80", 3, "{\"hex\":\"eda080\"}");       /* Half of a pair. */
    check_bytes("\xf4\x90\x80\x80", 4, "{\"hex\":\"f4908080\"}"); /* Beyond the last. */
    check_bytes("\x80", 1, "{\"hex\":\"80\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__separates_members_and_elements),
        cmocka_unit_test(test_json__escapes_what_a_string_cannot_hold),
        cmocka_unit_test(test_json__keeps_utf8_and_shows_other_bytes_as_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
