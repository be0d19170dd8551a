/* Lines into words, by the quoting rules of Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"
#include "base/split.h"

/* The words joined by bars, or "!" if the line is refused. */
static void assert_words(const char *line, const char *expected)
{
    char room[200];
    struct split s = {line, line + strlen(line), room};
    struct buffer joined = {0};
    struct slice word;
    enum split_result result;
    uint32_t count = 0;

    assert_true(strlen(line) <= sizeof room);
    while ((result = split_next(&s, &word)) == SPLIT_WORD) {
        buffer_append(&joined, "|", count++ == 0 ? 0 : 1);
        buffer_append_slice(&joined, word);
    }
    buffer_append(&joined, "", 1);
    assert_string_equal(result == SPLIT_QUOTES ? "!" : joined.data, expected);
    buffer_deinit(&joined);
}

static void test_split__words_are_split_at_blanks_of_any_kind(void **state)
{
    assert_words("set key value", "set|key|value");
    assert_words("  set\tkey  value \r\n", "set|key|value");
    assert_words("", "");
    assert_words(" \t ", "");
}

static void test_split__vertical_tab_and_form_feed_are_bytes_of_a_word(void **state)
{
    assert_words("echo a\vb a\fb", "echo|a\vb|a\fb");
    assert_words("\v \f", "\v|\f");
    assert_words("\"a\"\v", "!");
}

static void test_split__double_quotes_hold_blanks_and_escapes(void **state)
{
    assert_words("set \"a key\" \"\"", "set|a key|");
    assert_words("\"\\n\\r\\t\\a\\b\\\\\\\"\\q\"", "\n\r\t\a\b\\\"q");
    assert_words("\"\\x41\\x7a\"", "Az");
    assert_words("\"\\xg1\"", "xg1");
    assert_words("\"\\x4\"", "x4");
}

static void test_split__single_quotes_escape_nothing_but_themselves(void **state)
{
    assert_words("'a b' '\\n' 'it\\'s'", "a b|\\n|it's");
    assert_words("'\"'", "\"");
}

static void test_split__a_quote_may_open_inside_a_word(void **state)
{
    assert_words("key:\"a b\"", "key:a b");
}

static void test_split__a_closed_quote_ends_the_word(void **state)
{
    assert_words("\"a\"b", "!");
    assert_words("'a''b'", "!");
    assert_words("\"a\" b", "a|b");
}

static void test_split__an_open_quote_is_refused(void **state)
{
    assert_words("set \"a", "!");
    assert_words("set 'a", "!");
    assert_words("set \"a\\", "!");
    assert_words("set \"a\\\"", "!");
    assert_words("'a\\'", "!");
}

static void test_split__words_hold_any_byte(void **state)
{
    static const char line[] = "a\0b \"\\x00\\xff\"";
    char room[sizeof line];
    struct split s = {line, line + sizeof line - 1, room};
    struct slice word;

    assert_int_equal(split_next(&s, &word), SPLIT_WORD);
    assert_true(slice_equal(word, slice_of("a\0b", 3)));
    assert_int_equal(split_next(&s, &word), SPLIT_WORD);
    assert_true(slice_equal(word, slice_of("\0\xff", 2)));
    assert_int_equal(split_next(&s, &word), SPLIT_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split__words_are_split_at_blanks_of_any_kind),
        cmocka_unit_test(test_split__vertical_tab_and_form_feed_are_bytes_of_a_word),
        cmocka_unit_test(test_split__double_quotes_hold_blanks_and_escapes),
        cmocka_unit_test(test_split__single_quotes_escape_nothing_but_themselves),
        cmocka_unit_test(test_split__a_quote_may_open_inside_a_word),
        cmocka_unit_test(test_split__a_closed_quote_ends_the_word),
        cmocka_unit_test(test_split__an_open_quote_is_refused),
        cmocka_unit_test(test_split__words_hold_any_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
