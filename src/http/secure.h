/* secure.h - the certificates of the door, which are those of the node. The accepting thread reads
 * the files again when they may have changed, as the node does for its own ports (server/tls.h). */
#ifndef RAKIT_HTTP_SECURE_H
#define RAKIT_HTTP_SECURE_H

#include "io/io_tls.h"

struct ssl_st;

/* Zeroed: not encrypted. One thread at a time uses it. */
struct secure {
    struct io *io; /* For files only. */
    const struct io_tls_files *files;
    enum io_tls_trust trust;
    struct io_credentials *credentials;
    uint64_t digest;
    int64_t looked_ms;
};

/* False, with the reason in `text`: the files cannot be used. */
bool secure_start(struct secure *s, struct io *io, const struct io_tls_files *files,
                  enum io_tls_trust trust, char *text, size_t text_size);
/* The state of a new connection, for that socket; NULL: memory has run out. */
struct ssl_st *secure_new(struct secure *s, int fd);
void secure_end(struct secure *s);

#endif /* RAKIT_HTTP_SECURE_H */
