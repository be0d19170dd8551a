/* io_uv_listen.c - listening sockets.
 *
 * This file accepts connections itself, on top of uv_poll, because libuv's own loop spins on an
 * error that persists (no memory, no descriptors). Here such an error closes the waiting
 * client's connection or, if even that is impossible, pauses accepting for PAUSE_NS. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/io_socket.h"
#include "io/io_uv_internal.h"

enum {
    BACKLOG = 1024,
    ACCEPT_MAX = 64, /* Connections in one batch; the next batch follows immediately. */
    PAUSE_NS = 100 * 1000 * 1000,
};

struct io_uv_listener {
    uv_poll_t poll; /* Must be first: see io_uv_internal.h. */
    struct io_listener *listener;
    struct io *io;
    int fd;
    int reserve_fd; /* Closed for a moment to accept, and close, one connection too many. */
    int waiting_fd; /* The connection that `accepted` is being called for, or -1. */
    struct sockaddr_in6 waiting_peer;
    bool waiting_is_inside;
    struct io_timer pause;
    bool is_closing;
};

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* --- accepting ------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void on_pause_over(struct io_timer *timer)
{
    struct io_uv_listener *l = container_of(timer, struct io_uv_listener, pause);

    if (l->reserve_fd < 0) {
        l->reserve_fd = open_reserve();
    }
    CHECK(uv_poll_start(&l->poll, UV_READABLE, on_poll) == 0);
}

static void pause_accepting(struct io_uv_listener *l)
{
    uv_poll_stop(&l->poll);
    io_timer_start(l->io, &l->pause, io_now_ns(l->io) + PAUSE_NS);
}

/* No descriptor is left. Without this, the client would hang until there is one. */
static void turn_away(struct io_uv_listener *l)
{
    int fd = -1;

    if (l->reserve_fd >= 0) {
        close(l->reserve_fd);
        fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
        }
        l->reserve_fd = open_reserve();
    }
    if (fd < 0 || l->reserve_fd < 0) {
        pause_accepting(l);
    }
}

/* Accepts one connection and reports it. False if there is none, or on an error. */
static bool accept_one(struct io_uv_listener *l)
{
    socklen_t size = sizeof l->waiting_peer;
    int fd =
        accept4(l->fd, (struct sockaddr *)&l->waiting_peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        l->waiting_fd = fd;
        l->listener->accepted(l->listener);
        if (l->is_closing) {
            return false;
        }
        CHECK(l->waiting_fd == -1); /* Accepted or refused. */
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EINTR:
    case ECONNABORTED: /* The client has gone already. */
    case EPROTO:
        return true;
    case EMFILE:
    case ENFILE:
        turn_away(l);
        return false;
    default:
        pause_accepting(l);
        return false;
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct io_uv_listener *l = container_of(poll, struct io_uv_listener, poll);

    io_uv_enter(l->io);
    if (status < 0) {
        pause_accepting(l); /* libuv has stopped watching the descriptor. */
        return;
    }
    for (int i = 0; i < ACCEPT_MAX; i++) {
        if (!accept_one(l)) {
            break;
        }
    }
}

void io_uv_accept_inside(struct io_listener *listener, int fd, const struct sockaddr_in6 *peer)
{
    struct io_uv_listener *l = listener->backend;

    io_uv_enter(l->io);
    l->waiting_fd = fd;
    l->waiting_peer = *peer;
    l->waiting_is_inside = true;
    listener->accepted(listener);
    l->waiting_is_inside = false;
}

static int take_waiting(struct io_listener *listener, struct sockaddr_in6 *ret_peer)
{
    struct io_uv_listener *l = listener->backend;
    int fd = l->waiting_fd;

    CHECK(fd >= 0);
    l->waiting_fd = -1;
    *ret_peer = l->waiting_peer;
    return fd;
}

int io_accept(struct io *io, struct io_listener *listener, struct io_stream *stream)
{
    const struct io_uv_listener *l = listener->backend;
    struct sockaddr_in6 peer;
    int fd = take_waiting(listener, &peer);
    struct io_uv_stream *s = io_uv_stream_new(io);
    int status;

    s->is_inside = l->waiting_is_inside;
    if (!s->is_inside) {
        io_uv_tune_socket(fd, stream);
    }
    status = uv_tcp_open(&s->tcp, fd);
    if (status != 0) {
        close(fd);
        io_uv_stream_drop(s);
        return status;
    }
    status = io_uv_stream_open(s, stream, (const struct sockaddr *)&peer);
    if (status != 0) {
        io_uv_stream_drop(s);
    }
    return status;
}

void io_refuse(struct io *io, struct io_listener *listener)
{
    struct sockaddr_in6 peer;

    close(take_waiting(listener, &peer));
}

/* --- opening and closing --------------------------------------------------- */

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 own = {0}; /* The IPv4 port is at the same offset. */
    socklen_t size = sizeof own;

    CHECK(getsockname(fd, (struct sockaddr *)&own, &size) == 0);
    return ntohs(own.sin6_port);
}

int io_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
              uint16_t *ret_port)
{
    struct io_uv_listener *l;
    int fd = io_socket_listen(address, BACKLOG);

    if (fd < 0) {
        return fd;
    }
    l = memory_take_zeroed(1, sizeof *l);
    l->listener = listener;
    l->io = io;
    l->fd = fd;
    l->reserve_fd = open_reserve();
    l->waiting_fd = -1;
    l->pause.fired = on_pause_over;
    int status = uv_poll_init(&io->loop, &l->poll, fd);

    if (status != 0) {
        close(l->reserve_fd);
        close(fd);
        free(l);
        return status;
    }
    CHECK(uv_poll_start(&l->poll, UV_READABLE, on_poll) == 0);
    listener->backend = l;
    if (ret_port != NULL) {
        *ret_port = port_of(fd);
    }
    return 0;
}

void io_uv_listener_release(uv_poll_t *poll)
{
    struct io_uv_listener *l = container_of(poll, struct io_uv_listener, poll);

    uv_poll_stop(poll); /* Removes l->fd from the loop. */
    close(l->fd);
    if (l->reserve_fd >= 0) {
        close(l->reserve_fd);
    }
    if (l->waiting_fd >= 0) {
        close(l->waiting_fd);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct io_uv_listener *l = container_of(handle, struct io_uv_listener, poll);
    struct io_listener *listener = l->listener;

    io_uv_enter(l->io);
    free(l);
    listener->backend = NULL;
    listener->closed(listener);
}

void io_listener_close(struct io *io, struct io_listener *listener)
{
    struct io_uv_listener *l = listener->backend;

    CHECK(l != NULL);
    CHECK(!l->is_closing);
    l->is_closing = true;
    io_uv_inside_forget(io, listener);
    io_timer_stop(io, &l->pause);
    /* Frees the port now, not only when libuv has closed the handle. */
    io_uv_listener_release(&l->poll);
    uv_close((uv_handle_t *)&l->poll, on_closed);
}
