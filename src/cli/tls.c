#include "cli/tls.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/io_tls_ssl.h"

struct tls_client {
    struct tls_settings settings;
    struct io_credentials *credentials;
    BIO_METHOD *socket;
};

struct tls_session {
    SSL *ssl;
    int fd;
    int error; /* Of the last call on the socket; 0: none. */
    bool is_broken;
};

/* --- the socket ---------------------------------------------------------------------- */

/* OpenSSL's own would end the program when the server has gone (SIGPIPE). */
static int socket_write(BIO *bio, const char *data, int size)
{
    struct tls_session *s = BIO_get_data(bio);
    ssize_t sent = send(s->fd, data, (size_t)size, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_write(bio);
    } else if (sent < 0) {
        s->error = errno;
    }
    return (int)sent;
}

static int socket_read(BIO *bio, char *data, int size)
{
    struct tls_session *s = BIO_get_data(bio);
    ssize_t got = recv(s->fd, data, (size_t)size, 0);

    BIO_clear_retry_flags(bio);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(bio);
    } else if (got <= 0) {
        s->error = got == 0 ? ECONNRESET : errno;
    }
    return (int)got;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/* --- all connections ----------------------------------------------------------------- */

struct tls_client *tls_client_new(struct io *io, const struct tls_settings *settings, char *text,
                                  size_t text_size)
{
    struct tls_client *client = memory_take_zeroed(1, sizeof *client);
    uint64_t digest = 0;

    client->settings = *settings;
    client->settings.files.trusts_system = true;
    if ((settings->files.certificate == NULL) != (settings->files.key == NULL)) {
        snprintf(text, text_size, "a certificate and its key come together: --cert and --key");
        tls_client_free(client);
        return NULL;
    }
    if (io_credentials_load(io, &client->settings.files, &digest, &client->credentials, text,
                            text_size) < 0) {
        tls_client_free(client);
        return NULL;
    }
    client->socket = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rakit-cli");
    CHECK(client->socket != NULL); /* Memory has run out. */
    BIO_meth_set_write(client->socket, socket_write);
    BIO_meth_set_read(client->socket, socket_read);
    BIO_meth_set_ctrl(client->socket, socket_control);
    return client;
}

void tls_client_free(struct tls_client *client)
{
    if (client != NULL) {
        io_credentials_free(client->credentials);
        BIO_meth_free(client->socket);
        free(client);
    }
}

/* --- one connection ------------------------------------------------------------------ */

struct tls_session *tls_session_new(struct tls_client *client, int fd, const char *host)
{
    const struct tls_settings *settings = &client->settings;
    struct tls_session *s;
    SSL *ssl = io_tls_new(client->credentials,
                          settings->believes_anybody ? IO_TLS_ANYBODY : IO_TLS_AUTHORITIES,
                          settings->name != NULL ? settings->name : host, NULL);
    BIO *bio;

    if (ssl == NULL) {
        return NULL;
    }
    s = memory_take_zeroed(1, sizeof *s);
    s->ssl = ssl;
    s->fd = fd;
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    bio = BIO_new(client->socket);
    CHECK(bio != NULL); /* Memory has run out. */
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (s != NULL) {
        if (!s->is_broken && SSL_is_init_finished(s->ssl)) {
            (void)SSL_shutdown(s->ssl);
        }
        SSL_free(s->ssl);
        free(s);
    }
}

/* What a call returns that has not succeeded. */
static int judge(struct tls_session *s, int result, short *ret_events)
{
    int error = SSL_get_error(s->ssl, result);

    switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        *ret_events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return TLS_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        s->is_broken = true;
        errno = s->error != 0 ? s->error : EPROTO;
        return TLS_FAILED;
    }
}

int tls_session_shake(struct tls_session *s, short *ret_events)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(s->ssl);
    return result == 1 ? 0 : judge(s, result, ret_events);
}

ssize_t tls_session_send(struct tls_session *s, const void *data, size_t size, short *ret_events)
{
    int part = size > INT_MAX ? INT_MAX : (int)size;
    int sent;

    ERR_clear_error();
    sent = SSL_write(s->ssl, data, part);
    return sent > 0 ? sent : judge(s, sent, ret_events);
}

ssize_t tls_session_receive(struct tls_session *s, void *data, size_t size, short *ret_events)
{
    int part = size > INT_MAX ? INT_MAX : (int)size;
    int got;

    ERR_clear_error();
    got = SSL_read(s->ssl, data, part);
    return got > 0 ? got : judge(s, got, ret_events);
}

bool tls_session_has_bytes(const struct tls_session *s)
{
    return SSL_pending(s->ssl) > 0;
}

const char *tls_session_reason(const struct tls_session *s)
{
    return io_tls_reason(s->ssl);
}
