/* commands.h - the handlers of the commands about this connection and this node, for
 * the table of all commands. They are answered on the spot and never enter the log.
 * The caller has checked the arity. */
#ifndef RAKIT_CLIENT_COMMANDS_H
#define RAKIT_CLIENT_COMMANDS_H

#include "command/subcommand.h"
#include "kv/command.h"

/* --- commands_connection.c ----------------------------------------------------------- */

command_handler ping_command;
command_handler echo_command;
command_handler hello_command;
command_handler auth_command;
command_handler select_command;
command_handler quit_command;
command_handler reset_command;
/* READONLY, READWRITE, ASKING: any node answers any command, so there is nothing to do. */
command_handler accept_command;
/* There are no transactions yet. A refused MULTI has everything refused up to its end, so
 * that nothing of what was meant as one transaction is executed. */
command_handler multi_command;
command_handler exec_command;
command_handler discard_command;
command_handler watch_command; /* And UNWATCH. */

/* --- commands_client.c --------------------------------------------------------------- */

command_handler client_command;
extern const struct subcommand client_subcommands[];

/* --- commands_command.c -------------------------------------------------------------- */

command_handler command_command;
extern const struct subcommand command_subcommands[];

/* --- commands_server.c --------------------------------------------------------------- */

command_handler time_command;
command_handler role_command;
command_handler wait_command;

/* --- commands_info.c ----------------------------------------------------------------- */

command_handler info_command;

/* The Redis whose commands and replies these are: what clients conclude features from. */
#define REDIS_VERSION "7.2.0"

extern const struct command client_commands[]; /* Their rows, up to a nameless one. */

#endif /* RAKIT_CLIENT_COMMANDS_H */
