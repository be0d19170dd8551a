/* clients.h - the clients' side of the server: their connections, the order of
 * their replies, the limits on what they may take. */
#ifndef RAKIT_CLIENT_CLIENTS_H
#define RAKIT_CLIENT_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "io/io.h"

struct clients;
struct client;
struct command_call;
struct command_table; /* command/table.h */
struct replica;
struct server_probe; /* command/probe.h */

/* What the clients' side is made with. Strings and pointers are borrowed for its life. */
struct clients_options {
    struct io *io;
    const struct log *log;
    const struct server_probe *probe; /* NULL: nobody watches. */
    struct replica *replica;          /* To which commands are handed. */
    const struct command_table *commands;
    void *context; /* Of those commands whose handlers stand above: see call_context(). */

    struct io_address address; /* Where it listens. */
    uint16_t peer_port;        /* For INFO; so the next two. */
    const char *run_id;
    uint64_t started_ns;

    uint32_t clients_max;
    uint64_t request_timeout_ns;
    uint64_t input_bytes_max;     /* One request; beyond it an error. */
    uint64_t output_bytes_max;    /* Unread replies; beyond it the connection ends. */
    uint64_t output_memory_bytes; /* Unread replies of all clients together. */
    uint64_t idle_ns;             /* Close idle connections after; 0: never. */
    bool protected_mode;          /* Serve clients only over loopback. */
};

/* Listens for clients. Negative errno on failure. */
int clients_start(const struct clients_options *options, struct clients **ret_clients,
                  uint16_t *ret_port);
/* Accepts nobody any more; those connected stay. */
void clients_refuse(struct clients *c);
/* Takes commands of those who may go on; once at the beginning of each turn. */
void clients_run(struct clients *c);
/* Sends the replies written since the last call; once at the end of each turn. */
void clients_send(struct clients *c);
/* Frees everything at once (see server_free). The loop must have ended, so that what
 * was being closed is closed, or the machine must be dead: no callback comes any more. */
void clients_free(struct clients *c);

/* Nothing is under way, and all replies have been sent. */
bool clients_are_idle(const struct clients *c);

/* The clients' side that a LOCAL command was given to; and the context of its options, for
 * handlers that stand above. */
struct clients *call_clients(const struct command_call *call);
void *call_context(const struct command_call *call);

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

/* The counts begin anew; who is connected stays. */
void clients_reset_stats(struct clients *c);
void clients_get_stats(const struct clients *c, struct clients_stats *ret_stats);

#endif /* RAKIT_CLIENT_CLIENTS_H */
