/* The table of all commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command/table.h"
#include "kv/subcommand.h"
#include "server/commands.h"

enum { NAME_BYTES = 32 };

static struct command_table table;

static uint32_t command_count(void)
{
    return table.count;
}

static const struct command *command_at(uint32_t i)
{
    return table.rows[i];
}

static int fill(void **state)
{
    commands_add_all(&table);
    return 0;
}

static void test_table__finds_each_command_in_any_case(void **state)
{
    assert_true(command_count() > 40);
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        char name[NAME_BYTES];
        size_t size = strlen(c->name);

        assert_true(size < sizeof name);
        assert_ptr_equal(command_find(&table, slice_str(c->name)), c);
        for (size_t j = 0; j <= size; j++) {
            name[j] = (char)tolower((unsigned char)c->name[j]);
        }
        assert_ptr_equal(command_find(&table, slice_of(name, size)), c);
        name[0] = (char)toupper((unsigned char)name[0]);
        assert_ptr_equal(command_find(&table, slice_of(name, size)), c);
    }
}

static void test_table__finds_nothing_that_is_not_there(void **state)
{
    assert_null(command_find(&table, slice_of(NULL, 0)));
    assert_null(command_find(&table, slice_str("GE")));
    assert_null(command_find(&table, slice_str("GETX")));
    assert_null(command_find(&table, slice_str("GET ")));
    assert_null(command_find(&table, slice_of("GET", 4))); /* With its zero byte. */
    assert_null(command_find(&table, slice_of("\0GET", 4)));
    assert_null(command_find(&table, slice_str("A_NAME_LONGER_THAN_ANY_COMMAND_HAS")));
    assert_null(command_find(&table, slice_str("\xff\xfe")));
}

/* More names than a byte has values, so some share places. */
static void test_table__holds_as_many_as_it_has_room_for(void **state)
{
    static struct command_table full;
    static struct command rows[COMMANDS_MAX + 1];
    static char names[COMMANDS_MAX][8];

    for (int i = 0; i < COMMANDS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "N%d", i * 7 % COMMANDS_MAX);
        rows[i].name = names[i];
    }
    command_table_add(&full, rows);
    assert_int_equal(full.count, COMMANDS_MAX);
    for (uint32_t i = 0; i < COMMANDS_MAX; i++) {
        assert_ptr_equal(command_find(&full, slice_str(names[i])), &rows[i]);
        assert_true(i == 0 || strcmp(full.rows[i - 1]->name, full.rows[i]->name) < 0);
    }
    assert_null(command_find(&full, slice_str("N256")));
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

static void test_table__shows_where_each_command_is_executed(void **state)
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

/* If only subcommands have keys: that of those. */
static int least_arguments(const struct command *c)
{
    const struct subcommand *s = c->subcommands;
    int arity = s != NULL && c->first_key > 0 ? s->arity : c->arity;

    return arity < 0 ? -arity : arity;
}

static void test_table__names_keys_that_the_arity_promises(void **state)
{
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        int count = least_arguments(c);

        if (c->first_key == 0) {
            assert_int_equal(c->last_key, 0);
            assert_int_equal(c->key_step, 0);
            continue;
        }
        /* Of a command with subcommands, the one that has keys has more arguments. */
        assert_true(c->first_key < count || c->subcommands != NULL ||
                    (c->flags & COMMAND_MAY_LACK_KEYS) != 0);
        assert_true(c->last_key < count || c->subcommands != NULL);
        assert_true(c->key_step > 0);
        assert_true(c->last_key >= c->first_key || c->last_key < 0);
        /* WATCH becomes a data command. */
        assert_true((c->flags & COMMAND_LOCAL) == 0 || strcmp(c->name, "WATCH") == 0);
    }
}

static void test_table__has_help_for_each_command(void **state)
{
    static const char *const groups[] = {
        "string",       "generic", "server", "connection", "bitmap",   "raft",  "cluster",
        "transactions", "hash",    "pubsub", "scripting",  "sentinel", "stream"};

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

/* "key [key ...]" is at least one argument, "[NX | XX]" may be none. */
static void test_table__shows_as_many_arguments_as_the_arity_asks_for(void **state)
{
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        int least = (c->arity < 0 ? -c->arity : c->arity) - 1;
        int words = 0;
        int depth = 0;

        if (c->subcommands != NULL) {
            continue;
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
        cmocka_unit_test(test_table__finds_each_command_in_any_case),
        cmocka_unit_test(test_table__finds_nothing_that_is_not_there),
        cmocka_unit_test(test_table__holds_as_many_as_it_has_room_for),
        cmocka_unit_test(test_table__is_sorted_by_unique_upper_case_names),
        cmocka_unit_test(test_table__shows_where_each_command_is_executed),
        cmocka_unit_test(test_table__names_keys_that_the_arity_promises),
        cmocka_unit_test(test_table__has_help_for_each_command),
        cmocka_unit_test(test_table__shows_as_many_arguments_as_the_arity_asks_for),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
