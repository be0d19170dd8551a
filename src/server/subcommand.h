/* subcommand.h - commands that are a family, such as CLIENT: finding the member, its
 * arity, and HELP from the same table. */
#ifndef RAKIT_SERVER_SUBCOMMAND_H
#define RAKIT_SERVER_SUBCOMMAND_H

#include <stdint.h>

#include "kv/command.h"

struct subcommand {
    const char *name; /* Upper case. */
    int arity;        /* As Redis counts: with both names; negative: at least. */
    command_handler *handler;
    const char *arguments;
    const char *summary;
};

/* Calls the one that argument 1 names, or replies with what is wrong, as Redis does.
 * HELP lists them all. */
void subcommand_run(struct command_call *call, const struct subcommand *table, uint32_t count);

#endif /* RAKIT_SERVER_SUBCOMMAND_H */
