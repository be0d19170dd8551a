#include "kv/subcommand.h"
#include "resp/errors.h"

#include <stdbool.h>
#include <stdio.h>

static void to_lower(char *to, size_t size, const char *from)
{
    size_t i = 0;

    for (; from[i] != '\0' && i + 1 < size; i++) {
        to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] - 'A' + 'a' : from[i]);
    }
    to[i] = '\0';
}

uint32_t subcommand_count(const struct subcommand *table)
{
    uint32_t count = 0;

    while (table[count].name != NULL) {
        count++;
    }
    return count;
}

void subcommand_reply_name(struct resp_writer *w, const struct command *command,
                           const struct subcommand *subcommand)
{
    char family[32];
    char member[32];

    to_lower(family, sizeof family, command->name);
    to_lower(member, sizeof member, subcommand->name);
    resp_bulkf(w, "%s|%s", family, member);
}

static void reply_help(struct command_call *call)
{
    const struct subcommand *table = call->command->subcommands;
    char line[200];

    resp_array(call->reply, 2 * (uint64_t)subcommand_count(table) + 3);
    snprintf(line, sizeof line,
             "%s <subcommand> [<arg> [value] ...]. Subcommands are:", call->command->name);
    resp_simple(call->reply, line);
    for (const struct subcommand *s = table; s->name != NULL; s++) {
        snprintf(line, sizeof line, "%s%s%s", s->name, s->arguments[0] == '\0' ? "" : " ",
                 s->arguments);
        resp_simple(call->reply, line);
        snprintf(line, sizeof line, "    %s", s->summary);
        resp_simple(call->reply, line);
    }
    resp_simple(call->reply, "HELP");
    resp_simple(call->reply, "    Prints this help.");
}

static const struct subcommand help = {"HELP", 2, reply_help, "", "Prints this help."};

const struct subcommand *subcommand_named(const struct command *command, struct slice name)
{
    const struct subcommand *s = command->subcommands;

    for (; s != NULL && s->name != NULL; s++) {
        if (slice_is(name, s->name)) {
            return s;
        }
    }
    return command->subcommands != NULL && slice_is(name, help.name) ? &help : NULL;
}

void subcommand_refuse_count(struct resp_writer *w, const struct command *command,
                             const struct subcommand *subcommand)
{
    char family[32];
    char member[32];

    to_lower(family, sizeof family, command->name);
    if (subcommand == NULL) {
        resp_errorf(w, ERROR_ARITY, family);
    } else {
        to_lower(member, sizeof member, subcommand->name);
        resp_errorf(w, ERROR_ARITY_OF_SUBCOMMAND, family, member);
    }
}

static bool is_help(const struct command_call *call)
{
    return call->argument_count == 2 && slice_is(call->arguments[1], "HELP");
}

/* The subcommand that argument 1 names, if it has as many arguments as it needs; otherwise NULL,
 * and an error was replied. */
static const struct subcommand *find(struct command_call *call)
{
    struct slice name = call->arguments[1];

    for (const struct subcommand *s = call->command->subcommands; s->name != NULL; s++) {
        if (!slice_is(name, s->name)) {
            continue;
        }
        bool fits = s->arity >= 0 ? call->argument_count == (uint32_t)s->arity
                                  : call->argument_count >= (uint32_t)-s->arity;

        if (!fits) {
            subcommand_refuse_count(call->reply, call->command, s);
        }
        return fits ? s : NULL;
    }
    if (slice_is(name, help.name)) {
        subcommand_refuse_count(call->reply, call->command, &help);
        return NULL;
    }
    resp_errorf(call->reply, ERROR_UNKNOWN_SUBCOMMAND, (int)(name.size < 128 ? name.size : 128),
                name.size == 0 ? "" : name.data, call->command->name);
    return NULL;
}

bool subcommand_check(struct command_call *call)
{
    return is_help(call) || find(call) != NULL;
}

void subcommand_run(struct command_call *call)
{
    const struct subcommand *s = NULL;

    if (is_help(call)) {
        reply_help(call);
    } else if ((s = find(call)) != NULL) {
        s->handler(call);
    }
}
