/* io_uv_tls.c - encryption between a socket and the callbacks of its stream, by OpenSSL.
 *
 *     received()        <- OpenSSL <- `in`, `kept`      <- the socket
 *     io_stream_write() -> OpenSSL -> `out`, `sending`  -> the socket
 *
 * Invariants:
 * - Memory is bounded. While the owner has no room, or a handshake has to wait, one read of the
 *   socket is kept, and nothing more is read. An owner's bytes are encrypted in parts: the next
 *   one when the socket has taken the one before.
 * - OpenSSL never waits: its input is in memory or missing, its output goes to `out`.
 * - A stream that this side has opened belongs to its attempt until the handshake is over.
 * - What is found out during a call into io.h reaches the owner later, by `pump`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "io/io_tls_ssl.h"
#include "io/io_uv_tls.h"

enum {
    READ_BYTES = 64 * 1024,
    PART_BYTES = 64 * 1024,
    OUT_BYTES_MAX = 4 * PART_BYTES, /* One part, and what TLS itself has to say meanwhile. */
    KEEP_BYTES = 2048,              /* Kept of a buffer that is empty. */
};

/* What the loop may spend in one round before handshakes wait for the next. */
static const uint64_t SPENT_NS = 4 * 1000 * 1000ull;

struct io_uv_tls {
    struct io_uv_stream *s;
    struct io_tls *tls;
    SSL *ssl;
    const char *in; /* Borrowed while OpenSSL runs. */
    size_t in_size;
    struct buffer kept;    /* Input that nobody had room or time for. */
    struct buffer out;     /* Output that the socket was not given yet. */
    struct buffer sending; /* Used by libuv while s->is_writing. */
    const char *plain;     /* The owner's bytes that are not encrypted yet. */
    size_t plain_size;
    size_t handshake_bytes; /* That the other side has sent for it. */
    struct io_timer timer;  /* Limits the handshake. */
    struct io_uv_deferred pump;
    bool is_secure;  /* The handshake is over. */
    bool is_pending; /* sent() is due. */
    bool is_shut;    /* The owner has ended its output. */
    bool is_paused;  /* The owner has no room. */
    bool is_broken;  /* Nothing can be written any more. */
};

static struct io *io_of(const struct io_uv_tls *t)
{
    return io_uv_of((const uv_handle_t *)&t->s->tcp);
}

/* --- OpenSSL's side ------------------------------------------------------------------ */

static int bio_write(BIO *bio, const char *data, int size)
{
    struct io_uv_tls *t = BIO_get_data(bio);

    if (size <= 0 || buffer_size(&t->out) + (size_t)size > OUT_BYTES_MAX) {
        return -1; /* The other side makes TLS answer again and again, and does not read. */
    }
    buffer_append(&t->out, data, (size_t)size);
    return size;
}

