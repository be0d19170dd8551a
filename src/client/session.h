/* session.h - what a client sets about itself, and its line in CLIENT LIST. */
#ifndef RAKIT_CLIENT_SESSION_H
#define RAKIT_CLIENT_SESSION_H

#include <stdbool.h>

#include "client/client.h"

/* Stores `text` in *place (empty: NULL). If it can't be a name, replies Redis's error, which
 * begins with `what` ("Client names"), and returns false. */
bool session_set_text(struct command_call *call, char **place, struct slice text, const char *what);
/* The two parts of it. */
bool session_check_text(struct command_call *call, struct slice text, const char *what);
void session_keep_text(char **place, struct slice text);
/* Appends the client's line of CLIENT LIST, with its '
 * '. */
void session_describe(const struct client *c, struct buffer *out);

#endif /* RAKIT_CLIENT_SESSION_H */
