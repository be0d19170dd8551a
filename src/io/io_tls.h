/* io_tls.h - encrypted connections: what this side shows, and whom it believes. An owner names a
 * struct io_tls in its stream before the stream is opened; everything else is as in io.h. The end
 * of the stream is then TLS's own (close_notify): a connection that ends without it is an error.
 * Reasons: docs/adr/0045-tls-is-behind-the-door.md. The simulator has no TLS. */
#ifndef RAKIT_IO_IO_TLS_H
#define RAKIT_IO_IO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/io.h"

/* Files in PEM. NULL: there is none. */
struct io_tls_files {
    const char *certificate; /* This side's, and those between it and an authority. */
    const char *key;         /* The private key of that, without a passphrase. */
    const char *authorities; /* Who may have issued the other side's certificate. */
    const char *revocations; /* What each of them has revoked. */
    bool trusts_system;      /* Without `authorities`: those of this machine. */
};

/* What was in the files. */
struct io_credentials;

struct io_credentials_facts {
    char subject[160]; /* Of the certificate; "": there is none. */
    uint64_t begins_s; /* Since 1970, as all times here. */
    uint64_t ends_s;   /* Of it, or of one on the way to the authority, if that is sooner. */
    uint64_t authorities_end_s; /* When the last authority ends; 0: there is none. */
    uint64_t revocations_end_s; /* When the first list must be replaced; 0: there is none. */
};

/* Reads the files; blocks (io.h). Returns 0; 1 if they are those of `*digest`; or a negative
 * error, with a sentence in `text`. In any case `*digest` is that of the files then (0: they
 * cannot be read). */
int io_credentials_load(struct io *io, const struct io_tls_files *files, uint64_t *digest,
                        struct io_credentials **ret_credentials, char *text, size_t text_size);
/* Streams that are open keep what they use. NULL is allowed. */
void io_credentials_free(struct io_credentials *credentials);
const struct io_credentials_facts *
io_credentials_get_facts(const struct io_credentials *credentials);

/* Which certificate the other side needs. */
enum io_tls_trust {
    IO_TLS_ANYBODY,     /* None; it is not looked at. */
    IO_TLS_IF_SHOWN,    /* None; but one that it shows must be from an authority. */
    IO_TLS_AUTHORITIES, /* One from an authority. */
};

/* Encryption failed, or was refused by either side. */
struct io_tls_fault {
    const char *peer; /* Its address. */
    const char *reason;
    bool is_dialed; /* The connection was opened from here. */
};

/* How the streams that name it are encrypted. The owner keeps it for longer than them. */
struct io_tls {
    struct io_credentials *credentials; /* May be replaced: for streams that are opened later. */
    enum io_tls_trust trust;
    /* With a certificate from an authority: the name that it must have. NULL: if the connection
     * was opened from here, the host that was dialed; otherwise any. */
    const char *name;
    /* When the loop has worked for long, handshakes wait for its next round: so many at once delay
     * nothing else. */
    bool yields;
    uint32_t handshake_ms; /* Time for the handshake; 0: IO_TLS_HANDSHAKE_MS. */
    /* From the loop; may be NULL. Not for a connection that has sent nothing. */
    void (*failed)(void *context, const struct io_tls_fault *fault);
    void *context;
    uint64_t opened_count; /* Handshakes that have succeeded; the backend counts. */
    uint64_t failed_count;
};

/* Time for the handshake, and about how much the other side may send until it is over. */
enum { IO_TLS_HANDSHAKE_MS = 5000, IO_TLS_HANDSHAKE_BYTES = 64 * 1024 };

/* Whether the certificate of the other end names this host. True if the stream is not encrypted. */
bool io_stream_is_named(struct io *io, struct io_stream *stream, const char *host);

#endif /* RAKIT_IO_IO_TLS_H */
