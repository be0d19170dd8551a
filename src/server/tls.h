/* tls.h - the certificates of a node: loaded at the start, and again by themselves when their files
 * change. If new files cannot be used, those that were loaded stay in use, and the node says so. */
#ifndef RAKIT_SERVER_TLS_H
#define RAKIT_SERVER_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/log.h"
#include "io/io_tls.h"
#include "peer/complaints.h"

struct server_config;

enum { TLS_TEXT_BYTES = 512 };

/* A look at the files, on a worker. */
struct tls_look {
    struct io_job job;
    int status; /* As of io_credentials_load(). */
    uint64_t digest;
    struct io_credentials *credentials;
    char text[TLS_TEXT_BYTES];
};

struct tls {
    struct io *io; /* NULL: TLS is not used. */
    const struct log *log;
    const struct server_config *config;
    struct io_tls clients; /* Of clients that come in. */
    struct io_tls contact; /* Of the connection to the contact. */
    struct io_tls peers;   /* Of the connections between nodes. */
    struct io_credentials *credentials;
    uint64_t digest; /* Of their files. */
    uint64_t loaded_s;
    uint64_t reload_count;
    char doubt
        [TLS_TEXT_BYTES]; /* What was wrong at the last look: it may have been amid a change. */
    char fault[TLS_TEXT_BYTES]; /* Why the present files are not used; "": they are. */
    uint64_t warned_s;          /* When the end of something was last announced; 0: never. */
    struct io_worker *worker;
    struct io_timer timer;
    struct tls_look look;
    struct complaints complaints;
};

/* Loads the files, if the settings name any. `config` and `log` are borrowed. False, with the
 * reason in `text`: they cannot be used. */
bool tls_start(struct tls *t, struct io *io, const struct server_config *config,
               const struct log *log, char *text, size_t text_size);
/* Does nothing if TLS is not used. The streams that use it need not have ended. */
void tls_end(struct tls *t);
/* Another log from now on. */
void tls_set_log(struct tls *t, const struct log *log);

/* For streams of clients; NULL: there are none. The same for the one to the contact, and for those
 * between nodes. */
struct io_tls *tls_for_clients(struct tls *t);
struct io_tls *tls_for_contact(struct tls *t);
struct io_tls *tls_for_peers(struct tls *t);

/* The section of INFO. */
void tls_put_info(const struct tls *t, struct buffer *out);

#endif /* RAKIT_SERVER_TLS_H */
