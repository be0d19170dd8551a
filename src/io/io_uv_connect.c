/* io_uv_connect.c - connection attempts: a name is resolved in the background, then its
 * addresses are tried in the resolver's order until one answers.
 *
 * A name server may be slow or silent. If a name had addresses before, those are tried unless
 * the answer comes quickly. If it had none, the attempt ends soon. The lookup goes on, and its
 * answer serves the next attempt. An address where TLS cannot be agreed on has not answered.
 *
 * Invariant: `connected` is called exactly once, from the loop; cancelling only makes it come
 * sooner. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "io/io_uv_internal.h"

static const uint64_t at_once_ns = 100000000ull;     /* Enough for a healthy name server. */
static const uint64_t lookup_ns = 1500000000ull;     /* For a name that never had an address. */
static const uint64_t addresses_ns = 1500000000ull;  /* Shared by all addresses but the last. */
static const uint64_t address_min_ns = 100000000ull; /* The least for each address. */
static const uint64_t address_max_ns = 500000000ull; /* The most for each address. */

struct io_uv_connect {
    struct list node; /* In io->connects until it is reported. */
    struct io *io;
    struct io_connect *connect;
    struct io_uv_asker asker; /* Also holds the addresses; of a numeric host, the only one. */
    char host[sizeof((struct io_address *)0)->host]; /* For TLS. */
    uint16_t port;
    uint32_t tried_count;
    struct io_uv_stream *socket;  /* Connecting to the address tried last; NULL if none. */
    struct io_timer timer;        /* Ends the wait for the lookup or for an address. */
    struct io_uv_deferred report; /* In no list until the outcome is known. */
    int status;                   /* The last error, which a failure is reported with. */
};

/* Reports to the owner, which may free the io_connect in the callback. */
static void report_outcome(struct io_uv_connect *attempt, int status)
{
    struct io_connect *connect = attempt->connect;

    io_timer_stop(attempt->io, &attempt->timer);
    list_remove(&attempt->node);
    connect->backend = NULL;
    free(attempt);
    connect->connected(connect, status);
}

static void on_report(struct io_uv_deferred *deferred)
{
    struct io_uv_connect *attempt = container_of(deferred, struct io_uv_connect, report);

    report_outcome(attempt, attempt->status);
}

/* Never calls back immediately, since the caller may be io_connect() itself. */
static void fail_soon(struct io_uv_connect *attempt, int status)
{
    io_timer_stop(attempt->io, &attempt->timer);
    attempt->status = status;
    if (list_is_empty(&attempt->report.node)) {
        io_uv_defer(attempt->io, &attempt->report);
    }
}

/* --- connecting ------------------------------------------------------------ */

static void try_next(struct io_uv_connect *attempt);

/* The socket is open for its owner, or cannot be. */
static void end_address(struct io_uv_connect *attempt, int status)
{
    struct io_uv_stream *s = attempt->socket;

    s->attempt = NULL;
    attempt->socket = NULL;
    if (status == 0) {
        report_outcome(attempt, 0);
        return;
    }
    io_uv_stream_drop(s);
    attempt->status = status;
    try_next(attempt);
}

void io_uv_connect_secured(struct io_uv_stream *s, int status)
{
    if (status == 0) {
        io_uv_stream_attach(s, s->attempt->connect->stream);
    }
    end_address(s->attempt, status);
}

/* Connected: opens the stream, or begins the handshake. */
static int begin(struct io_uv_connect *attempt)
{
    struct io_stream *stream = attempt->connect->stream;
    const struct sockaddr *peer =
        (const struct sockaddr *)&attempt->asker.good.address[attempt->tried_count - 1];
    int fd;

    CHECK(uv_fileno((uv_handle_t *)&attempt->socket->tcp, &fd) == 0);
    io_uv_tune_socket(fd, stream);
    return stream->tls == NULL
               ? io_uv_stream_open(attempt->socket, stream, peer)
               : io_uv_stream_secure(attempt->socket, stream->tls, attempt->host, peer);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct io_uv_stream *s = container_of(request, struct io_uv_stream, connect);
    struct io_uv_connect *attempt = s->attempt;

    if (attempt == NULL) {
        return; /* Cancelled meanwhile. */
    }
    io_uv_enter(attempt->io);
    status = status == 0 ? begin(attempt) : status;
    if (status != 0 || attempt->connect->stream->tls == NULL) {
        end_address(attempt, status);
    }
}

static int try_one(struct io_uv_connect *attempt, struct sockaddr_in6 *address)
{
    struct io_uv_stream *s = io_uv_stream_new(attempt->io);
    int status;

    address->sin6_port = htons(attempt->port); /* The IPv4 port is at the same offset. */
    status = uv_tcp_connect(&s->connect, &s->tcp, (const struct sockaddr *)address, on_connect);
    if (status != 0) {
        io_uv_stream_drop(s);
        return status;
    }
    s->attempt = attempt;
    attempt->socket = s;
    return 0;
}

