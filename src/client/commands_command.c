/* commands_command.c - COMMAND: the table of all commands, as clients read it. */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "client/client.h"
#include "client/commands.h"
#include "command/categories.h"
#include "command/docs.h"
#include "command/table.h"
#include "kv/glob.h"
#include "kv/subcommand.h"
#include "resp/errors.h"

static const struct command_table *table_of(const struct command_call *call)
{
    return call_clients(call)->options.commands;
}

static char lower(char letter)
{
    return (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

static bool is_public(const struct command *command)
{
    return (command->flags & COMMAND_INTERNAL) == 0;
}

static uint32_t count_public(const struct command_table *table)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < table->count; i++) {
        count += is_public(table->rows[i]);
    }
    return count;
}

static void reply_name(struct resp_writer *w, const struct command *command)
{
    char name[32];
    size_t size = strlen(command->name);

    for (size_t i = 0; i < size && i < sizeof name; i++) {
        name[i] = lower(command->name[i]);
    }
    resp_bulk(w, slice_of(name, size < sizeof name ? size : sizeof name));
}

/* --- COMMAND, COMMAND INFO ---------------------------------------------------------------- */

static const struct flag_name {
    uint32_t flag;
    const char *name;
} flag_names[] = {
    {COMMAND_WRITE, "write"},        {COMMAND_READ, "readonly"},
    {COMMAND_DENY_OOM, "denyoom"},   {COMMAND_ADMIN, "admin"},
    {COMMAND_FAST, "fast"},          {COMMAND_LOADING, "loading"},
    {COMMAND_NO_SCRIPT, "noscript"}, {COMMAND_MAY_LACK_KEYS, "no_mandatory_keys"},
    {COMMAND_NO_LOGIN, "no_auth"},
};

enum { FLAG_NAME_COUNT = sizeof flag_names / sizeof flag_names[0] };

static void reply_flags(struct resp_writer *w, const struct command *command)
{
    bool has_movable_keys = command->key_count_at > 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < FLAG_NAME_COUNT; i++) {
        count += (command->flags & flag_names[i].flag) != 0 ? 1 : 0;
    }
    resp_set(w, count + has_movable_keys);
    for (uint32_t i = 0; i < FLAG_NAME_COUNT; i++) {
        if (command->flags & flag_names[i].flag) {
            resp_simple(w, flag_names[i].name);
        }
    }
    if (has_movable_keys) {
        resp_simple(w, "movablekeys");
    }
}

static void reply_categories(struct resp_writer *w, const struct command *command,
                             const struct subcommand *subcommand)
{
    uint32_t categories = command_categories(command, subcommand);

    resp_set(w, (uint64_t)__builtin_popcount(categories));
    for (unsigned i = 0; i < CATEGORY_COUNT; i++) {
        char name[32];

        if ((categories & 1u << i) != 0) {
            snprintf(name, sizeof name, "@%s", category_name(i));
            resp_simple(w, name);
        }
    }
}

static void reply_key_flags(struct resp_writer *w, const struct command *command)
{
    bool is_write = (command->flags & COMMAND_WRITE) != 0;

    bool may_do_both = is_write && (command->flags & COMMAND_MAY_LACK_KEYS) != 0; /* A script. */

    resp_set(w, may_do_both ? 3 : 2);
    resp_simple(w, is_write ? "RW" : "RO");
    if (!is_write || may_do_both) {
        resp_simple(w, "access");
    }
    if (is_write) {
        resp_simple(w, "update");
    }
}

static void reply_counted_keys(struct resp_writer *w, const struct command *command)
{
    resp_bulk_text(w, "keynum");
    resp_bulk_text(w, "spec");
    resp_map(w, 3);
    resp_bulk_text(w, "keynumidx");
    resp_integer(w, 0);
    resp_bulk_text(w, "firstkey");
    resp_integer(w, command->first_key - command->key_count_at);
    resp_bulk_text(w, "keystep");
    resp_integer(w, command->key_step);
}

static void reply_key_range(struct resp_writer *w, const struct command *command)
{
    resp_bulk_text(w, "range");
    resp_bulk_text(w, "spec");
    resp_map(w, 3);
    resp_bulk_text(w, "lastkey");
    resp_integer(w, command->last_key < 0 ? command->last_key
                                          : command->last_key - command->first_key);
    resp_bulk_text(w, "keystep");
    resp_integer(w, command->key_step);
    resp_bulk_text(w, "limit");
    resp_integer(w, 0);
}

/* The positions of keys in Redis's newer format, which counts them from the first key; the older
 * fields count from the name. */
