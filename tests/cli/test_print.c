/* Replies as text: for a person, and for a program. */
#include "given.h"

#include "cli/print.h"

static void assert_printed(redisReply *reply, const struct style *style, const char *expected)
{
    struct buffer out = {0};

    print_reply(&out, reply, style);
    freeReplyObject(reply);
    assert_text(&out, expected);
}

static void test_print__a_person_sees_the_types(void **state)
{
    assert_printed(GIVEN("+OK\r\n"), &terminal, "OK\n");
    assert_printed(GIVEN(":-3\r\n"), &terminal, "(integer) -3\n");
    assert_printed(GIVEN("$5\r\nhello\r\n"), &terminal, "\"hello\"\n");
    assert_printed(GIVEN("$0\r\n\r\n"), &terminal, "\"\"\n");
    assert_printed(GIVEN("$-1\r\n"), &terminal, "(nil)\n");
    assert_printed(GIVEN("*0\r\n"), &terminal, "(empty array)\n");
    assert_printed(GIVEN("-ERR no\r\n"), &terminal, "(error) ERR no\n");
}

static void test_print__a_program_sees_the_bare_bytes(void **state)
{
    assert_printed(GIVEN("+OK\r\n"), &plain_pipe, "OK\n");
    assert_printed(GIVEN(":3\r\n"), &plain_pipe, "3\n");
    assert_printed(GIVEN("$-1\r\n"), &plain_pipe, "\n");
    assert_printed(GIVEN("*0\r\n"), &plain_pipe, "\n");
    assert_printed(GIVEN("-ERR no\r\n"), &plain_pipe, "ERR no\n");
    assert_printed(GIVEN("*2\r\n*2\r\n:1\r\n:2\r\n$1\r\na\r\n"), &plain_pipe, "1\n2\na\n");
}

static void test_print__bytes_pass_a_pipe_unchanged(void **state)
{
    redisReply *reply = GIVEN("$6\r\n\0\xff\r\n\"\x1b\r\n");
    struct buffer out = {0};

    print_reply(&out, reply, &plain_pipe);
    assert_true(slice_equal(buffer_slice(&out), slice_of("\0\xff\r\n\"\x1b\n", 7)));
    freeReplyObject(reply);
    buffer_deinit(&out);
}

static void test_print__bytes_are_escaped_for_a_person(void **state)
{
    assert_printed(GIVEN("$14\r\n\0\xff\r\n\t\a\b\"\\\x1b[1m~\r\n"), &terminal,
                   "\"\\x00\\xff\\r\\n\\t\\a\\b\\\"\\\\\\x1b[1m~\"\n");
}

static void test_print__errors_can_not_control_the_terminal(void **state)
{
    assert_printed(GIVEN("-ERR \x1b[2J\x7f\r\n"), &terminal, "(error) ERR \\x1b[2J\\x7f\n");
}

static void test_print__arrays_are_numbered_and_indented(void **state)
{
    assert_printed(GIVEN("*3\r\n$1\r\na\r\n*2\r\n:1\r\n*2\r\n-ERR x\r\n$-1\r\n+fine\r\n"),
                   &terminal,
                   "1) \"a\"\n"
                   "2) 1) (integer) 1\n"
                   "   2) 1) (error) ERR x\n"
                   "      2) (nil)\n"
                   "3) fine\n");
}

static void test_print__numbers_of_long_arrays_stand_below_each_other(void **state)
{
    assert_printed(GIVEN("*10\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n"
                         "*2\r\n:10\r\n:11\r\n"),
                   &terminal,
                   " 1) (integer) 1\n 2) (integer) 2\n 3) (integer) 3\n 4) (integer) 4\n"
                   " 5) (integer) 5\n 6) (integer) 6\n 7) (integer) 7\n 8) (integer) 8\n"
                   " 9) (integer) 9\n10) 1) (integer) 10\n    2) (integer) 11\n");
}

static void test_print__colours_only_if_they_are_wanted(void **state)
{
    assert_printed(GIVEN("-ERR no\r\n"), &colourful, "\x1b[31m(error) ERR no\x1b[0m\n");
    assert_printed(GIVEN("$2\r\nno\r\n"), &colourful, "\"no\"\n");
}

static void test_print__texts_keep_their_lines(void **state)
{
    struct buffer out = {0};

    print_text(&out, slice_str("# Server\r\nversion:1\r\nname:\x1b[1m\r\n"));
    assert_text(&out, "# Server\nversion:1\nname:\\x1b[1m\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_print__a_person_sees_the_types),
        TEST(test_print__a_program_sees_the_bare_bytes),
        TEST(test_print__bytes_pass_a_pipe_unchanged),
        TEST(test_print__bytes_are_escaped_for_a_person),
        TEST(test_print__errors_can_not_control_the_terminal),
        TEST(test_print__arrays_are_numbered_and_indented),
        TEST(test_print__numbers_of_long_arrays_stand_below_each_other),
        TEST(test_print__colours_only_if_they_are_wanted),
        TEST(test_print__texts_keep_their_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
