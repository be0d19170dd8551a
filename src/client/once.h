/* once.h - under which number a command of a connection is executed once (kv/once.h): as ONCE in
 * front of it says, or the next one of CLIENT ONCE. */
#ifndef RAKIT_CLIENT_ONCE_H
#define RAKIT_CLIENT_ONCE_H

#include "client/client.h"

/* If the request that the parser has read is another command wrapped in ONCE, notes the number in
 * c->once, leaves that command in the parser, and returns it; NULL if it is unknown. Otherwise
 * returns `command`. If it can't be executed, *ret_fault is the error. */
const struct command *once_unwrap(struct client *c, const struct command *command,
                                  const char **ret_fault);
/* The command is taken, whatever comes of it: by CLIENT ONCE it gets a number if it writes. */
void once_number(struct client *c, const struct command *command);
/* CLIENT ONCE. */
void once_of_connection(struct command_call *call);
void once_forget(struct client *c);

#endif /* RAKIT_CLIENT_ONCE_H */
