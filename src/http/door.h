/* door.h - the threads of the HTTP door: one that accepts, and one for each connection, which
 * carries one request. All waiting has a deadline, and ends when the door does.
 *
 * The lock guards the places. A thread of a connection sets its place to ENDED as its last act; the
 * accepting thread then joins it. */
#ifndef RAKIT_HTTP_DOOR_H
#define RAKIT_HTTP_DOOR_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "http/budget.h"
#include "http/channel.h"
#include "http/http.h"
#include "http/secure.h"

enum place_state { PLACE_FREE, PLACE_TAKEN, PLACE_ENDED };

struct place {
    struct door *door;
    enum place_state state;
    pthread_t thread;
    struct channel channel;
    struct sockaddr_in6 peer; /* Large enough for IPv4, too. */
};

struct door_counts {
    _Atomic uint64_t answers[6]; /* By the first digit of their status. */
    _Atomic uint64_t refused;    /* Connections. */
    _Atomic uint32_t streams;    /* Under way now. */
};

struct door {
    struct http_options options;
    int listen_fd;
    int stop_fd; /* Readable: the door ends. */
    pthread_t acceptor;
    bool is_started;
    pthread_mutex_t lock;
    struct place places[HTTP_CONNECTIONS_MAX];
    struct secure secure; /* The accepting thread's. */
    struct budget budget;
    struct door_counts counts;
};

/* connection.c: serves one connection, and leaves closing the socket to the caller. */
void connection_serve(struct place *place);

#endif /* RAKIT_HTTP_DOOR_H */
