/* io_uv_internal.h - what the files of the libuv backend share.
 *
 * Invariants:
 * - Each libuv callback begins with io_uv_enter(), which makes a turn due.
 * - Every handle that is not a member of struct io is the first member of an allocation of its
 *   own, so that io_uv_free() can free those that are left. */
#ifndef RAKIT_IO_IO_UV_INTERNAL_H
#define RAKIT_IO_IO_UV_INTERNAL_H

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/list.h"
#include "base/lookup.h"
#include "io/io.h"

enum { IO_UV_ADDRESSES_MAX = 16 };

/* An armed timer in the heap; freed when it fires or is stopped. */
struct io_uv_timer {
    struct io_timer *timer;
    uint64_t at_ns;
    uint64_t sequence; /* Timers for the same instant fire in the order of their start. */
    size_t place;      /* Its index in the heap. */
};

struct io_uv_timers {
    struct io_uv_timer **heap; /* A binary heap; the earliest is heap[0]. */
    size_t count;
    size_t capacity;
    uint64_t next_sequence;
};

/* Work for the loop, to be run soon: for results that are known during a call into io.h, when no
 * callback may run. */
struct io_uv_deferred {
    struct list node;
    void (*run)(struct io_uv_deferred *deferred);
};

enum { IO_UV_INSIDE_MAX = 64 };

/* Connections from other threads that the loop has not taken yet. The lock guards all fields. */
struct io_uv_inside {
    pthread_mutex_t lock;
    struct io_listener *listener; /* NULL: none is open. */
    uint32_t count;
    int fds[IO_UV_INSIDE_MAX];
    struct sockaddr_in6 peers[IO_UV_INSIDE_MAX];
};

struct io {
    uv_loop_t loop;
    uv_check_t after_poll;    /* Runs the turn after I/O. */
    uv_prepare_t before_poll; /* Runs the turn after timers, deferred work and closing. */
    uv_idle_t idle;           /* Active if `deferred` has work: the loop then does not wait. */
    uv_idle_t soon;           /* Active if a turn was asked for: the loop then does not wait. */
    uv_timer_t alarm;         /* Set for the earliest timer. */
    uv_poll_t completions;    /* Readable when a worker has finished a job or a lookup of a name
                               * has ended. */
    int completions_fd;       /* The eventfd behind it. */
    pthread_t thread;         /* The loop's thread. */

    bool in_batch;    /* Callbacks are running; `now_ns` is the same for all of them. */
    bool turn_is_due; /* A callback has run since the last turn. */
    uint64_t now_ns;
    void (*turn)(void *context);
    void *turn_context;

    struct io_uv_timers timers;
    uint64_t alarm_ms; /* When `alarm` fires; UINT64_MAX: it is not set. */
    struct list deferred;
    struct list connects; /* By struct io_uv_connect.node: those not yet reported. */
    struct list workers;  /* By struct io_worker.node. */
    struct list names;    /* By struct io_uv_name.node. */
    uint32_t name_count;
    uint32_t lookup_count; /* Lookups under way. */
    struct io_uv_inside inside;
    void *tls_method; /* For io_uv_tls.c; NULL until a stream is encrypted. */
    char *tls_room;   /* The same: for what is read from a socket, until it is used. */
};

/* The socket of a stream, allocated once, with the state of its writes. */
struct io_uv_stream {
    uv_tcp_t tcp; /* Must be first: see the invariants above. */
    uv_write_t write;
    uv_connect_t connect;
    struct io_stream *stream;      /* NULL: nobody gets callbacks any more. */
    struct io_uv_connect *attempt; /* The attempt that waits for it to connect; NULL: none. */
    struct io_uv_tls *tls;         /* NULL: it is not encrypted. */
    struct sockaddr_in6 peer;      /* Large enough for IPv4 as well. */
    bool is_inside;                /* See io_uv_connect_inside(). */
    bool is_writing;
    bool is_closing;
    bool is_asking_room; /* libuv is between room() and the read: the socket may not be closed
                          * now. */
    bool has_ended;      /* The peer closed its side, or there was an error: nothing more is
                          * read. */
};

static inline struct io *io_uv_of(const uv_handle_t *handle)
{
    return handle->loop->data;
}

/* io_uv.c: the clock that io_now_ns() reads. */
uint64_t io_uv_clock_ns(void);

/* If the clock steps back, as on some virtual machines, time stands still instead. */
static inline uint64_t io_uv_read_clock(struct io *io)
{
    uint64_t now_ns = io_uv_clock_ns();

    if (now_ns > io->now_ns) {
        io->now_ns = now_ns;
    }
    return io->now_ns;
}

