/* io.h - the only interface to the outside world. Two backends implement it, chosen at link
 * time: io_uv.c (libuv and POSIX, for production) and the simulator's.
 *
 * There are two kinds of calls.
 *
 * 1. Those of the event loop: streams, timers, jobs. They never block. The caller owns every
 *    struct and buffer that it passes in, and must not move or free it before the callback says
 *    that it is done. No callback runs during a call into this header; all come from the loop,
 *    on the loop's thread.
 *
 * 2. Files. These calls block, so they may be made only before the node serves anybody
 *    (start-up, recovery) and in a job that runs on a worker. That keeps storage code a plain
 *    sequence of steps; see docs/adr/0002.
 *
 * Errors are negative errno values (-ENOSPC, -ECONNREFUSED ...). */
#ifndef RAKIT_IO_IO_H
#define RAKIT_IO_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct io;     /* One per node; created by the backend (io_uv.h, or the simulator). */
struct io_tls; /* How streams are encrypted: io_tls.h. */

/* --- time and chance ------------------------------------------------------- */

/* These may also be called in a job, unless the comment says otherwise. */

/* Monotonic, in nanoseconds; constant during a callback. It goes on while the process is stopped
 * or the machine is suspended. */
uint64_t io_now_ns(struct io *io);
/* The time that the callbacks and the turn have taken since io_now_ns() was last updated, for
 * work with a time limit. Only on the loop's thread. */
uint64_t io_spent_ns(struct io *io);
/* Nanoseconds since 1970 by the wall clock; may jump. */
uint64_t io_wall_ns(struct io *io);
void io_random(struct io *io, void *bytes, size_t size);

/* --- timers ---------------------------------------------------------------- */

/* Fires once. Starting an armed timer moves it. */
struct io_timer {
    void (*fired)(struct io_timer *timer); /* Set by the owner before the first start. */
    void *backend;                         /* NULL at first. */
};

void io_timer_start(struct io *io, struct io_timer *timer, uint64_t at_ns);
/* Does nothing if the timer is not armed. Frees the backend's part; afterwards the owner may
 * free the timer. */
void io_timer_stop(struct io *io, struct io_timer *timer);

/* --- the turn -------------------------------------------------------------- */

/* Sets the function that is called once after each batch of callbacks, before the loop waits
 * again. One per io. */
void io_set_turn(struct io *io, void (*turn)(void *context), void *context);
/* Asks for one more turn: the loop first handles the events that are there, without waiting. */
void io_turn_soon(struct io *io);

/* --- streams (TCP) --------------------------------------------------------- */

/* A numeric or resolvable host, and a port, as given by the user. */
struct io_address {
    char host[256];
    uint16_t port;
};

struct io_stream {
    /* Called before each read: returns room for at least one byte. A size of 0 pauses reading
     * until io_stream_resume(). */
    char *(*room)(struct io_stream *stream, size_t *ret_size);
    /* `size` bytes were read into the room; 0: the peer closed its side; negative: an error.
     * After 0 or an error nothing more is read; after 0 the peer may still read what is written.
     * The owner must close the stream in the end. */
    void (*received)(struct io_stream *stream, int64_t size);
    /* All bytes of an io_stream_write() that returned "pending" were sent (status 0), or could
     * not be (negative). */
    void (*sent)(struct io_stream *stream, int status);
    /* The last callback of this stream: the owner may free it now. */
    void (*closed)(struct io_stream *stream);
    /* Set before the stream is opened: if the other machine accepts no data that was written for
     * so long, the connection is broken. 0: the system's timeout, which may be a quarter of an
     * hour. (The simulated network has its own rules.) */
    uint32_t send_timeout_ms;
    /* Set before the stream is opened: it is encrypted in this way. NULL: it is not. An attempt to
     * connect then lasts until both sides know each other; an accepted stream may be written to
     * before that. */
    struct io_tls *tls;
    void *backend;
};

/* A listening socket. `accepted` must either accept each connection immediately with io_accept()
 * or refuse it with io_refuse(). */
struct io_listener {
    void (*accepted)(struct io_listener *listener);
    void (*closed)(struct io_listener *listener);
    void *backend;
};

/* Listens on host:port (port 0: any free one, see *ret_port). Resolves names blocking, so only
 * at start-up. Address in use: -EADDRINUSE. */
int io_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
              uint16_t *ret_port);
void io_listener_close(struct io *io, struct io_listener *listener);
/* Accepts the waiting connection as `stream`, whose callbacks are set, and starts to read. On an
 * error the stream is not open and gets no callback. */
int io_accept(struct io *io, struct io_listener *listener, struct io_stream *stream);
void io_refuse(struct io *io, struct io_listener *listener);

/* A connection attempt: name resolution and connect, both in the background. */
struct io_connect {
    /* Status 0: `stream` is open and being read. Otherwise it is not open and gets no callback.
     * -ENXIO: the name cannot be resolved; -EAGAIN: the name servers do not answer;
     * -EKEYREJECTED: the other side's certificate is not believed; -EPROTO: another reason not to
     * speak TLS with it. */
    void (*connected)(struct io_connect *connect, int status);
    struct io_stream *stream;
    void *backend;
};

