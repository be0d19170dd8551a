/* io_tls_ssl.h - OpenSSL as Rakit uses it: for the libuv backend, and for rakit-cli, which has
 * sockets of its own. */
#ifndef RAKIT_IO_IO_TLS_SSL_H
#define RAKIT_IO_IO_TLS_SSL_H

#include <openssl/ssl.h>

#include "io/io_tls.h"

SSL_CTX *io_credentials_context(const struct io_credentials *credentials);

/* The state of a new connection. `host`: what was dialed; NULL: it was accepted. `name` as in
 * struct io_tls. NULL: memory ran out, or the host cannot be in a certificate. */
SSL *io_tls_new(const struct io_credentials *credentials, enum io_tls_trust trust, const char *host,
                const char *name);
/* Whether the certificate that the other side has shown names this host. */
bool io_tls_is_named(const SSL *ssl, const char *host);
/* Why the last call with it failed: a sentence without its subject. */
const char *io_tls_reason(const SSL *ssl);

#endif /* RAKIT_IO_IO_TLS_SSL_H */
