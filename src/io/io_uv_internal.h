/* io_uv_internal.h - what the files of the libuv backend share.
 *
 * Invariants:
 *  - Each libuv callback begins with io_uv_enter(), which is what makes a turn due.
 *  - Every handle that is not a member of struct io is the first member of an
 *    allocation of its own, so that io_uv_free() can drop those that are left. */
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

/* An armed timer's place in the heap; freed when it fires or is stopped. */
struct io_uv_timer {
    struct io_timer *timer;
    uint64_t at_ns;
    uint64_t sequence; /* Timers of one instant fire in the order of their start. */
    size_t place;      /* Its index in the heap. */
};

struct io_uv_timers {
    struct io_uv_timer **heap; /* Binary heap; the earliest is heap[0]. */
    size_t count;
    size_t capacity;
    uint64_t next_sequence;
};

/* Something to do from the loop, soon: for results that are known while a call
 * into io.h is still being made. */
struct io_uv_deferred {
    struct list node;
    void (*run)(struct io_uv_deferred *deferred);
};

struct io {
    uv_loop_t loop;
    uv_check_t after_poll;    /* Gives the turn after I/O. */
    uv_prepare_t before_poll; /* Gives the turn after timers, deferred work and closing. */
    uv_idle_t idle;           /* Active while `deferred` has work: then the loop does not wait. */
    uv_idle_t soon;           /* Active while a turn was asked for: the same. */
    uv_timer_t alarm;         /* Set for the earliest timer. */
    uv_poll_t completions;    /* Some worker has finished a job, */
    int completions_fd;       /* and has told it by this eventfd; so do lookups of names. */
    pthread_t thread;         /* The loop's. */

    bool in_batch;    /* Callbacks are being run; `now_ns` holds for all of them. */
    bool turn_is_due; /* A callback ran since the last turn. */
    uint64_t now_ns;
    void (*turn)(void *context);
    void *turn_context;

    struct io_uv_timers timers;
    uint64_t alarm_ms; /* What `alarm` is set for; UINT64_MAX: not set. */
    struct list deferred;
    struct list connects; /* struct io_uv_connect.node, those not yet reported. */
    struct list workers;  /* struct io_worker.node */
    struct list names;    /* struct io_uv_name.node */
    uint32_t name_count;
    uint32_t lookup_count; /* Under way. */
};

/* The socket of one stream, made once; also the state of its writes. */
struct io_uv_stream {
    uv_tcp_t tcp; /* First: see the invariants above. */
    uv_write_t write;
    uv_connect_t connect;
    struct io_stream *stream;      /* NULL: nobody is to be told any more. */
    struct io_uv_connect *attempt; /* Whom to tell about `connect`; NULL: nobody. */
    struct sockaddr_in6 peer;      /* Large enough for IPv4's as well. */
    bool is_writing;
    bool is_closing;
    bool is_asking_room; /* libuv is between room() and the read: it may not be closed now. */
    bool has_ended;      /* The peer closed its side, or an error: no more is read. */
};

static inline struct io *io_uv_of(const uv_handle_t *handle)
{
    return handle->loop->data;
}

/* io_uv.c: the clock behind io_now_ns(). */
uint64_t io_uv_clock_ns(void);

/* A clock that steps back, as some virtual machines' do, stands still here. */
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

/* Runs `deferred->run` from the loop before it waits again. */
void io_uv_defer(struct io *io, struct io_uv_deferred *deferred);

/* The error of io.h for what getaddrinfo() returned: -ENXIO where nobody has that
 * name, -EAGAIN where the name servers could not say. */
int io_uv_resolve_error(int gai_error);

/* io_uv_timer.c */
/* Sets the alarm for the earliest timer. */
void io_uv_timers_arm(struct io *io);
void io_uv_timers_deinit(struct io *io);

/* io_uv_stream.c */
/* A socket that belongs to nobody yet. */
struct io_uv_stream *io_uv_stream_new(struct io *io);
/* Of an address of either family: see io_stream_origin(). */
uint64_t io_uv_origin(const struct sockaddr_in6 *address);
/* Joins a connected socket to its stream and begins to read. */
int io_uv_stream_open(struct io_uv_stream *s, struct io_stream *stream,
                      const struct sockaddr *peer);
/* Closes and frees it without telling anybody. */
void io_uv_stream_drop(struct io_uv_stream *s);
/* Sends small packets at once, and notices within ten seconds that the other machine is
 * gone, where nothing is under way. For what is, see io_stream's send_timeout_ms. */
void io_uv_tune_socket(int fd, const struct io_stream *stream);

/* io_uv_listen.c */
/* Closes the listener's descriptors; the handle itself is left to the caller. */
void io_uv_listener_release(uv_poll_t *poll);

/* io_uv_connect.c */
void io_uv_connects_deinit(struct io *io);

/* io_uv_names.c */
/* Without ports; large enough for IPv4's as well. */
struct io_uv_addresses {
    struct sockaddr_in6 address[IO_UV_ADDRESSES_MAX];
    uint32_t count;
};

/* Who wants to know the addresses of a name. */
struct io_uv_asker {
    /* Once where is_waiting was true: the answer is here. Must ask nothing from here. */
    void (*answered)(struct io_uv_asker *asker);
    struct list node;
    bool is_waiting;
    uint64_t asked_ns;           /* Where it waits: since when the lookup is under way. */
    int status;                  /* Of the last lookup that ended: 0 or an error. */
    struct io_uv_addresses good; /* As last known; none: never. */
};

/* Fills in what is known now, and begins a lookup unless that is fresh. */
void io_uv_names_ask(struct io *io, struct io_uv_asker *asker, const char *host);
/* It does not want to know any more; the lookup goes on. */
void io_uv_names_forget(struct io_uv_asker *asker);
void io_uv_names_deliver(struct io *io);
/* Leaves lookups that are under way to themselves. */
void io_uv_names_deinit(struct io *io);

/* io_uv_worker.c */
void io_uv_workers_deliver(struct io *io);

#endif /* RAKIT_IO_IO_UV_INTERNAL_H */
