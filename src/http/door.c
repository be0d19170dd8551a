#include "http/door.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "http/patience.h"
#include "io/io_socket.h"

enum {
    BACKLOG = 128,
    STACK_BYTES = 256 * 1024,
    MEMORY_BYTES_MAX = 128 * 1024 * 1024,
    /* So many connections may come from one address, so that others find places. */
    PLACES_PER_ADDRESS_MAX = HTTP_CONNECTIONS_MAX * 3 / 4,
    PAUSE_MS = 100, /* After an error of accept() that may go on. */
    FOREVER_MS = 1000 * 1000,
};

/* --- listening ------------------------------------------------------------------------------ */

static const char *reason_of(int error)
{
    return error == -EADDRINUSE ? "another program listens there already"
           : error == -ENXIO    ? "the host cannot be resolved"
                                : strerror(-error);
}

struct door *http_open(const struct http_options *options, char *text, size_t text_size)
{
    struct io_address address = {.port = options->port};
    struct door *d;
    int fd;

    snprintf(address.host, sizeof address.host, "%s", options->host);
    fd = io_socket_listen(&address, BACKLOG);
    if (fd < 0) {
        snprintf(text, text_size, "cannot listen for HTTP on %s port %u (--http): %s",
                 options->host, (unsigned)options->port, reason_of(fd));
        return NULL;
    }
    d = memory_take_zeroed(1, sizeof *d);
    if (options->tls != NULL &&
        !secure_start(&d->secure, options->io, options->tls, options->trust, text, text_size)) {
        close(fd);
        free(d);
        return NULL;
    }
    d->options = *options;
    d->listen_fd = fd;
    d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(d->stop_fd >= 0);
    CHECK(pthread_mutex_init(&d->lock, NULL) == 0);
    d->budget.bytes_max = MEMORY_BYTES_MAX;
    for (uint32_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        d->places[i].door = d;
    }
    return d;
}

/* --- connections ---------------------------------------------------------------------------- */

static void lock(struct door *d)
{
    CHECK(pthread_mutex_lock(&d->lock) == 0);
}

static void unlock(struct door *d)
{
    CHECK(pthread_mutex_unlock(&d->lock) == 0);
}

static enum place_state state_of(struct place *p)
{
    enum place_state state;

    lock(p->door);
    state = p->state;
    unlock(p->door);
    return state;
}

static void set_state(struct place *p, enum place_state state)
{
    lock(p->door);
    p->state = state;
    unlock(p->door);
}

static void *serve(void *context)
{
    struct place *p = context;

    connection_serve(p);
    channel_deinit(&p->channel);
    close(p->channel.fd);
    set_state(p, PLACE_ENDED);
    return NULL;
}

static bool is_from(const struct place *p, const struct sockaddr_in6 *peer)
{
    if (p->peer.sin6_family != peer->sin6_family) {
        return false;
    }
    if (peer->sin6_family == AF_INET6) {
        return memcmp(&p->peer.sin6_addr, &peer->sin6_addr, sizeof peer->sin6_addr) == 0;
    }
    return ((const struct sockaddr_in *)(const void *)&p->peer)->sin_addr.s_addr ==
           ((const struct sockaddr_in *)(const void *)peer)->sin_addr.s_addr;
}

/* Joins the threads that have ended. NULL: no place is free, or this address has too many. */
static struct place *find_place(struct door *d, const struct sockaddr_in6 *peer)
{
    struct place *found = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        struct place *p = &d->places[i];
        enum place_state state = state_of(p);

        if (state == PLACE_ENDED) {
            CHECK(pthread_join(p->thread, NULL) == 0);
            set_state(p, PLACE_FREE);
            state = PLACE_FREE;
        }
        if (state == PLACE_FREE) {
            found = p;
        } else if (is_from(p, peer)) {
            count++;
        }
    }
    return count < PLACES_PER_ADDRESS_MAX ? found : NULL;
}

static bool start_thread(struct place *p)
{
    pthread_attr_t attributes;
    bool is_started;

    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    is_started = pthread_create(&p->thread, &attributes, serve, p) == 0;
    CHECK(pthread_attr_destroy(&attributes) == 0);
    return is_started;
}

static void refuse(struct door *d, int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                 "Connection: close\r\n"
                                 "Content-Length: 45\r\n"
                                 "Content-Type: text/plain\r\n\r\n"
                                 "there are too many connections: try it again\n";

    if (d->options.tls == NULL) {
        (void)send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    close(fd);
    atomic_fetch_add(&d->counts.refused, 1);
}

static bool take_place(struct door *d, struct place *p, int fd, const struct sockaddr_in6 *peer)
{
    bool is_encrypted = d->options.tls != NULL;

    p->channel =
        (struct channel){.fd = fd, .ssl = is_encrypted ? secure_new(&d->secure, fd) : NULL};
    p->peer = *peer;
    if (is_encrypted && p->channel.ssl == NULL) {
        return false;
    }
    set_state(p, PLACE_TAKEN);
    if (!start_thread(p)) {
        channel_deinit(&p->channel);
        set_state(p, PLACE_FREE);
        return false;
    }
    return true;
}

static void place(struct door *d, int fd, const struct sockaddr_in6 *peer)
{
    struct place *p = find_place(d, peer);

    if (p == NULL || !take_place(d, p, fd, peer)) {
        refuse(d, fd);
    }
}

/* --- accepting ------------------------------------------------------------------------------ */

/* False: accepting has failed, and might fail at once again. */
static bool accept_one(struct door *d)
{
    struct sockaddr_in6 peer = {0};
    socklen_t size = sizeof peer;
    int fd = accept4(d->listen_fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        place(d, fd, &peer);
        return true;
    }
    return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED || errno == EPROTO;
}

static bool is_stopping(const struct door *d)
{
    struct pollfd stop = {.fd = d->stop_fd, .events = POLLIN, .revents = 0};

    return poll(&stop, 1, 0) != 0;
}

static void *accept_all(void *context)
{
    struct door *d = context;

    while (!is_stopping(d)) {
        struct patience forever = patience_for(d->stop_fd, FOREVER_MS);

        if (patience_await(&forever, d->listen_fd, POLLIN) && !accept_one(d)) {
            struct patience pause = patience_for(d->stop_fd, PAUSE_MS);

            (void)patience_pause(&pause);
        }
    }
    return NULL;
}

bool http_start(struct door *d)
{
    d->is_started = pthread_create(&d->acceptor, NULL, accept_all, d) == 0;
    return d->is_started;
}

void http_close(struct door *d)
{
    const uint64_t one = 1;

    CHECK(write(d->stop_fd, &one, sizeof one) == (ssize_t)sizeof one);
    if (d->is_started) {
        CHECK(pthread_join(d->acceptor, NULL) == 0);
    }
    for (uint32_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        if (state_of(&d->places[i]) != PLACE_FREE) {
            CHECK(pthread_join(d->places[i].thread, NULL) == 0);
        }
    }
    secure_end(&d->secure);
    close(d->listen_fd);
    close(d->stop_fd);
    CHECK(pthread_mutex_destroy(&d->lock) == 0);
    free(d);
}
