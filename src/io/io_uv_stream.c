/* io_uv_stream.c - connected TCP sockets: reading, writing, closing.
 *
 * Invariants:
 * - One allocation per stream, when it is opened: neither reads nor writes allocate.
 * - At most one write is pending.
 * - Once is_closing is set, `closed` is the only callback still to come. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/io_uv_internal.h"
#include "io/io_uv_tls.h"

/* A machine that has gone is noticed after KEEP_IDLE_S + KEEP_PROBES * KEEP_INTERVAL_S of
 * silence; a process that has gone, at once. */
enum { KEEP_IDLE_S = 5, KEEP_INTERVAL_S = 1, KEEP_PROBES = 5 };

/* --- making and closing ---------------------------------------------------- */

struct io_uv_stream *io_uv_stream_new(struct io *io)
{
    struct io_uv_stream *s = memory_take_zeroed(1, sizeof *s);

    CHECK(uv_tcp_init(&io->loop, &s->tcp) == 0); /* Creates no socket yet, so it can't fail. */
    return s;
}

static void set_option(int fd, int level, int name, int value)
{
    /* Best effort: a refused option is no reason to refuse the peer. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

void io_uv_tune_socket(int fd, const struct io_stream *stream)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
    if (stream->send_timeout_ms > 0) {
        set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)stream->send_timeout_ms);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct io_uv_stream *s = container_of(handle, struct io_uv_stream, tcp);
    struct io_stream *stream = s->stream;
    struct io *io = io_uv_of(handle);

    io_uv_tls_free(s->tls);
    free(s);
    if (stream != NULL) {
        io_uv_enter(io);
        stream->backend = NULL;
        stream->closed(stream);
    }
}

void io_uv_stream_drop(struct io_uv_stream *s)
{
    s->is_closing = true;
    s->stream = NULL;
    s->attempt = NULL;
    uv_close((uv_handle_t *)&s->tcp, on_closed);
}

void io_stream_close(struct io *io, struct io_stream *stream)
{
    struct io_uv_stream *s = stream->backend;

    CHECK(s != NULL);
    CHECK(!s->is_closing);
    if (s->tls != NULL) {
        io_uv_tls_farewell(s);
    }
    s->is_closing = true;
    if (!s->is_asking_room) {
        uv_close((uv_handle_t *)&s->tcp, on_closed);
    }
}

/* --- reading --------------------------------------------------------------- */

void io_uv_on_room(uv_handle_t *handle, size_t suggested_size, uv_buf_t *ret_buffer)
{
    struct io_uv_stream *s = container_of(handle, struct io_uv_stream, tcp);
    size_t size = 0;
    char *room;

    io_uv_enter(io_uv_of(handle));
    if (s->tls != NULL) {
        io_uv_tls_room(s, ret_buffer);
        return;
    }
    s->is_asking_room = true;
    room = s->stream->room(s->stream, &size);
    s->is_asking_room = false;
    if (s->is_closing) {
        size = 0; /* io_uv_on_read() is then called at once, and closes the socket. */
    }
    *ret_buffer = (uv_buf_t){.base = size == 0 ? NULL : room, .len = size};
}

void io_uv_on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
    struct io_uv_stream *s = container_of(handle, struct io_uv_stream, tcp);

    io_uv_enter(io_uv_of((uv_handle_t *)handle));
    if (s->is_closing) {
        /* Closed by its own room() callback. */
        uv_close((uv_handle_t *)&s->tcp, on_closed);
        return;
    }
    if (size == 0) {
        return; /* Nothing to read after all. */
    }
    if (s->tls != NULL) {
        io_uv_tls_read(s, size, buffer);
        return;
    }
    if (size == UV_ENOBUFS && (buffer->base == NULL || buffer->len == 0)) {
        uv_read_stop(handle); /* No room: paused until io_stream_resume(). */
        return;
    }
    if (size < 0) {
        s->has_ended = true;
        uv_read_stop(handle);
    }
    s->stream->received(s->stream, size == UV_EOF ? 0 : size);
}

void io_stream_resume(struct io *io, struct io_stream *stream)
{
    struct io_uv_stream *s = stream->backend;

    CHECK(s != NULL);
    if (s->is_closing || s->has_ended) {
        return;
    }
    if (s->tls != NULL) {
        io_uv_tls_resume(s);
        return;
    }
    int status = uv_read_start((uv_stream_t *)&s->tcp, io_uv_on_room, io_uv_on_read);

    CHECK(status == 0 || status == UV_EALREADY);
}

void io_uv_stream_attach(struct io_uv_stream *s, struct io_stream *stream)
{
    s->stream = stream;
    stream->backend = s;
}

