/* pieces.h - large payloads on a connection: an entry or a forwarded command comes in pieces,
 * ahead of its own frame, which then names its size and has no payload. So no frame is long, and
 * no step of a turn copies or checks a whole large value. */
#ifndef RAKIT_PEER_PIECES_H
#define RAKIT_PEER_PIECES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "peer/wire.h"
#include "store/entry.h"

/* A payload of more than so many pieces is sent in pieces. */
enum { PIECES_WHOLE = 4 };

/* What has arrived; zeroed: nothing. Memory is taken as pieces arrive, not because they were
 * announced. */
struct pieces {
    struct entry *entry; /* Has room for `capacity` bytes; its size is that of the whole. */
    uint32_t capacity;
    uint32_t held; /* Bytes that have arrived. */
};

/* False: it does not continue what has arrived; the connection must be closed. The first piece of
 * another payload drops what is there. */
bool pieces_take(struct pieces *p, const struct wire_piece *piece);
/* The payload, if it is complete and has that size; then nothing is left. NULL otherwise. */
struct entry *pieces_finish(struct pieces *p, uint32_t size);
void pieces_drop(struct pieces *p);

/* Whether a payload of that size is sent in pieces. */
bool pieces_are_needed(uint64_t size, uint32_t piece_bytes);
/* Appends the next piece of `payload` from *at on, and advances *at. */
void pieces_put(struct buffer *out, uint8_t group, struct slice payload, uint32_t piece_bytes,
                uint32_t *at);
/* A command to forward, in pieces if it is large. */
void pieces_put_forward(struct buffer *out, const struct wire_forward *f, uint32_t piece_bytes);

#endif /* RAKIT_PEER_PIECES_H */
