/* login.h - AUTH and HELLO. A login is judged with users that are up to date, as a read is; only
 * while no leader is known, with those that this node has. */
#ifndef RAKIT_CLIENT_LOGIN_H
#define RAKIT_CLIENT_LOGIN_H

#include "kv/command.h"

extern const struct command login_commands[];

#endif /* RAKIT_CLIENT_LOGIN_H */
