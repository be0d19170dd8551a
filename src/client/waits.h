/* waits.h - WAIT and WAITAOF under way: clients that wait until so many nodes have what they
 * wrote. */
#ifndef RAKIT_CLIENT_WAITS_H
#define RAKIT_CLIENT_WAITS_H

#include "client/client.h"

/* WAIT and WAITAOF. */
void wait_command(struct command_call *call);
void waitaof_command(struct command_call *call);

/* CLIENT UNBLOCK: ends a wait of that client, with an error or as if its time were over. False: it
 * does not wait. */
bool waits_unblock(struct client *client, bool with_error);

#endif /* RAKIT_CLIENT_WAITS_H */
