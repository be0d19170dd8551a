/* The command line of rakit-log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "inspect/options.h"

enum { WORDS_MAX = 12 };

struct given {
    char line[256];
    struct inspect_options options;
    char text[256];
};

static enum inspect_parsed parse(struct given *g, const char *line)
{
    char program[] = "rakit-log";
    char *argv[WORDS_MAX + 1] = {program};
    int argc = 1;

    *g = (struct given){0};
    strncpy(g->line, line, sizeof g->line - 1);
    for (char *rest = g->line, *word; (word = strsep(&rest, " ")) != NULL && argc < WORDS_MAX;) {
        argv[argc++] = word;
    }
    return inspect_parse(argc, argv, &g->options, g->text, sizeof g->text);
}

static void check_wrong(const char *line, const char *word)
{
    struct given g;

    assert_int_equal(parse(&g, line), INSPECT_WRONG);
    assert_non_null(strstr(g.text, word));
}

static void test_options__a_directory_is_enough(void **state)
{
    struct given g;

    assert_int_equal(parse(&g, "data"), INSPECT_RUN);
    assert_string_equal(g.options.dir, "data");
    assert_int_equal(g.options.from, 1);
    assert_true(g.options.to == UINT64_MAX);
    assert_int_equal(g.options.entry, 0);
    assert_null(g.options.key);
    assert_true(g.options.wants_colour);
}

static void test_options__stand_before_the_directory_and_behind_it(void **state)
{
    struct given g;

    assert_int_equal(parse(&g, "--from 5 data --to 7 --key a* --json --no-color"), INSPECT_RUN);
    assert_int_equal(g.options.from, 5);
    assert_int_equal(g.options.to, 7);
    assert_string_equal(g.options.key, "a*");
    assert_true(g.options.is_json);
    assert_false(g.options.wants_colour);
    assert_int_equal(parse(&g, "data --entry 9"), INSPECT_RUN);
    assert_int_equal(g.options.entry, 9);
    assert_int_equal(parse(&g, "--verify data"), INSPECT_RUN);
    assert_true(g.options.is_verdict_only);
    assert_int_equal(parse(&g, "--help"), INSPECT_HELP);
    assert_int_equal(parse(&g, "--version"), INSPECT_VERSION);
}

static void test_options__refuse_what_makes_no_sense(void **state)
{
    check_wrong("--verify", "name the data directory");
    check_wrong("a b", "one directory");
    check_wrong("--from 0 data", "--from takes the index");
    check_wrong("--to -1 data", "--to takes the index");
    check_wrong("--entry 18446744073709551616 data", "--entry takes the index");
    check_wrong("--from 3 --to 2 data", "--from must not be higher");
    check_wrong("--entry 3 --to 5 data", "--entry shows one entry");
    check_wrong("--verify --key x data", "--verify shows no entries");
    check_wrong("data --from", "--from needs a value");
    check_wrong("data --what", "no option --what");
}

static void test_options__help_names_each(void **state)
{
    static const char *const names[] = {"--from",   "--to",       "--entry", "--key",    "--json",
                                        "--verify", "--no-color", "--help",  "--version"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_non_null(strstr(inspect_help(), names[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options__a_directory_is_enough),
        cmocka_unit_test(test_options__stand_before_the_directory_and_behind_it),
        cmocka_unit_test(test_options__refuse_what_makes_no_sense),
        cmocka_unit_test(test_options__help_names_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
