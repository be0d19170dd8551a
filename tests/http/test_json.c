/* Replies as JSON, and JSON as words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/json.h"

static void becomes(const char *reply, const char *json)
{
    struct buffer out = {0};

    assert_true(json_put_reply(&out, slice_str(reply)));
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), json);
    buffer_deinit(&out);
}

static void test_json__has_each_kind_of_reply(void **state)
{
    becomes("+OK\r\n", "\"OK\"");
    becomes(":-12\r\n", "-12");
    becomes("$3\r\na\"\n\r\n", "\"a\\\"\\u000a\"");
    becomes("$-1\r\n", "null");
    becomes("_\r\n", "null");
    becomes("*-1\r\n", "null");
    becomes("#t\r\n", "true");
    becomes(",1.5\r\n", "1.5");
    becomes(",+1\r\n", "\"+1\"");
    becomes(",-inf\r\n", "\"-inf\"");
    becomes("=6\r\ntxt:ab\r\n", "\"ab\"");
    becomes("-ERR no\r\n", "{\"error\":\"ERR no\"}");
    becomes("*2\r\n:1\r\n~1\r\n+a\r\n", "[1,[\"a\"]]");
    becomes("%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*0\r\n", "{\"a\":1,\"b\":[]}");
}

static void test_json__has_bytes_in_base64(void **state)
{
    becomes("$2\r\n\xff\x01\r\n", "{\"base64\":\"/wE=\"}");
    becomes("$2\r\n\xc3\xa9\r\n", "\"\xc3\xa9\"");
    becomes("$3\r\n\xed\xa0\x80\r\n", "{\"base64\":\"7aCA\"}"); /* Half of a pair. */
    becomes("$2\r\n\xc0\x80\r\n", "{\"base64\":\"wIA=\"}");     /* Longer than need be. */
    becomes("$3\r\n\xef\xbf\xbf\r\n", "\"\\uffff\"");           /* XML can't have it. */
}

static void test_json__maps_whose_keys_are_no_texts_are_pairs(void **state)
{
    becomes("%1\r\n$1\r\n\xff\r\n:1\r\n", "[[{\"base64\":\"/w==\"},1]]");
    becomes("%1\r\n:5\r\n:1\r\n", "[[5,1]]");
    becomes("%1\r\n$6\r\nbase64\r\n$1\r\nx\r\n", "[[\"base64\",\"x\"]]");
}

static void test_json__depth_has_a_limit(void **state)
{
    struct buffer text = {0};
    struct buffer out = {0};

    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        buffer_printf(&text, "*1\r\n");
    }
    buffer_printf(&text, ":1\r\n");
    assert_true(json_put_reply(&out, buffer_slice(&text)));
    buffer_clear(&text);
    for (int i = 0; i <= JSON_DEPTH_MAX; i++) {
        buffer_printf(&text, "*1\r\n");
    }
    buffer_printf(&text, ":1\r\n");
    assert_false(json_put_reply(&out, buffer_slice(&text)));
    buffer_deinit(&text);
    buffer_deinit(&out);
}

static void test_json__cut_off_replies_are_noticed(void **state)
{
    const char *const replies[] = {"",      "+OK", "*2\r\n:1\r\n", "$5\r\nab\r\n", "%1\r\n+a\r\n",
                                   "*x\r\n"};
    struct buffer out = {0};

    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        assert_false(json_put_reply(&out, slice_str(replies[i])));
    }
    buffer_deinit(&out);
}

static void test_json__rows_get_names(void **state)
{
    const char *const columns[] = {"a", "b"};
    struct buffer out = {0};

    assert_true(
        json_put_rows(&out, slice_str("*2\r\n*2\r\n:1\r\n+x\r\n*2\r\n:2\r\n+y\r\n"), columns, 2));
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), "[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]");
    assert_false(json_put_rows(&out, slice_str("*1\r\n*1\r\n:1\r\n"), columns, 2));
    buffer_deinit(&out);
}

