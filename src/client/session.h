/* session.h - what a client says of itself, and how it is listed. */
#ifndef RAKIT_CLIENT_SESSION_H
#define RAKIT_CLIENT_SESSION_H

#include <stdbool.h>

#include "client/client.h"

/* Keeps `text` as *place (empty: none). Where it can't be a name, replies the error
 * that Redis has for that and returns false. `what` begins it: "Client names". */
bool session_set_text(struct command_call *call, char **place, struct slice text, const char *what);
/* The client's line of CLIENT LIST, with its '\n'. */
void session_describe(const struct client *c, struct buffer *out);

#endif /* RAKIT_CLIENT_SESSION_H */
