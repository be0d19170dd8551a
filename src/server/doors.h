/* doors.h - where clients come in: the port that the user named, and one for clients of Redis
 * Sentinel, if that was asked for (docs/adr/0040-doors.md). */
#ifndef RAKIT_SERVER_DOORS_H
#define RAKIT_SERVER_DOORS_H

#include <stdbool.h>
#include <stddef.h>

#include "command/table.h"

struct clients;
struct io_listener;
struct replica;
struct server;

/* Nothing is open if it is zeroed. */
struct doors {
    struct clients *plain;
    struct clients *sentinel; /* NULL: there is none. */
    struct command_table sentinel_commands;
};

/* Starts to listen. On failure returns false, with the reason in `text`. */
bool doors_open(struct doors *d, struct server *server, char *text, size_t text_size);
/* Of the port that the user named. */
struct io_listener *doors_listener(const struct doors *d);
/* Each of these is that of clients.h, for all clients. */
void doors_set_replica(struct doors *d, struct replica *replica);
void doors_run(struct doors *d);
void doors_send(struct doors *d);
bool doors_are_idle(const struct doors *d);
void doors_refuse(struct doors *d);
void doors_shut(struct doors *d);
void doors_free(struct doors *d);

#endif /* RAKIT_SERVER_DOORS_H */
