/* io_uv_inside.c - connections that other threads of this process make to the loop: pairs of
 * sockets, one end of which is accepted by a listener as if it had come over the network. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "io/io_uv.h"
#include "io/io_uv_internal.h"

void io_uv_inside_init(struct io *io)
{
    CHECK(pthread_mutex_init(&io->inside.lock, NULL) == 0);
}

static void lock(struct io_uv_inside *inside)
{
    CHECK(pthread_mutex_lock(&inside->lock) == 0);
}

static void unlock(struct io_uv_inside *inside)
{
    CHECK(pthread_mutex_unlock(&inside->lock) == 0);
}

void io_uv_open_inside(struct io *io, struct io_listener *listener)
{
    lock(&io->inside);
    io->inside.listener = listener;
    unlock(&io->inside);
}

void io_uv_inside_forget(struct io *io, const struct io_listener *listener)
{
    struct io_uv_inside *inside = &io->inside;

    lock(inside);
    if (inside->listener == listener) {
        inside->listener = NULL;
        while (inside->count > 0) {
            close(inside->fds[--inside->count]);
        }
    }
    unlock(inside);
}

void io_uv_inside_deinit(struct io *io)
{
    io_uv_inside_forget(io, io->inside.listener);
    CHECK(pthread_mutex_destroy(&io->inside.lock) == 0);
}

/* --- the loop -------------------------------------------------------------- */

/* False: there is none. */
static bool take(struct io_uv_inside *inside, struct io_listener **ret_listener, int *ret_fd,
                 struct sockaddr_in6 *ret_peer)
{
    bool has_one;

    lock(inside);
    has_one = inside->count > 0;
    if (has_one) {
        inside->count--;
        *ret_listener = inside->listener;
        *ret_fd = inside->fds[inside->count];
        *ret_peer = inside->peers[inside->count];
    }
    unlock(inside);
    return has_one;
}

/* Not under the lock, since accepting may close the listener. */
void io_uv_inside_deliver(struct io *io)
{
    struct io_listener *listener = NULL;
    struct sockaddr_in6 peer;
    int fd = -1;

    while (take(&io->inside, &listener, &fd, &peer)) {
        io_uv_accept_inside(listener, fd, &peer);
    }
}

/* --- other threads ----------------------------------------------------------- */

/* Gives one end to the loop. 0, or why it can't take it. */
static int give(struct io_uv_inside *inside, int fd, const struct sockaddr *peer)
{
    int error = 0;

    lock(inside);
    if (inside->listener == NULL) {
        error = -ECONNREFUSED;
    } else if (inside->count == IO_UV_INSIDE_MAX) {
        error = -EAGAIN;
    } else {
        inside->fds[inside->count] = fd;
        memset(&inside->peers[inside->count], 0, sizeof inside->peers[0]);
        memcpy(&inside->peers[inside->count], peer,
               peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                           : sizeof(struct sockaddr_in));
        inside->count++;
    }
    unlock(inside);
    return error;
}

int io_uv_connect_inside(struct io *io, const struct sockaddr *peer)
{
    const uint64_t one = 1;
    int ends[2];
    int error;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        return -errno;
    }
    error = give(&io->inside, ends[1], peer);
    if (error != 0) {
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    /* It fails only if the loop is to be woken already. */
    if (write(io->completions_fd, &one, sizeof one) < 0) {
        return ends[0];
    }
    return ends[0];
}
