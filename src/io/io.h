/* io.h - the one door to the outside world. Two backends implement it, chosen at
 * link time: io_uv.c (libuv and POSIX, the real one) and the simulator's.
 *
 * Two kinds of call stand here.
 *
 * 1. The event loop's: streams, timers, jobs. They never block. The caller owns
 *    every struct and buffer that it hands in and keeps both still until the
 *    callback says it is done. Callbacks are never run while a call into this
 *    header is being made: they come from the loop only, on the loop's thread.
 *
 * 2. Files. They block, so they may be called only before the node serves
 *    anybody (start-up, recovery) and inside a job that runs on a worker. That
 *    keeps storage code a plain sequence of steps; see docs/adr/0002.
 *
 * Errors are negative errno values (-ENOSPC, -ECONNREFUSED ...). */
#ifndef RAKIT_IO_IO_H
#define RAKIT_IO_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct io; /* One per node; made by the backend (io_uv.h, or the simulator). */

/* --- time and chance ------------------------------------------------------- */

/* Where nothing else is said, these may be called in a job, too. */

/* Monotonic, in nanoseconds; fixed during one callback. It goes on while the process is stopped
 * or the machine is suspended. */
uint64_t io_now_ns(struct io *io);
/* How long the callbacks and the turn since io_now_ns() was fixed have taken so far, for those
 * who have to stop in time. Only on the loop's thread. */
uint64_t io_spent_ns(struct io *io);
/* Nanoseconds since 1970, as the wall clock has it; may jump. */
uint64_t io_wall_ns(struct io *io);
void io_random(struct io *io, void *bytes, size_t size);

/* --- timers ---------------------------------------------------------------- */

/* One shot. Starting an armed timer moves it. */
struct io_timer {
    void (*fired)(struct io_timer *timer); /* Set by the owner before the first start. */
    void *backend;                         /* NULL at first. */
};

void io_timer_start(struct io *io, struct io_timer *timer, uint64_t at_ns);
/* Harmless where it is not armed; frees the backend's part. The owner may free
 * the timer right after. */
void io_timer_stop(struct io *io, struct io_timer *timer);

/* --- the turn -------------------------------------------------------------- */

/* Called once after each batch of callbacks, before the loop waits again: the
 * place to do at once what the batch made necessary. One per io. */
void io_set_turn(struct io *io, void (*turn)(void *context), void *context);
/* Asks for one more turn, once the loop has taken in what is there by now: it looks, but
 * does not wait. */
void io_turn_soon(struct io *io);

/* --- streams (TCP) --------------------------------------------------------- */

/* The bytes of a numeric or resolvable host and a port, as given by the user. */
struct io_address {
    char host[256];
    uint16_t port;
};

struct io_stream {
    /* Asked before each read: room for at least one byte. Returning a size of 0
     * pauses reading until io_stream_resume(). */
    char *(*room)(struct io_stream *stream, size_t *ret_size);
    /* `size` bytes were put into the room; 0: the peer closed its side; negative:
     * an error. After 0 or an error no more is read; after 0 the peer may still
     * read what is written. Close the stream in the end. */
    void (*received)(struct io_stream *stream, int64_t size);
    /* All bytes given to io_stream_write() that returned "pending" have left
     * (status 0), or could not (negative). */
    void (*sent)(struct io_stream *stream, int status);
    /* The last callback on this stream: from now on the owner may free it. */
    void (*closed)(struct io_stream *stream);
    /* Set before it is opened: where the other side's system takes nothing of what was
     * written for so long, the connection is broken. 0: as the system does it, which may
     * be after a quarter of an hour. (A simulated network has ways of its own.) */
    uint32_t send_timeout_ms;
    void *backend;
};

/* A listening socket. `accepted` must take each connection at once with
 * io_accept() or refuse it with io_refuse(). */
struct io_listener {
    void (*accepted)(struct io_listener *listener);
    void (*closed)(struct io_listener *listener);
    void *backend;
};

/* Listens on host:port (port 0: any free one, see *ret_port). Blocking name
 * resolution: start-up only. Address in use: -EADDRINUSE. */
int io_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
              uint16_t *ret_port);
void io_listener_close(struct io *io, struct io_listener *listener);
/* Takes the waiting connection into `stream`, whose callbacks are set, and begins
 * to read. On an error the stream is not open and gets no callback. */
int io_accept(struct io *io, struct io_listener *listener, struct io_stream *stream);
void io_refuse(struct io *io, struct io_listener *listener);

/* A connection being made: name resolution and connect, both in the background. */
struct io_connect {
    /* Status 0: `stream` is open and read from. Else it is not open, and no
     * other callback comes. -ENXIO: the name cannot be resolved; -EAGAIN: the name
     * servers do not answer. */
    void (*connected)(struct io_connect *connect, int status);
    struct io_stream *stream;
    void *backend;
};

