/* Lines into words, by the quoting rules of redis-cli. */
#include "given.h"

#include "cli/words.h"

/* The words joined by bars, or "!" where the line is refused. */
static void assert_words(const char *line, const char *expected)
{
    struct words w;
    struct buffer joined = {0};

    if (words_split(slice_str(line), &w) < 0) {
        assert_string_equal("!", expected);
        return;
    }
    for (uint32_t i = 0; i < w.count; i++) {
        buffer_append(&joined, "|", i == 0 ? 0 : 1);
        buffer_append_slice(&joined, w.word[i]);
    }
    words_deinit(&w);
    assert_text(&joined, expected);
}

static void test_words__are_split_at_blanks_of_any_kind(void **state)
{
    assert_words("set key value", "set|key|value");
    assert_words("  set\tkey  value \r\n", "set|key|value");
    assert_words("", "");
    assert_words(" \t ", "");
}

static void test_words__double_quotes_hold_blanks_and_escapes(void **state)
{
    assert_words("set \"a key\" \"\"", "set|a key|");
    assert_words("\"\\n\\r\\t\\a\\b\\\\\\\"\\q\"", "\n\r\t\a\b\\\"q");
    assert_words("\"\\x41\\x7a\"", "Az");
    assert_words("\"\\xg1\"", "xg1");
    assert_words("\"\\x4\"", "x4");
}

static void test_words__single_quotes_escape_nothing_but_themselves(void **state)
{
    assert_words("'a b' '\\n' 'it\\'s'", "a b|\\n|it's");
    assert_words("'\"'", "\"");
}

static void test_words__a_quote_may_open_inside_a_word(void **state)
{
    assert_words("key:\"a b\"", "key:a b");
}

static void test_words__a_closed_quote_ends_the_word(void **state)
{
    assert_words("\"a\"b", "!");
    assert_words("'a''b'", "!");
    assert_words("\"a\" b", "a|b");
}

static void test_words__an_open_quote_is_refused(void **state)
{
    assert_words("set \"a", "!");
    assert_words("set 'a", "!");
    assert_words("set \"a\\", "!");
    assert_words("set \"a\\\"", "!");
    assert_words("'a\\'", "!");
}

static void test_words__hold_any_byte(void **state)
{
    static const char line[] = "a\0b \"\\x00\\xff\"";
    struct words w;

    assert_int_equal(words_split(slice_of(line, sizeof line - 1), &w), 0);
    assert_int_equal(w.count, 2);
    assert_true(slice_equal(w.word[0], slice_of("a\0b", 3)));
    assert_true(slice_equal(w.word[1], slice_of("\0\xff", 2)));
    words_deinit(&w);
}

static void test_words__as_many_as_fit_the_line(void **state)
{
    struct words w;

    assert_int_equal(words_split(slice_str("a b c d e"), &w), 0);
    assert_int_equal(w.count, 5);
    words_deinit(&w);
}

static void test_words__arguments_are_taken_as_they_are(void **state)
{
    char set[] = "set", key[] = "a \"key\"", empty[] = "";
    char *arguments[] = {set, key, empty};
    struct words w;

    words_from_arguments(3, arguments, &w);
    assert_int_equal(w.count, 3);
    assert_true(slice_equal(w.word[1], slice_str("a \"key\"")));
    assert_int_equal(w.word[2].size, 0);
    words_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_words__are_split_at_blanks_of_any_kind),
        TEST(test_words__double_quotes_hold_blanks_and_escapes),
        TEST(test_words__single_quotes_escape_nothing_but_themselves),
        TEST(test_words__a_quote_may_open_inside_a_word),
        TEST(test_words__a_closed_quote_ends_the_word),
        TEST(test_words__an_open_quote_is_refused),
        TEST(test_words__hold_any_byte),
        TEST(test_words__as_many_as_fit_the_line),
        TEST(test_words__arguments_are_taken_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