/* --- reading -------------------------------------------------------------------------------- */

struct call {
    struct json_words command;
    struct json_words arguments;
};

static const char *read(struct call *c, const char *text)
{
    struct json_member members[] = {{.name = "command", .into = &c->command},
                                    {.name = "args", .is_list = true, .into = &c->arguments}};

    *c = (struct call){.command = {.count = 0}};
    return json_read(slice_str(text), members, 2);
}

static void end(struct call *c)
{
    json_words_deinit(&c->command);
    json_words_deinit(&c->arguments);
}

static void test_json__words_are_read(void **state)
{
    struct call c;

    assert_null(read(&c, " { \"args\" : [ \"a\\u00e9\\ud83d\\ude00\\n\" , -1.5e+3, 0, "
                         "{\"base64\":\"/wE=\"}, \"\" ] , \"command\" : \"set\" } "));
    assert_int_equal(c.arguments.count, 5);
    assert_true(slice_equal(json_word(&c.command, 0), slice_str("set")));
    assert_true(slice_equal(json_word(&c.arguments, 0), slice_str("a\xc3\xa9\xf0\x9f\x98\x80\n")));
    assert_true(slice_equal(json_word(&c.arguments, 1), slice_str("-1.5e+3")));
    assert_true(slice_equal(json_word(&c.arguments, 2), slice_str("0")));
    assert_true(slice_equal(json_word(&c.arguments, 3), slice_str("\xff\x01")));
    assert_int_equal(json_word(&c.arguments, 4).size, 0);
    end(&c);
    assert_null(read(&c, "{}"));
    end(&c);
}

static void test_json__everything_else_is_refused(void **state)
{
    const char *const texts[] = {"",
                                 "[]",
                                 "{",
                                 "{}x",
                                 "{\"x\":1}",
                                 "{\"command\":\"a\",\"command\":\"b\"}",
                                 "{\"command\":[\"a\"]}",
                                 "{\"command\":true}",
                                 "{\"command\":null}",
                                 "{\"args\":\"a\"}",
                                 "{\"args\":[[\"a\"]]}",
                                 "{\"args\":[1,]}",
                                 "{\"args\":[1 2]}",
                                 "{\"command\":01}",
                                 "{\"command\":1.}",
                                 "{\"command\":-}",
                                 "{\"command\":\"\\x\"}",
                                 "{\"command\":\"\\ud800\"}",
                                 "{\"command\":\"\\udc00\"}",
                                 "{\"command\":\"a\nb\"}",
                                 "{\"command\":\"a",
                                 "{\"command\":{\"base64\":\"/w=\"}}",
                                 "{\"command\":{\"x\":\"\"}}",
                                 "{\"command\":\"\xff\"}",
                                 "{\"command\" \"a\"}",
                                 "{\"command\":\"a\",}"};
    struct call c;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_non_null(read(&c, texts[i]));
        end(&c);
    }
}

static void test_json__number_of_words_has_a_limit(void **state)
{
    struct buffer text = {0};
    struct call c;

    buffer_printf(&text, "{\"args\":[0");
    for (int i = 0; i < JSON_WORDS_MAX; i++) {
        buffer_printf(&text, ",0");
    }
    buffer_append(&text, "]}", 3);
    assert_non_null(read(&c, buffer_begin(&text)));
    end(&c);
    buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__has_each_kind_of_reply),
        cmocka_unit_test(test_json__has_bytes_in_base64),
        cmocka_unit_test(test_json__maps_whose_keys_are_no_texts_are_pairs),
        cmocka_unit_test(test_json__depth_has_a_limit),
        cmocka_unit_test(test_json__cut_off_replies_are_noticed),
        cmocka_unit_test(test_json__rows_get_names),
        cmocka_unit_test(test_json__words_are_read),
        cmocka_unit_test(test_json__everything_else_is_refused),
        cmocka_unit_test(test_json__number_of_words_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
