/* docs.h - COMMAND DOCS of one command. */
#ifndef RAKIT_COMMAND_DOCS_H
#define RAKIT_COMMAND_DOCS_H

#include "kv/command.h"
#include "kv/subcommand.h"

/* The map after the command's name: summary, since, group, syntax, and the tree of its
 * arguments, or its subcommands with theirs. */
void command_reply_docs(struct resp_writer *w, const struct command *command);

#endif /* RAKIT_COMMAND_DOCS_H */