static inline void io_uv_enter(struct io *io)
{
    if (!io->in_batch) {
        io->in_batch = true;
        (void)io_uv_read_clock(io);
    }
    io->turn_is_due = true;
}

/* Runs `deferred->run` from the loop, before it waits again. */
void io_uv_defer(struct io *io, struct io_uv_deferred *deferred);

/* Converts the result of getaddrinfo() to an error of io.h: -ENXIO if the name has no address,
 * -EAGAIN if the name servers could not answer. */
int io_uv_resolve_error(int gai_error);

/* io_uv_timer.c */
/* Sets the alarm for the earliest timer. */
void io_uv_timers_arm(struct io *io);
void io_uv_timers_deinit(struct io *io);

/* io_uv_stream.c */
/* A socket without a stream. */
struct io_uv_stream *io_uv_stream_new(struct io *io);
/* For an address of either family: see io_stream_origin(). */
uint64_t io_uv_origin(const struct sockaddr_in6 *address);
/* Attaches a connected socket to its stream and starts to read. */
int io_uv_stream_open(struct io_uv_stream *s, struct io_stream *stream,
                      const struct sockaddr *peer);
/* The same for a stream to be encrypted that was dialed at that host; but it is attached by
 * io_uv_stream_attach(), once the attempt has heard io_uv_connect_secured(). */
int io_uv_stream_secure(struct io_uv_stream *s, struct io_tls *tls, const char *host,
                        const struct sockaddr *peer);
void io_uv_stream_attach(struct io_uv_stream *s, struct io_stream *stream);
/* libuv's callbacks for reading. */
void io_uv_on_room(uv_handle_t *handle, size_t suggested_size, uv_buf_t *ret_buffer);
void io_uv_on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer);
/* The other end's address, as io_stream_peer(). */
void io_uv_peer_text(const struct io_uv_stream *s, char *text, size_t text_size);
/* Closes and frees it without a callback. */
void io_uv_stream_drop(struct io_uv_stream *s);
/* Disables Nagle's delay, and makes the system notice within ten seconds that the other machine
 * is gone while nothing is being sent. For the time while something is, see io_stream's
 * send_timeout_ms. */
void io_uv_tune_socket(int fd, const struct io_stream *stream);

/* io_uv_listen.c */
/* Closes the listener's descriptors; the caller still has to close the handle. */
void io_uv_listener_release(uv_poll_t *poll);
/* Lets the listener accept that connection, which is not one of its socket. */
void io_uv_accept_inside(struct io_listener *listener, int fd, const struct sockaddr_in6 *peer);

/* io_uv_inside.c */
void io_uv_inside_init(struct io *io);
void io_uv_inside_deliver(struct io *io);
/* The listener is being closed. */
void io_uv_inside_forget(struct io *io, const struct io_listener *listener);
void io_uv_inside_deinit(struct io *io);

/* io_uv_connect.c */
void io_uv_connects_deinit(struct io *io);
/* The handshake of the attempt's socket is over: 0 or an error, after which the socket is gone. */
void io_uv_connect_secured(struct io_uv_stream *s, int status);

/* io_uv_names.c */
/* Without ports. Large enough for IPv4 as well. */
struct io_uv_addresses {
    struct sockaddr_in6 address[IO_UV_ADDRESSES_MAX];
    uint32_t count;
};

/* Asks for the addresses of a name. */
struct io_uv_asker {
    /* Called once, if is_waiting was true: the answer is here. Must not ask for another name. */
    void (*answered)(struct io_uv_asker *asker);
    struct list node;
    bool is_waiting;
    uint64_t asked_ns;           /* While waiting: when the lookup began. */
    int status;                  /* Result of the last lookup that ended: 0 or an error. */
    struct io_uv_addresses good; /* The last known addresses; none: never known. */
};

/* Fills in what is known now, and starts a lookup unless that is fresh. */
void io_uv_names_ask(struct io *io, struct io_uv_asker *asker, const char *host);
/* The asker is not interested any more; the lookup goes on. */
void io_uv_names_forget(struct io_uv_asker *asker);
void io_uv_names_deliver(struct io *io);
/* Leaves lookups that are under way running. */
void io_uv_names_deinit(struct io *io);

/* io_uv_worker.c */
void io_uv_workers_deliver(struct io *io);

#endif /* RAKIT_IO_IO_UV_INTERNAL_H */
