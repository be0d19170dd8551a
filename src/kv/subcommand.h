/* subcommand.h - commands with subcommands, such as CLIENT: finds the subcommand, checks its
 * arity, and answers HELP from the same table. */
#ifndef RAKIT_KV_SUBCOMMAND_H
#define RAKIT_KV_SUBCOMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"

struct subcommand {
    const char *name; /* Upper case; NULL ends a table. */
    int arity;        /* As in Redis: counts both names; negative: at least. */
    command_handler *handler;
    const char *arguments; /* In the same syntax as a command's. */
    const char *summary;
};

/* Calls the subcommand that argument 1 names, or replies with an error, as Redis does. HELP
 * lists all. */
void subcommand_run(struct command_call *call);
/* Only finds it: the check of data commands, which may go through the log. */
bool subcommand_check(struct command_call *call);

/* Replies that the number of arguments is wrong; NULL: of a command without subcommands. */
void subcommand_refuse_count(struct resp_writer *w, const struct command *command,
                             const struct subcommand *subcommand);

/* The subcommand of that name, HELP included; NULL: there is none. */
const struct subcommand *subcommand_named(const struct command *command, struct slice name);
uint32_t subcommand_count(const struct subcommand *table);
/* "config|get", as in Redis. */
void subcommand_reply_name(struct resp_writer *w, const struct command *command,
                           const struct subcommand *subcommand);

#endif /* RAKIT_KV_SUBCOMMAND_H */
