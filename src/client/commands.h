/* commands.h - the commands about a connection or this node. A node answers them on the spot, and
 * they never enter the log; RAFT and REQUEST_LOG go to the leader and are answered from there.
 * Each file has its handlers and, at its end, their rows. */
#ifndef RAKIT_CLIENT_COMMANDS_H
#define RAKIT_CLIENT_COMMANDS_H

#include "kv/command.h"

/* The Redis whose commands and replies these are: clients conclude features from it. */
#define REDIS_VERSION "7.2.0"

/* Each table ends with a nameless row. */
extern const struct command connection_commands[];
extern const struct command client_family_commands[];
extern const struct command command_family_commands[];
extern const struct command node_commands[];
extern const struct command info_commands[];
extern const struct command raft_commands[];

/* All of these, up to NULL. */
extern const struct command *const client_command_tables[];

#endif /* RAKIT_CLIENT_COMMANDS_H */
