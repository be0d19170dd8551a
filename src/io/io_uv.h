/* io_uv.h - creates and runs the production backend of io.h: libuv's loop, POSIX files and
 * threads. One thread creates, runs and frees it, and every callback runs on that thread. Only
 * main() and tests include this header. */
#ifndef RAKIT_IO_IO_UV_H
#define RAKIT_IO_IO_UV_H

#include "io/io.h"

/* Also makes the process ignore SIGPIPE: a peer that has gone is an error of one stream and must
 * not end the process. */
struct io *io_uv_new(void);

/* Runs callbacks until io_uv_stop(). May be called again. Returns 0. */
int io_uv_run(struct io *io);

/* Called in a callback, in a turn or before the run: io_uv_run() returns after the current batch
 * of callbacks and its turn. What that turn causes is handled in the next run. */
void io_uv_stop(struct io *io);

/* All workers must have been stopped. Streams and listeners that are being closed get their
 * `closed` here. Those still open are dropped without a callback, because their owner may have
 * been freed. Does not wait for name lookups; nor does exit(). */
void io_uv_free(struct io *io);

/* Calls `handler` on the loop, like any other callback, each time the signal arrives, instead of
 * its default action. */
void io_uv_on_signal(struct io *io, int signal_number,
                     void (*handler)(void *context, int signal_number), void *context);

struct sockaddr;

/* From now on until the listener is closed, io_uv_connect_inside() makes connections that the
 * listener accepts. One listener at a time. */
void io_uv_open_inside(struct io *io, struct io_listener *listener);
/* Makes a connection to the loop on behalf of that peer, which is shown and judged as if it had
 * connected itself. Any thread may call this until io_uv_free(). Returns a socket that does not
 * block, or -ECONNREFUSED, -EAGAIN (too many are waiting) or another negative error. */
int io_uv_connect_inside(struct io *io, const struct sockaddr *peer);

#endif /* RAKIT_IO_IO_UV_H */
