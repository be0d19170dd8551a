/* Patterns of KEYS and SCAN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "base/prng.h"
#include "kv/glob.h"

static void expect(bool expected, const char *pattern, const char *text)
{
    if (glob_matches(slice_str(pattern), slice_str(text)) != expected) {
        fail_msg("'%s' and '%s'", pattern, text);
    }
}

static void test_glob__matches_stars(void **state)
{
    (void)state;
    expect(true, "*", "");
    expect(true, "*", "abc");
    expect(true, "a*", "a");
    expect(true, "a*c", "abbc");
    expect(true, "*b*", "abc");
    expect(true, "a**c", "ac");
    expect(true, "*a*a*", "baab");
    expect(true, "*ab", "aab");
    expect(true, "user:*:name", "user:1:2:name");
    expect(false, "a*", "ba");
    expect(false, "*a", "ab");
    expect(false, "*ab*ab", "ab");
    expect(false, "", "a");
    expect(true, "", "");
}

static void test_glob__matches_single_bytes(void **state)
{
    (void)state;
    expect(true, "a?c", "abc");
    expect(false, "a?c", "ac");
    expect(false, "?", "");
    expect(true, "\\*", "*");
    expect(false, "\\*", "a");
    expect(true, "a\\?", "a?");
    expect(true, "\\a", "a");
    expect(true, "a\\", "a\\");
    expect(true, "*\\*", "ab*");
    expect(true, "\xff?", "\xff\xfe");
}

static void test_glob__matches_classes(void **state)
{
    (void)state;
    expect(true, "h[ae]llo", "hallo");
    expect(true, "h[ae]llo", "hello");
    expect(false, "h[ae]llo", "hillo");
    expect(true, "h[^e]llo", "hallo");
    expect(false, "h[^e]llo", "hello");
    expect(true, "[a-c]", "b");
    expect(true, "[c-a]", "b");
    expect(false, "[a-c]", "d");
    expect(true, "[a-c0-9]x", "7x");
    expect(false, "[a-]", "-"); /* A range from a to ], and no end of the class. */
    expect(true, "[a-]", "^");
    expect(true, "[\\]]", "]");
    expect(true, "[\\-x]", "-");
    expect(true, "[^a-c]", "d");
    expect(false, "[]", "a");
    expect(true, "[^]", "a");
    expect(true, "[abc", "b");
    expect(false, "[abc", "d");
    expect(false, "[", "[");
    expect(true, "*[0-9]", "abc7");
}

/* What a pattern of *, ? and plain bytes means, in the simplest form. */
static bool plainly_matches(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*') {
        return plainly_matches(pattern + 1, text) ||
               (*text != '\0' && plainly_matches(pattern, text + 1));
    }
    return *text != '\0' && (*pattern == '?' || *pattern == *text) &&
           plainly_matches(pattern + 1, text + 1);
}

static void test_glob__agrees_with_the_plain_meaning(void **state)
{
    struct prng prng = {8};

    (void)state;
    for (int round = 0; round < 300000; round++) {
        char pattern[8] = "";
        char text[10] = "";
        size_t pattern_size = (size_t)prng_below(&prng, sizeof pattern);
        size_t text_size = (size_t)prng_below(&prng, sizeof text);

        for (size_t i = 0; i < pattern_size; i++) {
            pattern[i] = "**?aab"[prng_below(&prng, 6)];
        }
        for (size_t i = 0; i < text_size; i++) {
            text[i] = "aab"[prng_below(&prng, 3)];
        }
        expect(plainly_matches(pattern, text), pattern, text);
    }
}

/* For a matcher that tries every star again, this takes practically for ever. */
static void test_glob__takes_bounded_time(void **state)
{
    char pattern[2001];
    char text[4001];
    time_t began = time(NULL);

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        pattern[i] = i % 2 == 0 ? 'a' : '*';
    }
    pattern[1999] = 'b';
    memset(text, 'a', 4000);
    assert_false(glob_matches(slice_of(pattern, 2000), slice_of(text, 4000)));
    assert_true(time(NULL) - began < 5);
}

static void test_glob__looks_at_no_more_than_it_may(void **state)
{
    char pattern[1000];
    char text[4000];
    uint64_t left = 10000;

    (void)state;
    memset(pattern, 'a', sizeof pattern);
    pattern[0] = '*';
    pattern[sizeof pattern - 1] = 'b';
    memset(text, 'a', sizeof text);
    assert_false(
        glob_matches_within(slice_of(pattern, sizeof pattern), slice_of(text, sizeof text), &left));
    assert_int_equal(left, 0);

    /* A class costs what is read of it, even if it does not match. */
    memset(pattern + 1, 'x', sizeof pattern - 2);
    pattern[1] = '[';
    pattern[sizeof pattern - 1] = ']';
    left = 10000;
    assert_false(
        glob_matches_within(slice_of(pattern, sizeof pattern), slice_of(text, 100), &left));
    assert_int_equal(left, 0);

    left = 10000;
    assert_true(glob_matches_within(slice_str("*ab"), slice_str("aab"), &left));
    assert_true(left > 9900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob__matches_stars),
        cmocka_unit_test(test_glob__matches_single_bytes),
        cmocka_unit_test(test_glob__matches_classes),
        cmocka_unit_test(test_glob__agrees_with_the_plain_meaning),
        cmocka_unit_test(test_glob__takes_bounded_time),
        cmocka_unit_test(test_glob__looks_at_no_more_than_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