void io_connect(struct io *io, struct io_connect *connect, struct io_stream *stream,
                const struct io_address *address);
/* Gives up, while `connected` has not yet been called: it is, with -ECANCELED, later. */
void io_connect_cancel(struct io *io, struct io_connect *connect);

/* Writes bytes that stay still until they have left. Returns 1 where all left at
 * once (no callback comes), 0 where some are pending (`sent` will be called;
 * until then no other write may be made on this stream), or a negative error:
 * then nothing more can be written, close the stream. */
int io_stream_write(struct io *io, struct io_stream *stream, const void *data, size_t size);
/* Ends this side, while no write is pending: behind what was written the other one reads
 * the end. What it sends is read as before; nothing can be written any more. */
void io_stream_shut(struct io *io, struct io_stream *stream);
/* After room() returned 0: reads again. */
void io_stream_resume(struct io *io, struct io_stream *stream);
/* Ends the stream: pending bytes are dropped; `closed` comes later, and no other
 * callback before it. Where the other side has sent what was not read, or sends more, it
 * gets a reset, which may cost it what it had not read: see io_stream_shut(). */
void io_stream_close(struct io *io, struct io_stream *stream);
/* "127.0.0.1:40312" of the other end, for logs and CLIENT LIST. */
void io_stream_peer(struct io *io, struct io_stream *stream, char *text, size_t text_size);
/* Stands for the other end's address: the same for all connections from it (of IPv6, from its /64
 * network, as one machine can have any address of that). */
uint64_t io_stream_origin(struct io *io, struct io_stream *stream);
/* Whether the other end is this very machine: both addresses are of loopback. */
bool io_stream_is_local(struct io *io, struct io_stream *stream);

/* --- background work ------------------------------------------------------- */

/* A thread of its own that runs jobs one at a time, in the order given. */
struct io_worker;

struct io_job {
    void (*run)(struct io_job *job);  /* On the worker: may block, may use files. */
    void (*done)(struct io_job *job); /* On the loop, later, in the order of submission. */
    struct io_job *next;              /* The backend's. */
};

struct io_worker *io_worker_start(struct io *io, const char *name);
void io_worker_submit(struct io_worker *worker, struct io_job *job);
/* Waits for the jobs submitted (their `done` is not called any more) and ends it. */
void io_worker_stop(struct io_worker *worker);

/* --- files (blocking: see the head of this file) ---------------------------- */

enum io_open_flags {
    IO_CREATE = 1,    /* Make it where it is missing. */
    IO_EXCLUSIVE = 2, /* With IO_CREATE: -EEXIST where it is there. */
    IO_READ_ONLY = 4,
};

enum { IO_BLOCK_BYTES = 512 };

struct io_file; /* Opaque; one open file. */

/* -EINVAL: a fifo has that name. A directory can be opened too, with IO_READ_ONLY alone, to
 * be locked. */
int io_file_open(struct io *io, const char *path, int flags, struct io_file **ret_file);
void io_file_close(struct io_file *file);
/* All of it or an error; reading past the end gives what is there, as a count. */
int64_t io_file_read(struct io_file *file, uint64_t offset, void *data, size_t size);
int io_file_write(struct io_file *file, uint64_t offset, const void *data, size_t size);
/* Both at once: on 0 the data is durable. Over blocks that were written before, it is
 * the fastest way to a durable write, and best where offset, size and memory are
 * multiples of IO_BLOCK_BYTES. After an error nobody knows what is on the disk. */
int io_file_write_durable(struct io_file *file, uint64_t offset, const void *data, size_t size);
/* Makes the data, and what is needed to find it, durable (fdatasync). */
int io_file_sync(struct io_file *file);
int64_t io_file_size(struct io_file *file);
/* Whether nobody but its owner may read or write it. (Files are made so.) */
bool io_file_is_private(struct io_file *file);
int io_file_truncate(struct io_file *file, uint64_t size);
/* Takes the exclusive lock on it for this process's life, or until closed.
 * -EWOULDBLOCK where another holds it. */
int io_file_lock(struct io_file *file);

/* Whether that path still leads to this file. False only where it certainly does not. */
bool io_file_is_at(struct io_file *file, const char *path);

int io_dir_make(struct io *io, const char *path); /* Mode 0700; fine where it exists. */
int io_dir_sync(struct io *io, const char *path); /* Makes names made in it durable. */
/* Calls `each` with each plain name in no particular order. */
int io_dir_list(struct io *io, const char *path, void (*each)(void *context, const char *name),
                void *context);
int io_rename(struct io *io, const char *from, const char *to);
int io_unlink(struct io *io, const char *path);

#endif /* RAKIT_IO_IO_H */
