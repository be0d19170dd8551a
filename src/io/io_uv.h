/* io_uv.h - makes and runs the real backend of io.h: libuv's loop, POSIX files and
 * threads. One thread makes, runs and frees it; every callback comes on that
 * thread. Only main() and tests include this header. */
#ifndef RAKIT_IO_IO_UV_H
#define RAKIT_IO_IO_UV_H

#include "io/io.h"

/* Also makes the process ignore SIGPIPE: a peer that went away is an error of one
 * stream, not the end of the program. */
struct io *io_uv_new(void);

/* Runs callbacks until io_uv_stop(). May be called again after that. Returns 0. */
int io_uv_run(struct io *io);

/* From a callback, a turn or before the run: io_uv_run() returns once the batch of
 * callbacks at hand, and its turn, are done; what that turn causes comes in the
 * next run. */
void io_uv_stop(struct io *io);

/* All workers must have been stopped. A stream or listener that is being closed
 * gets its `closed` from here; whatever is still open is dropped without any
 * callback, and its owner may be gone already. Does not wait for lookups of names that
 * are under way; nor does exit(). */
void io_uv_free(struct io *io);

/* Calls `handler` on the loop, as any other callback, each time that the signal
 * comes; its default action no longer happens. */
void io_uv_on_signal(struct io *io, int signal_number,
                     void (*handler)(void *context, int signal_number), void *context);

#endif /* RAKIT_IO_IO_UV_H */