void io_connect(struct io *io, struct io_connect *connect, struct io_stream *stream,
                const struct io_address *address);
/* Cancels an attempt before `connected` was called; it is called later, with -ECANCELED. */
void io_connect_cancel(struct io *io, struct io_connect *connect);

/* Writes bytes, which must not move until they are sent. Returns 1 if all were sent at once (no
 * callback comes), 0 if some are pending (`sent` will be called; until then no other write may
 * be made on this stream), or a negative error: nothing more can be written, so close the
 * stream. */
int io_stream_write(struct io *io, struct io_stream *stream, const void *data, size_t size);
/* Ends this side's output; no write may be pending. The other side reads the end after
 * everything that was written. Reading goes on as before; nothing can be written any more. */
void io_stream_shut(struct io *io, struct io_stream *stream);
/* Resumes reading after room() returned a size of 0. */
void io_stream_resume(struct io *io, struct io_stream *stream);
/* Ends the stream: pending bytes are dropped; `closed` comes later, and no other callback before
 * it. If the other side has sent bytes that were not read, or sends more, it gets a reset, and
 * may lose what it had not read yet: see io_stream_shut(). */
void io_stream_close(struct io *io, struct io_stream *stream);
/* The other end, such as "127.0.0.1:40312", for logs and CLIENT LIST. */
void io_stream_peer(struct io *io, struct io_stream *stream, char *text, size_t text_size);
/* A hash of the other end's address, the same for all connections from it. (For IPv6 it covers
 * the /64 network, since one machine can have any address in it.) */
uint64_t io_stream_origin(struct io *io, struct io_stream *stream);
/* Whether the other end is on this machine: both addresses are loopback. */
bool io_stream_is_local(struct io *io, struct io_stream *stream);

/* --- background work ------------------------------------------------------- */

/* A thread that runs jobs one at a time, in order of submission. */
struct io_worker;

struct io_job {
    void (*run)(struct io_job *job);  /* On the worker: may block, may use files. */
    void (*done)(struct io_job *job); /* On the loop, later, in the order of submission. */
    struct io_job *next;              /* For the backend. */
};

struct io_worker *io_worker_start(struct io *io, const char *name);
void io_worker_submit(struct io_worker *worker, struct io_job *job);
/* Waits for the submitted jobs (their `done` is not called any more) and ends the thread. */
void io_worker_stop(struct io_worker *worker);

/* --- files (blocking: see the head of this file) ---------------------------- */

enum io_open_flags {
    IO_CREATE = 1,    /* Create the file if it does not exist. */
    IO_EXCLUSIVE = 2, /* With IO_CREATE: -EEXIST if it exists. */
    IO_READ_ONLY = 4,
    IO_FROM_DISK = 8, /* The system first drops what it has of the file in memory, if it can, so
                       * that the next reads come from the disk. */
};

enum { IO_BLOCK_BYTES = 512 };

struct io_file; /* Opaque: an open file. */

/* -EINVAL: the name belongs to a fifo. A directory can be opened with IO_READ_ONLY alone, to
 * lock it. */
int io_file_open(struct io *io, const char *path, int flags, struct io_file **ret_file);
void io_file_close(struct io_file *file);
/* Reads `size` bytes, or what there is before the end of the file; returns the count, or an
 * error. */
int64_t io_file_read(struct io_file *file, uint64_t offset, void *data, size_t size);
int io_file_write(struct io_file *file, uint64_t offset, const void *data, size_t size);
/* Writes and syncs: on 0 the data is durable. Over blocks that were written before, this is the
 * fastest durable write; best if offset, size and memory are multiples of IO_BLOCK_BYTES. After
 * an error, what is on the disk is unknown. */
int io_file_write_durable(struct io_file *file, uint64_t offset, const void *data, size_t size);
/* Makes the data, and the metadata needed to read it, durable (fdatasync). */
int io_file_sync(struct io_file *file);
int64_t io_file_size(struct io_file *file);
/* Whether only its owner may read or write the file. (New files are private.) */
bool io_file_is_private(struct io_file *file);
int io_file_truncate(struct io_file *file, uint64_t size);
/* Takes the exclusive lock on the file until it is closed or the process ends. -EWOULDBLOCK if
 * another open file holds it. */
int io_file_lock(struct io_file *file);

/* Whether the path still leads to this file. False only if it certainly does not. */
bool io_file_is_at(struct io_file *file, const char *path);

struct io_space {
    uint64_t used_bytes;  /* By the files in the directory. */
    uint64_t free_bytes;  /* On its file system, for this process. */
    uint64_t total_bytes; /* Of its file system. */
};

/* What a directory takes, and what there is. */
int io_space(struct io *io, const char *path, struct io_space *ret_space);
int io_dir_make(struct io *io, const char *path); /* Mode 0700; 0 if it exists already. */
int io_dir_sync(struct io *io, const char *path); /* Makes the names created in it durable. */
/* Calls `each` with each plain name, in no particular order. */
int io_dir_list(struct io *io, const char *path, void (*each)(void *context, const char *name),
                void *context);
int io_rename(struct io *io, const char *from, const char *to);
int io_unlink(struct io *io, const char *path);

#endif /* RAKIT_IO_IO_H */
