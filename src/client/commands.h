/* commands.h - commands about a connection or this node. The node answers them itself, and they
 * never enter the log, except RAFT and REQUEST_LOG, which the leader answers. Each file has its
 * handlers and, at its end, their rows. */
#ifndef RAKIT_CLIENT_COMMANDS_H
#define RAKIT_CLIENT_COMMANDS_H

#include "kv/command.h"

/* The version of Redis whose commands and replies are implemented; clients derive features from
 * it. */
#define REDIS_VERSION "7.2.0"

/* Each table ends with a nameless row. */
extern const struct command connection_commands[];
extern const struct command client_family_commands[];
extern const struct command command_family_commands[];
extern const struct command node_commands[];
extern const struct command info_commands[];
extern const struct command raft_commands[];
extern const struct command cluster_commands[];

/* RAFT READS. */
void reads_command(struct command_call *call);
/* RAFT REDIRECT. */
void redirect_command(struct command_call *call);

/* All of these tables, up to NULL. */
extern const struct command *const client_command_tables[];

#endif /* RAKIT_CLIENT_COMMANDS_H */
