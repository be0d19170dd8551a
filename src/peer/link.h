/* link.h - one connection to a peer: frames in, frames out. Output gathers in a
 * buffer until link_flush(), so that a turn costs one write. Incoming frames are
 * checked whole before anybody sees them; a bad one ends the link. */
#ifndef RAKIT_PEER_LINK_H
#define RAKIT_PEER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "io/io.h"
#include "peer/wire.h"

struct link {
    struct io *io;
    struct io_stream stream;
    struct buffer in;
    struct buffer out;           /* Filling. */
    struct buffer sending;       /* In the backend's hands while is_sending, */
    struct entry *sending_entry; /* or this entry's payload. */
    /* A large payload on its way: `head` leaves first, then `body`, then `out`. */
    struct buffer head;
    struct entry *body;
    bool is_open; /* The stream exists: link_close() is due, `closed` comes. */
    bool is_sending;
    bool is_closing;
    uint64_t body_max; /* Frames with a longer body end the link. */
    uint64_t heard_ns; /* When bytes came last. */

    /* A whole frame; its body is borrowed. May call link_close(). */
    void (*frame)(struct link *link, const struct wire_frame *frame);
    /* The link has ended, for whatever reason; called once, after that it may be
     * freed or opened again. */
    void (*closed)(struct link *link);
    void *context;
};

/* Sets the callbacks' ground; the stream is opened by io_accept() or io_connect() on
 * link->stream, and then link_opened() is called. */
void link_init(struct link *link, struct io *io,
               void (*frame)(struct link *link, const struct wire_frame *frame),
               void (*closed)(struct link *link), void *context);
void link_opened(struct link *link);
/* Frees buffers; the stream must be closed (or the whole io is going away). */
void link_deinit(struct link *link);
void link_close(struct link *link);
/* Sends what has gathered. */
void link_flush(struct link *link);
/* The payload of `e` leaves behind what has gathered, without being copied. Only where
 * link_can_attach(): one at a time. */
bool link_can_attach(const struct link *link);
void link_attach(struct link *link, struct entry *e);
/* Whether a frame of that type has come in part. */
bool link_is_amid(const struct link *link, enum wire_type type);
/* Bytes that have gathered or are on their way. */
size_t link_backlog_bytes(const struct link *link);

#endif /* RAKIT_PEER_LINK_H */