static void reply_key_specs(struct resp_writer *w, const struct command *command)
{
    if (command->first_key == 0) {
        resp_array(w, 0);
        return;
    }
    resp_array(w, 1);
    resp_map(w, 3);
    resp_bulk_text(w, "flags");
    reply_key_flags(w, command);
    resp_bulk_text(w, "begin_search");
    resp_map(w, 2);
    resp_bulk_text(w, "type");
    resp_bulk_text(w, "index");
    resp_bulk_text(w, "spec");
    resp_map(w, 1);
    resp_bulk_text(w, "index");
    resp_integer(w, command->key_count_at > 0 ? command->key_count_at : command->first_key);
    resp_bulk_text(w, "find_keys");
    resp_map(w, 2);
    resp_bulk_text(w, "type");
    if (command->key_count_at > 0) {
        reply_counted_keys(w, command);
    } else {
        reply_key_range(w, command);
    }
}

static void reply_subcommands(struct resp_writer *w, const struct command *command)
{
    const struct subcommand *family = command->subcommands;

    resp_array(w, family == NULL ? 0 : subcommand_count(family));
    for (const struct subcommand *s = family; s != NULL && s->name != NULL; s++) {
        struct slice words[] = {slice_str(command->name), slice_str(s->name)};
        const struct command *row = command_for(command, 2, words);

        resp_array(w, 10);
        subcommand_reply_name(w, command, s);
        resp_integer(w, s->arity);
        reply_flags(w, row);
        resp_integer(w, 0);
        resp_integer(w, 0);
        resp_integer(w, 0);
        reply_categories(w, command, s);
        resp_array(w, 0);
        resp_array(w, 0);
        resp_array(w, 0);
    }
}

static void reply_info(struct resp_writer *w, const struct command *command)
{
    bool has_fixed_keys = command->key_count_at == 0;

    resp_array(w, 10);
    reply_name(w, command);
    resp_integer(w, command->arity);
    reply_flags(w, command);
    resp_integer(w, has_fixed_keys ? command->first_key : 0);
    resp_integer(w, has_fixed_keys ? command->last_key : 0);
    resp_integer(w, has_fixed_keys ? command->key_step : 0);
    reply_categories(w, command, NULL);
    resp_array(w, 0); /* Tips. */
    reply_key_specs(w, command);
    reply_subcommands(w, command);
}

static void command_info(struct command_call *call)
{
    const struct command_table *table = table_of(call);
    bool wants_all = call->argument_count <= 2;

    resp_array(call->reply, wants_all ? count_public(table) : call->argument_count - 2);
    for (uint32_t i = 0; wants_all && i < table->count; i++) {
        if (is_public(table->rows[i])) {
            reply_info(call->reply, table->rows[i]);
        }
    }
    for (uint32_t i = 2; i < call->argument_count; i++) {
        const struct command *command = command_find_public(table, call->arguments[i]);

        if (command != NULL) {
            reply_info(call->reply, command);
        } else {
            resp_null_array(call->reply);
        }
    }
}

/* --- COMMAND COUNT, LIST --------------------------------------------------------------------- */

static void command_count_reply(struct command_call *call)
{
    resp_integer(call->reply, count_public(table_of(call)));
}

static bool has_category(const struct command *command, struct slice category)
{
    return (command_categories(command, NULL) & category_named(category)) != 0;
}

static bool matches_pattern(const struct command *command, struct slice pattern)
{
    char name[32];
    char wanted[64];
    size_t size = strlen(command->name);

    if (pattern.size > sizeof wanted || size > sizeof name) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        name[i] = lower(command->name[i]);
    }
    for (size_t i = 0; i < pattern.size; i++) {
        wanted[i] = lower(pattern.data[i]);
    }
    return glob_matches(slice_of(wanted, pattern.size), slice_of(name, size));
}

static void command_list(struct command_call *call)
{
    const struct command_table *table = table_of(call);
    bool filters = call->argument_count > 2;
    bool by_category = false;
    struct buffer names = {0};
    struct resp_writer w = {.out = &names, .version = call->reply->version};
    uint64_t count = 0;

    if (filters) {
        struct slice what = call->argument_count == 5 ? call->arguments[3] : slice_of(NULL, 0);

        by_category = slice_is(what, "ACLCAT");
        if (call->argument_count != 5 || !slice_is(call->arguments[2], "FILTERBY") ||
            (!by_category && !slice_is(what, "PATTERN"))) {
            resp_error(call->reply, ERROR_SYNTAX);
            return;
        }
    }
    for (uint32_t i = 0; i < table->count; i++) {
        const struct command *command = table->rows[i];

        if (is_public(command) &&
            (!filters || (by_category ? has_category(command, call->arguments[4])
                                      : matches_pattern(command, call->arguments[4])))) {
            reply_name(&w, command);
            count++;
        }
    }
    resp_array(call->reply, count);
    buffer_append_slice(call->reply->out, buffer_slice(&names));
    buffer_deinit(&names);
}

