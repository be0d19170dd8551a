/* commands.h - what ACL and AUTH put into the log, or ask of the state. Clients send ACL and AUTH;
 * client/ makes these of them. No password is in them, only hashes. */
#ifndef RAKIT_USERS_COMMANDS_H
#define RAKIT_USERS_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"

/* A write: "SETUSER" name words..., or "DELUSER" names... */
#define USERS_CHANGE "ACL_CHANGE"
/* A read: "LIST", "USERS", "GETUSER" name, "DRYRUN" name command..., or "LOGIN" name and the digits
 * of the password's hash, which replies the user's id. */
#define USERS_SHOW   "ACL_SHOW"

/* The command of that name. */
const struct command *users_command(const char *name);
bool users_command_is(const struct command *command);
bool users_command_is_login(const struct command *command, uint32_t argument_count,
                            const struct slice *arguments);

extern const struct command users_commands[];

#endif /* RAKIT_USERS_COMMANDS_H */
