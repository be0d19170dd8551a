/* Which commands the door takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/rpc.h"

static bool is_barred(const char *json)
{
    struct json_words command = {.count = 0};
    struct json_words arguments = {.count = 0};
    struct json_member members[] = {{.name = "command", .into = &command},
                                    {.name = "args", .is_list = true, .into = &arguments}};
    bool is;

    assert_null(json_read(slice_str(json), members, 2));
    is = rpc_bars(&command, &arguments) != NULL;
    json_words_deinit(&command);
    json_words_deinit(&arguments);
    return is;
}

static void test_rpc__bars_commands_about_the_connection(void **state)
{
    assert_true(is_barred("{\"command\":\"subscribe\",\"args\":[\"a\"]}"));
    assert_true(is_barred("{\"command\":\"MULTI\"}"));
    assert_true(is_barred("{\"command\":\"client\",\"args\":[\"reply\",\"off\"]}"));
    assert_true(is_barred("{\"command\":\"auth\",\"args\":[\"a\",\"b\"]}"));
    assert_false(is_barred("{\"command\":\"client\",\"args\":[\"list\"]}"));
    assert_false(is_barred("{\"command\":\"get\",\"args\":[\"multi\"]}"));
    assert_false(is_barred("{\"args\":[\"multi\"]}"));
}

static void test_rpc__hands_out_no_key_of_the_cluster(void **state)
{
    assert_true(is_barred("{\"command\":\"Raft\",\"args\":[\"Key\"]}"));
    assert_false(is_barred("{\"command\":\"raft\",\"args\":[\"status\"]}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rpc__bars_commands_about_the_connection),
        cmocka_unit_test(test_rpc__hands_out_no_key_of_the_cluster),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
