/* recover.h - rakit-server --recover: after the majority of a cluster was lost for good, makes a
 * new one of what one surviving node has (ADR 30).
 *
 * The log is kept to its end, and one entry is added: a membership of this node alone, which
 * begins a new epoch. All entries before it thereby become committed. Some may never have been,
 * and entries that other nodes had acknowledged may be missing: a person decides.
 *
 * Each step leaves a directory that either is the old one, or does not start as a node until the
 * command was repeated, or is the new one. All calls are blocking, and no node may run on the
 * directory. */
#ifndef RAKIT_SERVER_RECOVER_H
#define RAKIT_SERVER_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/log.h"
#include "io/io.h"

struct recover_options {
    struct io *io;
    const struct log *log; /* May be NULL. */
    const char *data_dir;
    uint64_t segment_bytes;
    struct io_address announced; /* Where other nodes and clients reach this node, */
    uint16_t peer_port;          /* and nodes, on the same host. */
};

struct recover;

/* Opens and locks the directory, and reads what it has. NULL: it can't be recovered, or needs no
 * recovery; `text` says why, and what to do. The options are copied, and borrow their strings. */
struct recover *recover_open(const struct recover_options *options, char *text, size_t text_size);
/* Appends what it has, what may be missing, and what the recovery does, for a person. */
void recover_describe(const struct recover *r, struct buffer *out);
/* Begins the new epoch. False: `text` says why it could not; then it is to be repeated. */
bool recover_execute(struct recover *r, char *text, size_t text_size);
void recover_close(struct recover *r);

#endif /* RAKIT_SERVER_RECOVER_H */
