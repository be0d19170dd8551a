/* arena.h - memory that is allocated in small pieces and freed all at once. Pieces never move,
 * so pointers to them are valid until arena_reset(). */
#ifndef RAKIT_LINCHECK_ARENA_H
#define RAKIT_LINCHECK_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_chunk;

/* A zeroed struct is an empty arena. */
struct arena {
    struct arena_chunk *chunks; /* Owned; newest first. */
    size_t left_bytes;          /* Free at the end of the newest chunk. */
    size_t bytes;               /* Of all chunks. */
};

/* `size` bytes, aligned for numbers and pointers, not zeroed. */
void *arena_take(struct arena *a, size_t size) __attribute__((returns_nonnull));
struct slice arena_copy(struct arena *a, struct slice s);
/* Frees everything. */
void arena_reset(struct arena *a);

#endif /* RAKIT_LINCHECK_ARENA_H */
