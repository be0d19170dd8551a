/* io_socket.h - listening sockets, for the libuv backend and for doors on threads of their own. */
#ifndef RAKIT_IO_IO_SOCKET_H
#define RAKIT_IO_IO_SOCKET_H

#include "io/io.h"

/* Resolves the host, blocking, and listens on the first address that works, IPv4 first: clients
 * given "localhost" try both families, those given "127.0.0.1" do not. Returns the socket, which
 * does not block, or a negative errno (-ENXIO, -EAGAIN: see io_connect()). */
int io_socket_listen(const struct io_address *address, int backlog);

#endif /* RAKIT_IO_IO_SOCKET_H */
