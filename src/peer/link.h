/* link.h - one connection to a peer: frames in, frames out. Output collects in a buffer until
 * link_flush(), so that a turn costs one write. Incoming frames are checked completely before
 * anybody sees them; a bad one ends the link. */
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
    struct buffer out;     /* Being filled. */
    struct buffer sending; /* Used by the backend while is_sending. */
    bool is_open;          /* The stream is open: link_close() is due, and `closed` will come. */
    bool is_sending;
    bool is_closing;
    bool is_paused;    /* Nothing is read until link_resume(). */
    uint64_t body_max; /* Frames with a longer body end the link. */
    uint64_t heard_ns; /* When bytes last arrived. */

    /* A whole frame; its body is borrowed. May call link_close(). */
    void (*frame)(struct link *link, const struct wire_frame *frame);
    /* The link has ended, for whatever reason. Called once; the link may then be freed or opened
     * again. */
    void (*closed)(struct link *link);
    void *context;
};

/* Sets the callbacks. The stream is then opened by io_accept() or io_connect() on link->stream,
 * followed by link_opened(). */
void link_init(struct link *link, struct io *io,
               void (*frame)(struct link *link, const struct wire_frame *frame),
               void (*closed)(struct link *link), void *context);
void link_opened(struct link *link);
/* Frees buffers; the stream must be closed, or the whole io is about to be freed. */
void link_deinit(struct link *link);
void link_close(struct link *link);
/* Sends what has collected. */
void link_flush(struct link *link);
/* To be called each turn: goes on reading what had to wait for it. */
void link_resume(struct link *link);
/* Whether a part of a frame of that type has arrived. */
bool link_is_amid(const struct link *link, enum wire_type type);
/* Bytes that have collected or are being sent. */
size_t link_backlog_bytes(const struct link *link);

#endif /* RAKIT_PEER_LINK_H */
