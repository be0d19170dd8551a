/* arena.c - see arena.h. */
#include "lincheck/arena.h"

#include <stdlib.h>

#include "base/memory.h"

enum { CHUNK_BYTES_MIN = 4096, CHUNK_BYTES_MAX = 1 << 20 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* Of `data`. */
    _Alignas(8) char data[];
};

/* Chunks double in size, so that small arenas stay small, and large ones have few chunks. */
static size_t chunk_size(const struct arena *a, size_t wanted)
{
    size_t size = a->chunks == NULL ? CHUNK_BYTES_MIN : 2 * a->chunks->size;

    size = size > CHUNK_BYTES_MAX ? CHUNK_BYTES_MAX : size;
    return size < wanted ? wanted : size;
}

void *arena_take(struct arena *a, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (a->chunks == NULL || size > a->left_bytes) {
        size_t data_size = chunk_size(a, size);
        struct arena_chunk *chunk = memory_take(sizeof *chunk + data_size);

        chunk->next = a->chunks;
        chunk->size = data_size;
        a->chunks = chunk;
        a->left_bytes = data_size;
        a->bytes += sizeof *chunk + data_size;
    }

    char *piece = a->chunks->data + (a->chunks->size - a->left_bytes);

    a->left_bytes -= size;
    return piece;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *copy = arena_take(a, s.size);

    if (s.size > 0) {
        memcpy(copy, s.data, s.size);
    }
    return slice_of(copy, s.size);
}

void arena_reset(struct arena *a)
{
    while (a->chunks != NULL) {
        struct arena_chunk *next = a->chunks->next;

        free(a->chunks);
        a->chunks = next;
    }
    *a = (struct arena){0};
}
