/* The one table of all commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command/table.h"

enum { NAME_BYTES = 32 };

/* Whether all names have places of their own with that seed. */
static bool place_all(uint32_t seed, uint8_t places[COMMAND_INDEX_SIZE])
{
    memset(places, 0, COMMAND_INDEX_SIZE);
    for (uint32_t i = 0; i < command_count(); i++) {
        uint32_t place = command_name_hash(slice_str(command_at(i)->name), seed);

        if (places[place] != 0) {
            return false;
        }
        places[place] = (uint8_t)(i + 1);
    }
    return true;
}

static void test_table__has_an_index_that_fits(void **state)
{
    uint8_t places[COMMAND_INDEX_SIZE];
    uint32_t seed = COMMAND_HASH_SEED;
    bool fits = true;

    for (uint32_t i = 0; i < command_count(); i++) {
        fits = fits && command_find(slice_str(command_at(i)->name)) == command_at(i);
    }
    if (fits) {
        return;
    }
    while (!place_all(seed, places)) {
        seed++;
    }
    print_message("COMMAND_HASH_SEED = %u in table.h, and in table.c:\n", seed);
    for (uint32_t i = 0; i < COMMAND_INDEX_SIZE; i++) {
        if (places[i] != 0) {
            print_message("[%u] = %u, ", i, places[i]);
        }
    }
    print_message("\n");
    fail();
}

static void test_table__finds_each_command_in_any_case(void **state)
{
    assert_true(command_count() > 40);
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        char name[NAME_BYTES];
        size_t size = strlen(c->name);

        assert_true(size < sizeof name);
        assert_ptr_equal(command_find(slice_str(c->name)), c);
        for (size_t j = 0; j <= size; j++) {
            name[j] = (char)tolower((unsigned char)c->name[j]);
        }
        assert_ptr_equal(command_find(slice_of(name, size)), c);
        name[0] = (char)toupper((unsigned char)name[0]);
        assert_ptr_equal(command_find(slice_of(name, size)), c);
    }
    assert_null(command_at(command_count()));
}

static void test_table__finds_nothing_that_is_not_there(void **state)
{
    assert_null(command_find(slice_of(NULL, 0)));
    assert_null(command_find(slice_str("GE")));
    assert_null(command_find(slice_str("GETX")));
    assert_null(command_find(slice_str("GET ")));
    assert_null(command_find(slice_of("GET", 4))); /* With its zero byte. */
    assert_null(command_find(slice_of("\0GET", 4)));
    assert_null(command_find(slice_str("A_NAME_LONGER_THAN_ANY_COMMAND_HAS")));
    assert_null(command_find(slice_str("\xff\xfe")));
}

static void test_table__is_sorted_by_unique_upper_case_names(void **state)
{
    for (uint32_t i = 0; i < command_count(); i++) {
        const char *name = command_at(i)->name;

        for (const char *c = name; *c != '\0'; c++) {
            assert_true(isupper((unsigned char)*c) || *c == '_');
        }
        if (i > 0) {
            assert_true(strcmp(command_at(i - 1)->name, name) < 0);
        }
    }
}

static void test_table__says_of_each_command_who_runs_it(void **state)
{
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        uint32_t place = c->flags & (COMMAND_WRITE | COMMAND_READ | COMMAND_LOCAL);

        assert_non_null(c->handler);
        assert_true(place == COMMAND_WRITE || place == COMMAND_READ || place == COMMAND_LOCAL);
        assert_true(!(c->flags & COMMAND_ASYNC) || place == COMMAND_LOCAL);
        assert_true(!(c->flags & COMMAND_DENY_OOM) || place == COMMAND_WRITE);
        assert_int_not_equal(c->arity, 0);
    }
}

static void test_table__names_keys_that_the_arity_promises(void **state)
{
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        int count = c->arity < 0 ? -c->arity : c->arity;

        if (c->first_key == 0) {
            assert_int_equal(c->last_key, 0);
            assert_int_equal(c->key_step, 0);
            continue;
        }
        assert_true(c->first_key < count);
        assert_true(c->last_key < count);
        assert_true(c->key_step > 0);
        assert_true(c->last_key >= c->first_key || c->last_key < 0);
        assert_false(c->flags & COMMAND_LOCAL);
    }
}

static void test_table__has_help_for_each_command(void **state)
{
    static const char *const groups[] = {"string", "generic", "server",      "connection",
                                         "raft",   "cluster", "transactions"};

    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        int major = -1;
        int minor = -1;
        int patch = -1;
        bool has_group = false;

        assert_non_null(c->arguments);
        assert_true(c->summary[0] != '\0');
        assert_int_equal(c->summary[strlen(c->summary) - 1], '.');
        assert_int_equal(sscanf(c->since, "%d.%d.%d", &major, &minor, &patch), 3);
        for (size_t j = 0; j < sizeof groups / sizeof groups[0]; j++) {
            has_group = has_group || strcmp(groups[j], c->group) == 0;
        }
        assert_true(has_group);
    }
}

/* "key [key ...]" is at least one argument, "[NX | XX]" none. */
static void test_table__shows_as_many_arguments_as_the_arity_asks_for(void **state)
{
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        int least = (c->arity < 0 ? -c->arity : c->arity) - 1;
        int words = 0;
        int depth = 0;

        if (strchr(c->arguments, '|') != NULL && c->arguments[0] != '[' && least < 2) {
            continue; /* A family of subcommands. */
        }
        for (const char *p = c->arguments; *p != '\0'; p++) {
            if (*p == '[') {
                depth++;
            } else if (*p == ']') {
                depth--;
            } else if (depth == 0 && *p != ' ' && (p == c->arguments || p[-1] == ' ')) {
                words++;
            }
        }
        assert_int_equal(depth, 0);
        assert_int_equal(words, least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table__has_an_index_that_fits),
        cmocka_unit_test(test_table__finds_each_command_in_any_case),
        cmocka_unit_test(test_table__finds_nothing_that_is_not_there),
        cmocka_unit_test(test_table__is_sorted_by_unique_upper_case_names),
        cmocka_unit_test(test_table__says_of_each_command_who_runs_it),
        cmocka_unit_test(test_table__names_keys_that_the_arity_promises),
        cmocka_unit_test(test_table__has_help_for_each_command),
        cmocka_unit_test(test_table__shows_as_many_arguments_as_the_arity_asks_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
