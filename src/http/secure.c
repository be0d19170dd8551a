#include "http/secure.h"

#include "http/patience.h"
#include "io/io_tls_ssl.h"

enum { LOOK_MS = 10000 };

bool secure_start(struct secure *s, struct io *io, const struct io_tls_files *files,
                  enum io_tls_trust trust, char *text, size_t text_size)
{
    *s = (struct secure){.io = io, .files = files, .trust = trust, .looked_ms = patience_now_ms()};
    return io_credentials_load(io, files, &s->digest, &s->credentials, text, text_size) == 0;
}

/* Files that cannot be used leave everything as it is; the node warns of them. */
static void look(struct secure *s)
{
    struct io_credentials *found = NULL;
    char text[512];

    if (patience_now_ms() - s->looked_ms < LOOK_MS) {
        return;
    }
    s->looked_ms = patience_now_ms();
    if (io_credentials_load(s->io, s->files, &s->digest, &found, text, sizeof text) == 0) {
        io_credentials_free(s->credentials);
        s->credentials = found;
    }
}

struct ssl_st *secure_new(struct secure *s, int fd)
{
    SSL *ssl;

    look(s);
    ssl = io_tls_new(s->credentials, s->trust, NULL, NULL);
    if (ssl != NULL && SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ssl = NULL;
    }
    return ssl;
}

void secure_end(struct secure *s)
{
    io_credentials_free(s->credentials);
    s->credentials = NULL;
}
