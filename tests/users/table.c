#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/commands.h"

const struct command_table *table(void)
{
    static struct command_table all;

    if (all.count == 0) {
        commands_add_all(&all);
    }
    return &all;
}

struct rule_words table_words(void)
{
    return (struct rule_words){.commands = table(), .level = UINT32_MAX};
}

uint32_t table_split(const char *line, struct slice words[WORDS_MAX])
{
    uint32_t count = 0;

    while (*line != '\0') {
        size_t size = strcspn(line, " ");

        assert_true(count < WORDS_MAX);
        words[count++] = slice_of(line, size);
        line += size + (line[size] == ' ');
    }
    return count;
}

void table_make_user(struct user *user, const char *rules)
{
    struct slice words[WORDS_MAX];
    struct rule_words with = table_words();
    struct buffer errors = {0};
    struct resp_writer reply = {.out = &errors, .version = 2};

    user_init(user);
    user->name = slice_str("bob");
    assert_true(user_apply(user, &with, table_split(rules, words), words, &reply));
}
