/* command_docs.h - COMMAND DOCS of one command. */
#ifndef RAKIT_SERVER_COMMAND_DOCS_H
#define RAKIT_SERVER_COMMAND_DOCS_H

#include "kv/command.h"
#include "server/subcommand.h"

/* The map behind the command's name: summary, since, group, syntax, and the tree of its
 * arguments, or its subcommands with theirs. */
void command_reply_docs(struct resp_writer *w, const struct command *command);

#endif /* RAKIT_SERVER_COMMAND_DOCS_H */
