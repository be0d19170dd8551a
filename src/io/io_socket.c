/* io_socket.c - see io_socket.h. */
#include "io/io_socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "io/io_uv_internal.h"

/* Listens on the address and returns the socket, or a negative error. */
static int listen_at(const struct addrinfo *place, int backlog)
{
    int on = 1;
    int error;
    int fd = socket(place->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    /* Lets a restarted server use its port while old connections are in TIME_WAIT. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, place->ai_addr, place->ai_addrlen) == 0 && listen(fd, backlog) == 0) {
        return fd;
    }
    error = -errno;
    close(fd);
    return error;
}

int io_socket_listen(const struct io_address *address, int backlog)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    const int families[] = {AF_INET, AF_INET6};
    struct addrinfo *places;
    char port[8];
    int result = -ENXIO;

    snprintf(port, sizeof port, "%u", address->port);
    int status = getaddrinfo(address->host, port, &hints, &places);

    if (status != 0) {
        return io_uv_resolve_error(status);
    }
    for (size_t i = 0; i < 2; i++) {
        for (const struct addrinfo *p = places; p != NULL && result < 0; p = p->ai_next) {
            if (p->ai_family == families[i]) {
                result = listen_at(p, backlog);
            }
        }
    }
    freeaddrinfo(places);
    return result;
}
