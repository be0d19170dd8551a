/* channel.h - the connection to a client of the door: a socket, encrypted or not. */
#ifndef RAKIT_HTTP_CHANNEL_H
#define RAKIT_HTTP_CHANNEL_H

#include "http/patience.h"

struct ssl_st; /* OpenSSL's. */

struct channel {
    int fd;             /* It does not block. */
    struct ssl_st *ssl; /* Owned; NULL: not encrypted. */
};

/* Each is that of patience.h. The first three fail for good if there is an error. */
bool channel_begin(const struct channel *c, const struct patience *p);
bool channel_send(const struct channel *c, const struct patience *p, const void *data, size_t size);
int64_t channel_receive(const struct channel *c, const struct patience *p, void *data, size_t size);
/* Ends this side, so that the other one sees the end after all that was sent. */
void channel_finish(const struct channel *c);
/* Frees what belongs to it, but for the socket. */
void channel_deinit(struct channel *c);

#endif /* RAKIT_HTTP_CHANNEL_H */
