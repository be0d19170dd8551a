/* entry.h - one log entry with its payload, as it is passed between rooms: made from a client's
 * command or a peer's frame, written to the log, sent to peers, applied. Immutable once made;
 * reference-counted on the loop's thread. */
#ifndef RAKIT_STORE_ENTRY_H
#define RAKIT_STORE_ENTRY_H

#include <stdint.h>

#include "base/slice.h"

enum { ENTRY_BYTES_MAX = 544 * 1024 * 1024 }; /* Of the payload: a 512 MB value and its command. */

struct entry {
    uint64_t index;
    uint64_t term;
    uint64_t time_us; /* Log time, since the Unix epoch: never lower than that of the previous entry
                  * (I-78). */
    uint32_t references;
    uint32_t size; /* Bytes of the payload. */
    uint8_t kind;  /* enum raft_entry_kind. */
    char data[];   /* The payload. */
};

/* An entry with room for `size` bytes and one reference; index, term and time are 0. */
struct entry *entry_new(uint8_t kind, uint32_t size);
struct entry *entry_hold(struct entry *e);
void entry_release(struct entry *e); /* NULL is allowed. */

static inline struct slice entry_payload(const struct entry *e)
{
    return slice_of(e->data, e->size);
}

#endif /* RAKIT_STORE_ENTRY_H */