static int start(struct io_uv_stream *s, struct io_tls *tls, const char *host,
                 const struct sockaddr *peer)
{
    int status = tls == NULL ? 0 : io_uv_tls_start(s, tls, host);

    memcpy(&s->peer, peer,
           peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    return status < 0 ? status
                      : uv_read_start((uv_stream_t *)&s->tcp, io_uv_on_room, io_uv_on_read);
}

int io_uv_stream_open(struct io_uv_stream *s, struct io_stream *stream, const struct sockaddr *peer)
{
    int status;

    if (s->is_inside) {
        stream->tls = NULL; /* It has not left the process. */
    }
    status = start(s, stream->tls, NULL, peer);
    if (status == 0) {
        io_uv_stream_attach(s, stream);
    }
    return status;
}

int io_uv_stream_secure(struct io_uv_stream *s, struct io_tls *tls, const char *host,
                        const struct sockaddr *peer)
{
    return start(s, tls, host, peer);
}

/* --- writing --------------------------------------------------------------- */

static void on_written(uv_write_t *write, int status)
{
    struct io_uv_stream *s = container_of(write, struct io_uv_stream, write);

    s->is_writing = false;
    if (s->is_closing) {
        return;
    }
    io_uv_enter(io_uv_of((uv_handle_t *)&s->tcp));
    s->stream->sent(s->stream, status);
}

int io_stream_write(struct io *io, struct io_stream *stream, const void *data, size_t size)
{
    struct io_uv_stream *s = stream->backend;
    /* libuv only reads the memory, so the cast is safe. */
    uv_buf_t buffer = {.base = (char *)(uintptr_t)data, .len = size};
    int sent;

    CHECK(s != NULL);
    CHECK(!s->is_closing);
    if (s->tls != NULL) {
        return io_uv_tls_write(s, data, size);
    }
    CHECK(!s->is_writing);
    if (size == 0) {
        return 1;
    }
    sent = uv_try_write((uv_stream_t *)&s->tcp, &buffer, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        return sent;
    }
    if (sent > 0) {
        buffer.base += sent;
        buffer.len -= (size_t)sent;
    }
    if (buffer.len == 0) {
        return 1;
    }
    int status = uv_write(&s->write, (uv_stream_t *)&s->tcp, &buffer, 1, on_written);

    s->is_writing = status == 0;
    return status;
}

void io_stream_shut(struct io *io, struct io_stream *stream)
{
    struct io_uv_stream *s = stream->backend;
    int fd = -1;
    int status;

    CHECK(s != NULL);
    CHECK(!s->is_closing);
    if (s->tls != NULL) {
        io_uv_tls_shut(s);
        return;
    }
    CHECK(!s->is_writing);
    status = uv_fileno((const uv_handle_t *)&s->tcp, &fd);
    CHECK(status == 0);
    /* Fails if the connection is broken, which the next read reports. */
    (void)shutdown(fd, SHUT_WR);
}

/* --- the other end --------------------------------------------------------- */

void io_uv_peer_text(const struct io_uv_stream *s, char *text, size_t text_size)
{
    char host[INET6_ADDRSTRLEN];

    if (s->peer.sin6_family == AF_INET6) {
        uv_ip6_name(&s->peer, host, sizeof host);
        snprintf(text, text_size, "[%s]:%u", host, ntohs(s->peer.sin6_port));
    } else {
        const struct sockaddr_in *peer = (const struct sockaddr_in *)(const void *)&s->peer;

        uv_ip4_name(peer, host, sizeof host);
        snprintf(text, text_size, "%s:%u", host, ntohs(peer->sin_port));
    }
}

void io_stream_peer(struct io *io, struct io_stream *stream, char *text, size_t text_size)
{
    CHECK(stream->backend != NULL);
    io_uv_peer_text(stream->backend, text, text_size);
}

uint64_t io_uv_origin(const struct sockaddr_in6 *address)
{
    const unsigned char *six = address->sin6_addr.s6_addr;
    uint64_t network;
    uint32_t four;

    if (address->sin6_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
        memcpy(&network, six, sizeof network);
        return network;
    }
    if (address->sin6_family == AF_INET6) {
        memcpy(&four, six + 12, sizeof four);
    } else {
        four = ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr;
    }
    return four;
}

uint64_t io_stream_origin(struct io *io, struct io_stream *stream)
{
    const struct io_uv_stream *s = stream->backend;

    CHECK(s != NULL);
    return io_uv_origin(&s->peer);
}

static bool is_loopback(const struct sockaddr_in6 *address)
{
    if (address->sin6_family == AF_INET6) {
        const struct in6_addr *six = &address->sin6_addr;

        return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
    }

    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;

    return four->sin_family == AF_INET && ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

bool io_stream_is_local(struct io *io, struct io_stream *stream)
{
    const struct io_uv_stream *s = stream->backend;
    struct sockaddr_in6 own = {0};
    int size = sizeof own;

    CHECK(s != NULL);
    if (s->is_inside) {
        return is_loopback(&s->peer);
    }
    return is_loopback(&s->peer) &&
           uv_tcp_getsockname(&s->tcp, (struct sockaddr *)&own, &size) == 0 && is_loopback(&own);
}
