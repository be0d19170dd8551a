/* Where a reply ends, whatever it is, and however it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resp/resp.h"

static void test_skip__finds_the_end_of_each_kind_of_reply(void **state)
{
    static const char *const replies[] = {
        "+OK\r\n",
        "-ERR x\r\n",
        ":-5\r\n",
        "$-1\r\n",
        "$0\r\n\r\n",
        "$4\r\n\r\n\r\n\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n+a\r\n*1\r\n$1\r\nx\r\n",
        "_\r\n",
        "#t\r\n",
        ",1.5\r\n",
        "=5\r\ntxt:x\r\n",
        "%1\r\n+k\r\n*1\r\n:1\r\n",
        "~2\r\n:1\r\n:2\r\n",
        "(123\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct buffer text = {0};
        struct slice reply = slice_str(replies[i]);

        buffer_append_slice(&text, reply);
        buffer_append(&text, "+next\r\n", 7);
        assert_int_equal(resp_reply_size(buffer_slice(&text)), reply.size);
        for (size_t size = 0; size < reply.size; size++) {
            assert_int_equal(resp_reply_size(slice_of(reply.data, size)), 0);
        }
        buffer_deinit(&text);
    }
}

static void test_skip__finds_no_end_of_what_is_no_reply(void **state)
{
    static const char *const texts[] = {
        "$x\r\n", "$99999999999999999999999\r\n", "*-2\r\n", "$1x\r\na\r\n", "\r\n", "*\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(resp_reply_size(slice_str(texts[i])), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skip__finds_the_end_of_each_kind_of_reply),
        cmocka_unit_test(test_skip__finds_no_end_of_what_is_no_reply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
