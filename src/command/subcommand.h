/* subcommand.h - commands with subcommands, such as CLIENT: finds the subcommand, checks its
 * arity, and answers HELP from the same table. */
#ifndef RAKIT_COMMAND_SUBCOMMAND_H
#define RAKIT_COMMAND_SUBCOMMAND_H

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

uint32_t subcommand_count(const struct subcommand *table);
/* "config|get", as in Redis. */
void subcommand_reply_name(struct resp_writer *w, const struct command *command,
                           const struct subcommand *subcommand);

#endif /* RAKIT_COMMAND_SUBCOMMAND_H */