/* --- COMMAND DOCS ---------------------------------------------------------------------------- */

static void reply_docs(struct resp_writer *w, const struct command *command)
{
    reply_name(w, command);
    command_reply_docs(w, command);
}

static void command_docs(struct command_call *call)
{
    const struct command_table *table = table_of(call);
    bool wants_all = call->argument_count == 2;
    uint64_t count = 0;

    for (uint32_t i = 2; i < call->argument_count; i++) {
        count += command_find_public(table, call->arguments[i]) != NULL ? 1 : 0;
    }
    for (uint32_t i = 0; wants_all && i < table->count; i++) {
        count += table->rows[i]->flags & COMMAND_HIDDEN ? 0 : 1;
    }
    resp_map(call->reply, count);
    for (uint32_t i = 0; wants_all && i < table->count; i++) {
        if (!(table->rows[i]->flags & COMMAND_HIDDEN)) {
            reply_docs(call->reply, table->rows[i]);
        }
    }
    for (uint32_t i = 2; i < call->argument_count; i++) {
        const struct command *command = command_find_public(table, call->arguments[i]);

        if (command != NULL) {
            reply_docs(call->reply, command);
        }
    }
}

/* --- COMMAND GETKEYS ------------------------------------------------------------------------- */

/* Replies to GETKEYS, or, with the flags of each key, to GETKEYSANDFLAGS. */
static void reply_keys(struct command_call *call, bool with_flags)
{
    const struct command *command = command_find_public(table_of(call), call->arguments[2]);
    uint32_t count = call->argument_count - 2;
    uint32_t first;
    uint32_t last;
    bool fits = command != NULL && (command->arity >= 0 ? count == (uint32_t)command->arity
                                                        : count >= (uint32_t)-command->arity);

    if (command == NULL) {
        resp_error(call->reply, ERROR_INVALID_COMMAND);
        return;
    }
    if (command->first_key == 0) {
        resp_error(call->reply, ERROR_NO_KEYS);
        return;
    }
    if (!fits) {
        resp_error(call->reply, ERROR_ARITY_OF_GETKEYS);
        return;
    }
    if (!command_key_range(command, count, call->arguments + 2, &first, &last)) {
        if ((command->flags & COMMAND_MAY_LACK_KEYS) != 0) {
            resp_array(call->reply, 0);
        } else {
            resp_error(call->reply, ERROR_ARITY_OF_GETKEYS);
        }
        return;
    }

    uint32_t step = (uint32_t)command->key_step;

    resp_array(call->reply, (last - first) / step + 1);
    for (uint32_t i = first; i <= last; i += step) {
        if (with_flags) {
            resp_array(call->reply, 2);
        }
        resp_bulk(call->reply, call->arguments[2 + i]);
        if (with_flags) {
            reply_key_flags(call->reply, command);
        }
    }
}

static void command_getkeys(struct command_call *call)
{
    reply_keys(call, false);
}

static void command_getkeysandflags(struct command_call *call)
{
    reply_keys(call, true);
}

static const struct subcommand command_subcommands[] = {
    {"COUNT", 2, command_count_reply, "", "Counts the commands of this server."},
    {"DOCS", -2, command_docs, "[command ...]", "Describes commands."},
    {"GETKEYS", -4, command_getkeys, "command [argument ...]", "Shows the keys of a command."},
    {"GETKEYSANDFLAGS", -4, command_getkeysandflags, "command [argument ...]",
     "Shows the keys of a command, and what it does with them."},
    {"INFO", -2, command_info, "[command ...]", "Shows arity, flags and keys of commands."},
    {"LIST", -2, command_list, "[FILTERBY ACLCAT category | PATTERN pattern]",
     "Names the commands."},
    {NULL, 0, NULL, NULL, NULL},
};

static void command_command(struct command_call *call)
{
    if (call->argument_count == 1) {
        command_info(call);
        return;
    }
    subcommand_run(call);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command command_family_commands[] = {
    {.name = "COMMAND", .arity = -1, .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_IN_RESERVE |
              COMMAND_QUEUED,
     .handler = command_command, .subcommands = command_subcommands, .group = "server",
     .since = "2.8.13",
     .arguments = "[COUNT | DOCS [command ...] | INFO [command ...] | LIST | GETKEYS ...]",
     .summary = "Describes the commands of this server."},
    {.name = NULL},
};
/* clang-format on */
