#include "http/channel.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

/* After a call of OpenSSL that has returned `result`: waits for what it needs. False: in vain, or
 * it has failed. */
static bool await(const struct channel *c, const struct patience *p, int result)
{
    int error = SSL_get_error(c->ssl, result);
    short events = error == SSL_ERROR_WANT_READ    ? POLLIN
                   : error == SSL_ERROR_WANT_WRITE ? POLLOUT
                                                   : 0;

    ERR_clear_error();
    return events != 0 && patience_await(p, c->fd, events);
}

bool channel_begin(const struct channel *c, const struct patience *p)
{
    int result = 1;

    do {
        result = c->ssl == NULL ? 1 : SSL_accept(c->ssl);
    } while (result != 1 && await(c, p, result));
    return result == 1;
}

bool channel_send(const struct channel *c, const struct patience *p, const void *data, size_t size)
{
    const char *at = data;

    if (c->ssl == NULL) {
        return patience_send(p, c->fd, data, size);
    }
    while (size > 0) {
        size_t sent = 0;
        int result = SSL_write_ex(c->ssl, at, size, &sent);

        if (result == 1) {
            at += sent;
            size -= sent;
        } else if (!await(c, p, result)) {
            return false;
        }
    }
    return true;
}

int64_t channel_receive(const struct channel *c, const struct patience *p, void *data, size_t size)
{
    if (c->ssl == NULL) {
        return patience_receive(p, c->fd, data, size);
    }
    for (;;) {
        size_t received = 0;
        int result = SSL_read_ex(c->ssl, data, size, &received);

        if (result == 1) {
            return (int64_t)received;
        }
        if (SSL_get_error(c->ssl, result) == SSL_ERROR_ZERO_RETURN) {
            return 0;
        }
        if (!await(c, p, result)) {
            return -1;
        }
    }
}

void channel_finish(const struct channel *c)
{
    if (c->ssl != NULL && SSL_is_init_finished(c->ssl)) {
        (void)SSL_shutdown(c->ssl); /* Its farewell; the other side's is not awaited. */
        ERR_clear_error();
    }
    (void)shutdown(c->fd, SHUT_WR);
}

void channel_deinit(struct channel *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
}
