/* io_uv_connect.c - connections being made: a name is resolved in the background,
 * then its addresses are tried in the resolver's order until one answers.
 *
 * Invariants:
 *  - `connected` is called exactly once, from the loop; cancelling only hurries it.
 *  - The attempt outlives its report while libuv still resolves for it. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/io_uv_internal.h"

struct io_uv_connect {
    struct list node; /* In io->connects until it is reported. */
    struct io *io;
    struct io_connect *connect;  /* NULL once it has been told. */
    uv_getaddrinfo_t resolve;    /* Busy while is_resolving. */
    struct addrinfo *resolved;   /* NULL for a numeric host. */
    const struct addrinfo *next; /* Not yet tried. */
    struct addrinfo numeric;     /* The list of one that a numeric host makes. */
    struct sockaddr_in6 numeric_address;
    const struct addrinfo *tried; /* What `socket` connects to. */
    struct io_uv_stream *socket;  /* NULL while none connects. */
    struct io_uv_deferred report; /* In no list while the outcome is open. */
    int status;                   /* The last error; what a failure is reported with. */
    bool is_resolving;
};

static void free_attempt(struct io_uv_connect *attempt)
{
    if (attempt->resolved != NULL) {
        uv_freeaddrinfo(attempt->resolved);
    }
    free(attempt);
}

/* Tells the owner, who may free the io_connect in the callback. */
static void tell(struct io_uv_connect *attempt, int status)
{
    struct io_connect *connect = attempt->connect;

    list_remove(&attempt->node);
    attempt->connect = NULL;
    connect->backend = NULL;
    if (!attempt->is_resolving) {
        free_attempt(attempt); /* Otherwise on_resolved() does. */
    }
    connect->connected(connect, status);
}

static void on_report(struct io_uv_deferred *deferred)
{
    struct io_uv_connect *attempt = container_of(deferred, struct io_uv_connect, report);

    tell(attempt, attempt->status);
}

/* Never from here at once: io_connect() itself may be our caller. */
static void fail_soon(struct io_uv_connect *attempt, int status)
{
    attempt->status = status;
    if (list_is_empty(&attempt->report.node)) {
        io_uv_defer(attempt->io, &attempt->report);
    }
}

/* --- connecting ------------------------------------------------------------ */

static void try_next(struct io_uv_connect *attempt);

static void on_connect(uv_connect_t *request, int status)
{
    struct io_uv_stream *s = container_of(request, struct io_uv_stream, connect);
    struct io_uv_connect *attempt = s->attempt;
    int fd;

    if (attempt == NULL) {
        return; /* Dropped meanwhile. */
    }
    io_uv_enter(attempt->io);
    s->attempt = NULL;
    attempt->socket = NULL;
    if (status == 0) {
        CHECK(uv_fileno((uv_handle_t *)&s->tcp, &fd) == 0);
        io_uv_tune_socket(fd, attempt->connect->stream);
        status = io_uv_stream_open(s, attempt->connect->stream, attempt->tried->ai_addr);
    }
    if (status == 0) {
        tell(attempt, 0);
        return;
    }
    io_uv_stream_drop(s);
    attempt->status = status;
    try_next(attempt);
}

static int try_one(struct io_uv_connect *attempt, const struct addrinfo *address)
{
    struct io_uv_stream *s = io_uv_stream_new(attempt->io);
    int status = uv_tcp_connect(&s->connect, &s->tcp, address->ai_addr, on_connect);

    if (status != 0) {
        io_uv_stream_drop(s);
        return status;
    }
    s->attempt = attempt;
    attempt->socket = s;
    attempt->tried = address;
    return 0;
}

static void try_next(struct io_uv_connect *attempt)
{
    while (attempt->next != NULL) {
        const struct addrinfo *address = attempt->next;

        attempt->next = address->ai_next;
        if (address->ai_family != AF_INET && address->ai_family != AF_INET6) {
            continue;
        }
        attempt->status = try_one(attempt, address);
        if (attempt->status == 0) {
            return;
        }
    }
    fail_soon(attempt, attempt->status);
}

/* --- resolving ------------------------------------------------------------- */

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct io_uv_connect *attempt = container_of(request, struct io_uv_connect, resolve);

    attempt->is_resolving = false;
    attempt->resolved = list;
    if (attempt->connect == NULL) {
        free_attempt(attempt);
        return;
    }
    if (!list_is_empty(&attempt->report.node)) {
        return; /* Cancelled, and about to be told so. */
    }
    io_uv_enter(attempt->io);
    if (status != 0) {
        fail_soon(attempt, io_uv_resolve_error(status));
        return;
    }
    attempt->next = list;
    try_next(attempt);
}

/* Fills in the list of one where the host is a number. */
static bool parse_numeric(struct io_uv_connect *attempt, const struct io_address *address)
{
    struct sockaddr_in6 *to = &attempt->numeric_address;

    if (uv_ip4_addr(address->host, address->port, (struct sockaddr_in *)(void *)to) != 0 &&
        uv_ip6_addr(address->host, address->port, to) != 0) {
        return false;
    }
    attempt->numeric =
        (struct addrinfo){.ai_family = to->sin6_family, .ai_addr = (struct sockaddr *)to};
    attempt->next = &attempt->numeric;
    return true;
}

static int resolve(struct io_uv_connect *attempt, const struct io_address *address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[8];
    int status;

    snprintf(port, sizeof port, "%u", address->port);
    status = uv_getaddrinfo(&attempt->io->loop, &attempt->resolve, on_resolved, address->host, port,
                            &hints);
    attempt->is_resolving = status == 0;
    return status;
}

/* --- the door -------------------------------------------------------------- */

void io_connect(struct io *io, struct io_connect *connect, struct io_stream *stream,
                const struct io_address *address)
{
    struct io_uv_connect *attempt = memory_take_zeroed(1, sizeof *attempt);

    attempt->io = io;
    attempt->connect = connect;
    attempt->status = -ENXIO;
    attempt->report.run = on_report;
    list_init(&attempt->report.node);
    list_append(&io->connects, &attempt->node);
    connect->stream = stream;
    connect->backend = attempt;
    if (parse_numeric(attempt, address)) {
        try_next(attempt);
        return;
    }
    int status = resolve(attempt, address);

    if (status != 0) {
        /* A name too long or not of this world. */
        fail_soon(attempt, status == UV_ENOMEM ? -ENOMEM : -ENXIO);
    }
}

static void give_up(struct io_uv_connect *attempt)
{
    attempt->next = NULL;
    if (attempt->socket != NULL) {
        io_uv_stream_drop(attempt->socket);
        attempt->socket = NULL;
    }
    if (attempt->is_resolving) {
        /* Too late for a resolution under way: that one ends by itself. */
        (void)uv_cancel((uv_req_t *)&attempt->resolve);
    }
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
        attempt->connect = NULL;
        give_up(attempt);
        if (!attempt->is_resolving) {
            free_attempt(attempt);
        }
    }
}
