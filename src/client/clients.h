/* clients.h - the clients' side of the server: their connections, the order of
 * their replies, the limits on what they may take. */
#ifndef RAKIT_CLIENT_CLIENTS_H
#define RAKIT_CLIENT_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/server.h"

struct clients;
struct client;
struct command_call;

/* Listens on the server's client address. Negative errno on failure. */
int clients_start(struct server *server, struct clients **ret_clients, uint16_t *ret_port);
/* Accepts nobody any more; those connected stay. */
void clients_refuse(struct clients *c);
/* Sends the replies written since the last call; once at the end of each turn. */
void clients_flush(struct clients *c);
/* The replica takes commands again after it was congested: with the next clients_flush(). */
void clients_resume(struct clients *c);
/* Frees everything at once (see server_free). The loop must have ended, so that what
 * was being closed is closed, or the machine must be dead: no callback comes any more. */
void clients_free(struct clients *c);

/* Nothing is under way, and all replies have been sent. */
bool clients_are_idle(const struct clients *c);

/* The server that a LOCAL command was given to. */
struct server *call_server(const struct command_call *call);

/* For an asynchronous local command (COMMAND_ASYNC): keeps the place of its reply in
 * the order of the connection. The handler calls reply_later() instead of writing a
 * reply, and whoever has the answer calls reply_writer() and reply_done(). Survives
 * the end of the connection: then the reply is dropped. */
struct reply_slot;
struct reply_slot *reply_later(struct command_call *call);
struct resp_writer *reply_writer(struct reply_slot *slot);
void reply_done(struct reply_slot *slot);

struct clients_stats {
    uint64_t connected_count;
    uint64_t accepted_count;
    uint64_t refused_count;
    uint64_t closed_slow_count; /* Ended because they did not read their replies. */
    uint64_t commands_count;
    uint64_t input_bytes;
    uint64_t output_bytes;
    uint64_t unread_bytes; /* Replies that have not left, of all clients now. */
};

void clients_get_stats(const struct clients *c, struct clients_stats *ret_stats);

#endif /* RAKIT_CLIENT_CLIENTS_H */
