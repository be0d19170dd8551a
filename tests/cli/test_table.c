/* Tables: as wide as needed, the same number of words in each row. */
#include "given.h"

#include <locale.h>

#include "cli/table.h"

static const struct table_column columns[] = {
    {"NAME", TABLE_LEFT, false},
    {"SIZE", TABLE_RIGHT, true},
    {"NOTE", TABLE_LEFT, false},
};

static void fill(struct table *t)
{
    table_init(t, columns, 3);
    table_add(t, PLAIN, slice_str("a"));
    table_add_number(t, PLAIN, 12345);
    table_add(t, GREEN, slice_str("ok"));
    table_add(t, PLAIN, slice_str("longer"));
    table_add_number(t, PLAIN, -1);
    table_add(t, PLAIN, slice_str(""));
}

static void assert_drawn(struct table *t, const struct style *style, const char *expected)
{
    struct buffer out = {0};

    table_draw(t, style, &out);
    table_deinit(t);
    assert_text(&out, expected);
}

static void test_table__columns_are_as_wide_as_their_widest_cell(void **state)
{
    struct table t;

    fill(&t);
    assert_drawn(&t, &plain_pipe,
                 "NAME     SIZE  NOTE\n"
                 "a       12345  ok\n"
                 "longer     -1  -\n");
}

static void test_table__a_person_sees_a_line_below_the_titles(void **state)
{
    struct table t;

    fill(&t);
    assert_drawn(&t, &terminal,
                 "NAME     SIZE  NOTE\n"
                 "------  -----  ----\n"
                 "a       12345  ok\n"
                 "longer     -1  -\n");
}

static void test_table__drops_optional_columns_if_it_is_narrow(void **state)
{
    static const struct style fits = {.terminal = true, .columns = 19};
    static const struct style narrow = {.terminal = true, .columns = 18};
    static const struct style hopeless = {.terminal = true, .columns = 3};
    static const char small[] = "NAME    NOTE\n"
                                "------  ----\n"
                                "a       ok\n"
                                "longer  -\n";
    struct table t;

    fill(&t);
    assert_drawn(&t, &fits,
                 "NAME     SIZE  NOTE\n"
                 "------  -----  ----\n"
                 "a       12345  ok\n"
                 "longer     -1  -\n");
    fill(&t);
    assert_drawn(&t, &narrow, small);
    fill(&t);
    assert_drawn(&t, &hopeless, small);
}

static void test_table__the_line_is_no_wider_than_the_terminal(void **state)
{
    static const struct style narrow = {.terminal = true, .columns = 12};
    static const struct style tiny = {.terminal = true, .columns = 4};
    static const char note[] = "a note that takes two rows";
    struct table t;

    table_init(&t, columns, 3);
    table_add(&t, PLAIN, slice_str("a"));
    table_add_number(&t, PLAIN, 1);
    table_add(&t, PLAIN, slice_str(note));
    assert_drawn(&t, &narrow,
                 "NAME  NOTE\n"
                 "----  ------\n"
                 "a     a note that takes two rows\n");
    table_init(&t, columns, 3);
    table_add(&t, PLAIN, slice_str("a"));
    table_add_number(&t, PLAIN, 1);
    table_add(&t, PLAIN, slice_str(note));
    assert_drawn(&t, &tiny,
                 "NAME  NOTE\n"
                 "----  ----\n"
                 "a     a note that takes two rows\n");
}

static void test_table__colours_take_no_room(void **state)
{
    struct table t;

    table_init(&t, columns, 3);
    table_add(&t, RED, slice_str("x"));
    table_add_number(&t, PLAIN, 1);
    table_add(&t, PLAIN, slice_str("y"));
    assert_drawn(&t, &colourful,
                 "\x1b[1mNAME\x1b[0m  \x1b[1mSIZE\x1b[0m  \x1b[1mNOTE\x1b[0m\n"
                 "\x1b[2m----  ----  ----\x1b[0m\n"
                 "\x1b[31mx\x1b[0m        1  y\n");
}

static void test_table__without_rows_shows_its_titles(void **state)
{
    struct table t;

    table_init(&t, columns, 3);
    assert_drawn(&t, &plain_pipe, "NAME  SIZE  NOTE\n");
}

static void test_table__wide_characters_count_by_their_columns(void **state)
{
    struct table t;

    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    table_init(&t, columns, 2);
    table_add(&t, PLAIN, slice_str("h\u00e4user"));
    table_add_number(&t, PLAIN, 1);
    table_add(&t, PLAIN, slice_str("broken\xff"));
    table_add_number(&t, PLAIN, 2);
    assert_drawn(&t, &plain_pipe,
                 "NAME     SIZE\n"
                 "h\u00e4user      1\n"
                 "broken\xff     2\n");
}

static void test_table__holds_many_rows(void **state)
{
    struct table t;
    struct buffer out = {0};

    table_init(&t, columns, 1);
    for (int i = 0; i < 1000; i++) {
        table_add_number(&t, PLAIN, i);
    }
    table_draw(&t, &plain_pipe, &out);
    assert_int_equal(buffer_size(&out), 5 + 10 * 2 + 90 * 3 + 900 * 4);
    table_deinit(&t);
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_table__columns_are_as_wide_as_their_widest_cell),
        TEST(test_table__a_person_sees_a_line_below_the_titles),
        TEST(test_table__drops_optional_columns_if_it_is_narrow),
        TEST(test_table__the_line_is_no_wider_than_the_terminal),
        TEST(test_table__colours_take_no_room),
        TEST(test_table__without_rows_shows_its_titles),
        TEST(test_table__wide_characters_count_by_their_columns),
        TEST(test_table__holds_many_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
