/* tls.h - encrypted connections of rakit-cli. None of these calls waits: they return
 * TLS_AGAIN, and what to wait for. */
#ifndef RAKIT_CLI_TLS_H
#define RAKIT_CLI_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "io/io_tls.h"

struct tls_settings {
    bool is_on;
    struct io_tls_files files; /* Without authorities, those of this machine are believed. */
    const char *name;          /* That the server's certificate must have; NULL: its host. */
    bool believes_anybody;
};

/* What all connections share. */
struct tls_client;

/* NULL, with a sentence in `text`: a file cannot be used. */
struct tls_client *tls_client_new(struct io *io, const struct tls_settings *settings, char *text,
                                  size_t text_size);
void tls_client_free(struct tls_client *client);

enum { TLS_AGAIN = -2, TLS_FAILED = -1 };

struct tls_session;

/* On a connected socket. NULL: that host cannot be in a certificate. */
struct tls_session *tls_session_new(struct tls_client *client, int fd, const char *host);
/* Says goodbye; the socket stays open. NULL is allowed. */
void tls_session_free(struct tls_session *s);

/* 0: done. */
int tls_session_shake(struct tls_session *s, short *ret_events);
/* How many bytes; receiving 0: the server has ended the connection. */
ssize_t tls_session_send(struct tls_session *s, const void *data, size_t size, short *ret_events);
ssize_t tls_session_receive(struct tls_session *s, void *data, size_t size, short *ret_events);
/* Bytes are here that were not received yet. */
bool tls_session_has_bytes(const struct tls_session *s);
/* After TLS_FAILED. */
const char *tls_session_reason(const struct tls_session *s);

#endif /* RAKIT_CLI_TLS_H */