static void set_timer(struct io_uv_connect *attempt, uint64_t at_ns)
{
    io_timer_start(attempt->io, &attempt->timer, at_ns);
}

/* How long to wait for one address while there are others: all are tried before an impatient
 * owner gives up the attempt. */
static uint64_t share_ns(const struct io_uv_connect *attempt)
{
    uint64_t ns = addresses_ns / attempt->asker.good.count;

    ns = ns < address_max_ns ? ns : address_max_ns;
    return ns > address_min_ns ? ns : address_min_ns;
}

static void try_next(struct io_uv_connect *attempt)
{
    struct io_uv_addresses *known = &attempt->asker.good;

    io_timer_stop(attempt->io, &attempt->timer);
    while (attempt->tried_count < known->count) {
        attempt->status = try_one(attempt, &known->address[attempt->tried_count++]);
        if (attempt->status == 0) {
            if (attempt->tried_count < known->count) {
                set_timer(attempt, io_now_ns(attempt->io) + share_ns(attempt));
            }
            return;
        }
    }
    /* If the addresses are out of date, the lookup's error is the one to report. */
    fail_soon(attempt, attempt->asker.status != 0 ? attempt->asker.status : attempt->status);
}

static void drop_socket(struct io_uv_connect *attempt)
{
    if (attempt->socket != NULL) {
        io_uv_stream_drop(attempt->socket);
        attempt->socket = NULL;
    }
}

/* --- resolving ------------------------------------------------------------- */

/* The lookup is over, or has had its time. */
static void go_on(struct io_uv_connect *attempt)
{
    if (attempt->asker.good.count == 0) {
        fail_soon(attempt, attempt->asker.status);
    } else {
        try_next(attempt);
    }
}

static void on_answered(struct io_uv_asker *asker)
{
    go_on(container_of(asker, struct io_uv_connect, asker));
}

static void on_timer(struct io_timer *timer)
{
    struct io_uv_connect *attempt = container_of(timer, struct io_uv_connect, timer);

    if (attempt->asker.is_waiting) {
        io_uv_names_forget(&attempt->asker);
        if (attempt->asker.status == 0) {
            attempt->asker.status = -EAGAIN;
        }
        go_on(attempt);
    } else {
        drop_socket(attempt);
        attempt->status = -ETIMEDOUT;
        try_next(attempt);
    }
}

/* If the host is numeric, fills in its only address. */
static bool parse_numeric(struct io_uv_addresses *ret_known, const char *host)
{
    struct sockaddr_in6 *to = &ret_known->address[0];

    if (uv_ip4_addr(host, 0, (struct sockaddr_in *)(void *)to) != 0 &&
        uv_ip6_addr(host, 0, to) != 0) {
        return false;
    }
    ret_known->count = 1;
    return true;
}

static void resolve(struct io_uv_connect *attempt, const char *host)
{
    struct io_uv_asker *asker = &attempt->asker;

    io_uv_names_ask(attempt->io, asker, host);
    if (!asker->is_waiting) {
        go_on(attempt);
    } else if (asker->good.count > 0 && !MUTANT(last_addresses_forgotten)) {
        set_timer(attempt, asker->asked_ns + at_once_ns);
    } else {
        set_timer(attempt, io_now_ns(attempt->io) + lookup_ns);
    }
}

/* --- the door -------------------------------------------------------------- */

void io_connect(struct io *io, struct io_connect *connect, struct io_stream *stream,
                const struct io_address *address)
{
    struct io_uv_connect *attempt = memory_take_zeroed(1, sizeof *attempt);

    attempt->io = io;
    attempt->connect = connect;
    attempt->port = address->port;
    snprintf(attempt->host, sizeof attempt->host, "%s", address->host);
    attempt->asker.answered = on_answered;
    attempt->timer.fired = on_timer;
    attempt->report.run = on_report;
    list_init(&attempt->asker.node);
    list_init(&attempt->report.node);
    list_append(&io->connects, &attempt->node);
    connect->stream = stream;
    connect->backend = attempt;
    if (parse_numeric(&attempt->asker.good, address->host)) {
        try_next(attempt);
    } else {
        resolve(attempt, address->host);
    }
}

static void give_up(struct io_uv_connect *attempt)
{
    io_uv_names_forget(&attempt->asker);
    drop_socket(attempt);
}

void io_connect_cancel(struct io *io, struct io_connect *connect)
{
    struct io_uv_connect *attempt = connect->backend;

    CHECK(attempt != NULL);
    give_up(attempt);
    fail_soon(attempt, -ECANCELED);
}

void io_uv_connects_deinit(struct io *io)
{
    struct list *node;

    while ((node = list_first(&io->connects)) != NULL) {
        struct io_uv_connect *attempt = container_of(node, struct io_uv_connect, node);

        list_remove(&attempt->node);
        list_remove(&attempt->report.node);
        give_up(attempt);
        io_timer_stop(io, &attempt->timer);
        free(attempt);
    }
}