static int bio_read(BIO *bio, char *data, int size)
{
    struct io_uv_tls *t = BIO_get_data(bio);
    size_t part = size <= 0 ? 0 : (size_t)size < t->in_size ? (size_t)size : t->in_size;

    BIO_clear_retry_flags(bio);
    if (part == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(data, t->in, part);
    t->in += part;
    t->in_size -= part;
    return (int)part;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *method_of(struct io *io)
{
    if (io->tls_method == NULL) {
        io->tls_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rakit stream");
        CHECK(io->tls_method != NULL); /* Memory has run out. */
        BIO_meth_set_write(io->tls_method, bio_write);
        BIO_meth_set_read(io->tls_method, bio_read);
        BIO_meth_set_ctrl(io->tls_method, bio_control);
        io->tls_room = memory_take(READ_BYTES);
    }
    return io->tls_method;
}

void io_uv_tls_deinit(struct io *io)
{
    BIO_meth_free(io->tls_method);
    free(io->tls_room);
}

/* --- writing ------------------------------------------------------------------------- */

static void on_written(uv_write_t *write, int status);

/* Gives the socket what has collected. */
static int flush(struct io_uv_tls *t)
{
    struct io_uv_stream *s = t->s;
    uv_buf_t bytes = {.base = buffer_begin(&t->out), .len = buffer_size(&t->out)};
    int sent;
    int status;

    if (s->is_writing || bytes.len == 0) {
        return 0;
    }
    sent = uv_try_write((uv_stream_t *)&s->tcp, &bytes, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        t->is_broken = true;
        buffer_clear(&t->out);
        return sent;
    }
    buffer_consume(&t->out, sent > 0 ? (size_t)sent : 0);
    if (buffer_size(&t->out) == 0) {
        buffer_trim(&t->out, KEEP_BYTES);
        return 0;
    }

    struct buffer swap = t->sending;

    t->sending = t->out;
    t->out = swap;
    bytes = (uv_buf_t){.base = buffer_begin(&t->sending), .len = buffer_size(&t->sending)};
    status = uv_write(&s->write, (uv_stream_t *)&s->tcp, &bytes, 1, on_written);
    s->is_writing = status == 0;
    return status;
}

/* Encrypts the next part of the owner's bytes. */
static int encrypt(struct io_uv_tls *t)
{
    size_t part = t->plain_size < PART_BYTES ? t->plain_size : PART_BYTES;
    size_t done = 0;

    ERR_clear_error();
    if (SSL_write_ex(t->ssl, t->plain, part, &done) != 1) {
        t->is_broken = true;
        return -EPROTO;
    }
    t->plain += done;
    t->plain_size -= done;
    return 0;
}

/* Writes until all is sent, or the socket takes no more. */
static int push(struct io_uv_tls *t)
{
    int status = flush(t);

    while (status == 0 && !t->s->is_writing && t->plain_size > 0) {
        status = encrypt(t);
        status = status < 0 ? status : flush(t);
    }
    return status;
}

/* Ends the output of the socket, once everything before it was sent. */
static void end_output(const struct io_uv_tls *t)
{
    int fd = -1;

    if (t->is_shut && t->is_secure && !t->s->is_writing && buffer_size(&t->out) == 0 &&
        uv_fileno((const uv_handle_t *)&t->s->tcp, &fd) == 0) {
        (void)shutdown(fd, SHUT_WR);
    }
}

/* Something was sent, or could not be. */
static void go_on_writing(struct io_uv_tls *t, int status)
{
    struct io_uv_stream *s = t->s;

    status = status < 0 ? status : push(t);
    if (status < 0) {
        t->is_broken = true;
    } else if (s->is_writing) {
        return;
    }
    end_output(t);
    if (t->is_pending) {
        t->is_pending = false;
        t->plain_size = 0;
        s->stream->sent(s->stream, status);
    }
}

static void on_written(uv_write_t *write, int status)
{
    struct io_uv_stream *s = container_of(write, struct io_uv_stream, write);

    s->is_writing = false;
    buffer_trim(&s->tls->sending, KEEP_BYTES);
    if (!s->is_closing) {
        io_uv_enter(io_of(s->tls));
        go_on_writing(s->tls, status);
    }
}

/* Puts the end of the output behind what was written. */
static void say_end(struct io_uv_tls *t)
{
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl);
    (void)flush(t);
}

/* --- the handshake ------------------------------------------------------------------- */

/* From the loop: ends the stream for its owner. */
static void fail(struct io_uv_tls *t, int status, const char *reason)
{
    struct io_uv_stream *s = t->s;
    char peer[80];
    struct io_tls_fault fault = {
        .peer = peer, .reason = reason, .is_dialed = SSL_is_server(t->ssl) == 0};

    t->is_broken = true;
    io_timer_stop(io_of(t), &t->timer);
    (void)flush(t); /* OpenSSL may have written why. */
    if (reason != NULL && (t->handshake_bytes > 0 || fault.is_dialed)) {
        t->tls->failed_count++;
        if (t->tls->failed != NULL) {
            io_uv_peer_text(s, peer, sizeof peer);
            t->tls->failed(t->tls->context, &fault);
        }
    }
    if (s->attempt != NULL) {
        io_uv_connect_secured(s, status);
        return;
    }
    s->has_ended = true;
    uv_read_stop((uv_stream_t *)&s->tcp);
    s->stream->received(s->stream, status);
}

static void fail_by_ssl(struct io_uv_tls *t)
{
    bool is_distrust = SSL_get_verify_result(t->ssl) != X509_V_OK &&
                       SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE;

    fail(t, is_distrust ? -EKEYREJECTED : -EPROTO, io_tls_reason(t->ssl));
}

static void on_timer(struct io_timer *timer)
{
    struct io_uv_tls *t = container_of(timer, struct io_uv_tls, timer);

    if (!t->s->is_closing) {
        fail(t, -ETIMEDOUT, "the handshake took too long");
    }
}

static void become_secure(struct io_uv_tls *t)
{
    struct io_uv_stream *s = t->s;

    t->is_secure = true;
    t->tls->opened_count++;
    io_timer_stop(io_of(t), &t->timer);
    if (s->attempt != NULL) {
        io_uv_connect_secured(s, 0);
        return;
    }
    if (t->is_shut) {
        say_end(t);
    }
    go_on_writing(t, 0); /* What was written meanwhile. */
}

/* One step; true if it is over, and has succeeded. */
static bool shake_hands(struct io_uv_tls *t)
{
    int result;
    int error;

    ERR_clear_error();
    result = SSL_do_handshake(t->ssl);
    error = SSL_get_error(t->ssl, result);
    if (result == 1) {
        (void)flush(t);
        become_secure(t);
        return true;
    }
    if (error != SSL_ERROR_WANT_READ) {
        fail_by_ssl(t);
    } else {
        (void)flush(t);
    }
    return false;
}

/* --- reading ------------------------------------------------------------------------- */

/* The other side has said that nothing more comes. */
static bool is_ended(const struct io_uv_tls *t)
{
    return (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

static bool has_more(const struct io_uv_tls *t)
{
    return t->in_size > 0 || SSL_pending(t->ssl) > 0;
}

/* Fills the room as far as there is something. Returns how much, or what OpenSSL says instead. */
static size_t decrypt(struct io_uv_tls *t, char *room, size_t size, int *ret_error)
{
    size_t total = 0;

    *ret_error = SSL_ERROR_NONE;
    do {
        size_t part = 0;

        ERR_clear_error();
        if (SSL_read_ex(t->ssl, room + total, size - total, &part) != 1) {
            *ret_error = SSL_get_error(t->ssl, 0);
            break;
        }
        total += part;
    } while (total < size && has_more(t));
    if (buffer_size(&t->out) > 0) {
        (void)flush(t);
    }
    return total;
}

/* Gives the owner what there is room for; false: nothing more can be done now. */
static bool deliver(struct io_uv_tls *t)
{
    struct io_uv_stream *s = t->s;
    size_t size = 0;
    char *room = s->stream->room(s->stream, &size);
    int error;

    if (s->is_closing) {
        return false;
    }
    t->is_paused = size == 0;
    if (t->is_paused) {
        return false;
    }
    size = decrypt(t, room, size, &error);
    if (size > 0) {
        s->stream->received(s->stream, (int64_t)size);
        return has_more(t) || (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ);
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        s->has_ended = true;
        uv_read_stop((uv_stream_t *)&s->tcp);
        s->stream->received(s->stream, 0);
    } else if (error != SSL_ERROR_WANT_READ) {
        fail_by_ssl(t);
    }
    return false;
}

/* Whether this handshake has to wait for the next round of the loop. */
static bool must_wait(const struct io_uv_tls *t)
{
    return t->tls->yields && io_spent_ns(io_of(t)) >= SPENT_NS && !MUTANT(tls_handshakes_first);
}

static void run(struct io_uv_tls *t)
{
    bool goes_on = true;

    if (!t->is_secure) {
        goes_on = !must_wait(t) && shake_hands(t);
        goes_on = goes_on && has_more(t);
    }
    while (goes_on && !t->s->is_closing && !t->s->has_ended) {
        goes_on = deliver(t);
    }
}

/* Reads from the socket again, unless what was read must be used up first. */
static void settle(struct io_uv_tls *t)
{
    struct io_uv_stream *s = t->s;

    if (s->is_closing || s->has_ended) {
        return;
    }
    if (t->is_paused || buffer_size(&t->kept) > 0) {
        uv_read_stop((uv_stream_t *)&s->tcp);
    } else {
        int status = uv_read_start((uv_stream_t *)&s->tcp, io_uv_on_room, io_uv_on_read);

        CHECK(status == 0 || status == UV_EALREADY);
    }
    if (!t->is_paused && buffer_size(&t->kept) > 0 && list_is_empty(&t->pump.node)) {
        io_uv_defer(io_of(t), &t->pump);
    }
}

static void on_pump(struct io_uv_deferred *deferred)
{
    struct io_uv_tls *t = container_of(deferred, struct io_uv_tls, pump);
    size_t size = buffer_size(&t->kept);

    if (t->s->is_closing || t->s->has_ended) {
        return;
    }
    t->in = buffer_begin(&t->kept);
    t->in_size = size;
    run(t);
    buffer_consume(&t->kept, size - t->in_size);
    t->in_size = 0;
    if (buffer_size(&t->kept) == 0) {
        buffer_trim(&t->kept, 0);
    }
    settle(t);
}

void io_uv_tls_room(struct io_uv_stream *s, uv_buf_t *ret_buffer)
{
    *ret_buffer = uv_buf_init(io_of(s->tls)->tls_room, READ_BYTES);
}

/* The connection has ended, and not by TLS's word for it: bytes may be missing. */
static void cut(struct io_uv_tls *t, int status)
{
    if (!t->is_secure) {
        fail(t, -ECONNRESET, "the connection ended during the handshake");
    } else if (status == UV_EOF && MUTANT(tls_cut_is_end)) {
        fail(t, 0, NULL);
    } else {
        fail(t, status == UV_EOF ? -ECONNRESET : status, NULL);
    }
}

void io_uv_tls_read(struct io_uv_stream *s, ssize_t size, const uv_buf_t *buffer)
{
    struct io_uv_tls *t = s->tls;

    if (size < 0) {
        cut(t, (int)size);
        return;
    }
    if (!t->is_secure) {
        if (t->handshake_bytes >= IO_TLS_HANDSHAKE_BYTES && !MUTANT(tls_handshake_endless)) {
            fail(t, -EPROTO, "too many bytes before the handshake was over");
            return;
        }
        /* What comes behind its last message does not count. */
        t->handshake_bytes += (size_t)size;
    }
    t->in = buffer->base;
    t->in_size = (size_t)size;
    run(t);
    if (t->in_size > 0 && !s->is_closing) {
        buffer_append(&t->kept, t->in, t->in_size);
    }
    t->in_size = 0;
    settle(t);
}

/* --- the door ------------------------------------------------------------------------ */

static uint64_t handshake_ns(const struct io_tls *tls)
{
    uint64_t ms = tls->handshake_ms > 0 ? tls->handshake_ms : IO_TLS_HANDSHAKE_MS;

    return ms * 1000 * 1000;
}

int io_uv_tls_start(struct io_uv_stream *s, struct io_tls *tls, const char *host)
{
    struct io_uv_tls *t;
    SSL *ssl =
        tls->credentials == NULL ? NULL : io_tls_new(tls->credentials, tls->trust, host, tls->name);
    BIO *bio;

    if (ssl == NULL) {
        return -EPROTO;
    }
    t = memory_take_zeroed(1, sizeof *t);
    t->s = s;
    t->tls = tls;
    t->ssl = ssl;
    t->pump.run = on_pump;
    t->timer.fired = on_timer;
    list_init(&t->pump.node);
    s->tls = t;
    bio = BIO_new(method_of(io_of(t)));
    CHECK(bio != NULL); /* Memory has run out. */
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    io_timer_start(io_of(t), &t->timer, io_now_ns(io_of(t)) + handshake_ns(tls));
    if (host != NULL) {
        ERR_clear_error();
        (void)SSL_do_handshake(ssl); /* Only makes the first message. */
        (void)flush(t);
    }
    return 0;
}

void io_uv_tls_free(struct io_uv_tls *t)
{
    if (t == NULL) {
        return;
    }
    io_timer_stop(io_of(t), &t->timer);
    list_remove(&t->pump.node);
    SSL_free(t->ssl);
    buffer_deinit(&t->kept);
    buffer_deinit(&t->out);
    buffer_deinit(&t->sending);
    free(t);
}

int io_uv_tls_write(struct io_uv_stream *s, const void *data, size_t size)
{
    struct io_uv_tls *t = s->tls;
    int status;

    CHECK(!t->is_pending);
    if (size == 0) {
        return 1;
    }
    if (t->is_broken) {
        return -EPIPE;
    }
    t->plain = data;
    t->plain_size = size;
    status = t->is_secure ? push(t) : 0;
    if (status < 0) {
        t->plain_size = 0;
        return status;
    }
    t->is_pending = !t->is_secure || s->is_writing;
    return t->is_pending ? 0 : 1;
}

void io_uv_tls_shut(struct io_uv_stream *s)
{
    struct io_uv_tls *t = s->tls;

    CHECK(!t->is_pending);
    if (t->is_shut) {
        return;
    }
    t->is_shut = true;
    if (t->is_secure) {
        say_end(t);
        end_output(t);
    }
}

void io_uv_tls_resume(struct io_uv_stream *s)
{
    struct io_uv_tls *t = s->tls;

    t->is_paused = false;
    if ((SSL_pending(t->ssl) > 0 || is_ended(t)) && list_is_empty(&t->pump.node)) {
        io_uv_defer(io_of(t), &t->pump);
    }
    settle(t);
}

void io_uv_tls_farewell(struct io_uv_stream *s)
{
    struct io_uv_tls *t = s->tls;

    if (t->is_secure && !t->is_broken && !t->is_shut && !t->is_pending && !s->is_writing) {
        say_end(t);
    }
}

bool io_stream_is_named(struct io *io, struct io_stream *stream, const char *host)
{
    const struct io_uv_stream *s = stream->backend;

    CHECK(s != NULL);
    return s->tls == NULL || io_tls_is_named(s->tls->ssl, host);
}
