/* redirect.h - MOVED, for connections that chose it (RAFT REDIRECT, --cluster-mode redirect). */
#ifndef RAKIT_CLIENT_REDIRECT_H
#define RAKIT_CLIENT_REDIRECT_H

#include "client/client.h"

/* Whether the request that the parser has read may be executed, or forwarded, for this client;
 * otherwise writes MOVED. */
bool client_serves(const struct client *c, const struct command *command, struct resp_writer *w);

#endif /* RAKIT_CLIENT_REDIRECT_H */
