/* subcommand.h - commands that are a family, such as CLIENT: finding the member, its
 * arity, and HELP from the same table. */
#ifndef RAKIT_COMMAND_SUBCOMMAND_H
#define RAKIT_COMMAND_SUBCOMMAND_H

#include <stdint.h>

#include "kv/command.h"

struct subcommand {
    const char *name; /* Upper case; NULL ends a table. */
    int arity;        /* As Redis counts: with both names; negative: at least. */
    command_handler *handler;
    const char *arguments; /* In the same syntax as a command's. */
    const char *summary;
};

/* Calls the one of the command's family that argument 1 names, or replies with what is
 * wrong, as Redis does. HELP lists them all. */
void subcommand_run(struct command_call *call);

uint32_t subcommand_count(const struct subcommand *table);
/* "config|get", as clients know it. */
void subcommand_reply_name(struct resp_writer *w, const struct command *command,
                           const struct subcommand *subcommand);

#endif /* RAKIT_COMMAND_SUBCOMMAND_H */
