/* The words of a command; how a line is split is tested with base/split. */
#include "given.h"

#include "cli/words.h"

static void test_words__as_many_as_fit_the_line(void **state)
{
    struct words w;

    assert_int_equal(words_split(slice_str("a b c d e"), &w), 0);
    assert_int_equal(w.count, 5);
    words_deinit(&w);
}

static void test_words__refuse_an_open_quote(void **state)
{
    struct words w;

    assert_int_equal(words_split(slice_str("a 'b"), &w), WORDS_EQUOTES);
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
        TEST(test_words__as_many_as_fit_the_line),
        TEST(test_words__refuse_an_open_quote),
        TEST(test_words__arguments_are_taken_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
