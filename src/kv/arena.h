/* arena.h - blocks within the bytes of one value, for types of many parts, such as hashes. A block
 * is referred to by its offset. Freed ones are holes; if holes take more than a quarter, each
 * further change moves a few blocks down over them, until the end of the value is free and is cut
 * off. So no change takes long, and a value takes at most about twice what it contains.
 *
 *   kind of value (1 byte), zero (3 bytes), bytes of holes (4), where moving goes on, 0: nowhere
 *   (4), what the type needs, blocks
 *
 * A block begins with its size in bytes, a multiple of 4, plus its kind. Deterministic: equal
 * histories give equal bytes. Private to kv. */
#ifndef RAKIT_KV_ARENA_H
#define RAKIT_KV_ARENA_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/value_edit.h"

enum {
    ARENA_HOLES_AT = 4,
    ARENA_MOVING_AT = 8,
    ARENA_HEAD_BYTES = 12,
    BLOCK_HOLE = 0, /* Other kinds are the type's, up to BLOCK_KINDS. */
    BLOCK_KINDS = 4,
    BLOCK_HEAD_BYTES = 4,
};

struct arena {
    struct value_edit *edit;
    uint32_t begin; /* Of the blocks. */
    /* A block was moved: refer to it at its new place. The bytes at the old one may be others. */
    void (*moved)(struct arena *a, uint32_t from, uint32_t to);
};

static inline uint32_t block_kind(const char *bytes, uint32_t at)
{
    return get_u32(bytes + at) % BLOCK_KINDS;
}

static inline uint32_t block_size(const char *bytes, uint32_t at)
{
    return get_u32(bytes + at) / BLOCK_KINDS * BLOCK_KINDS;
}

/* What a block takes for so many bytes of content. */
static inline uint32_t block_bytes(size_t content_bytes)
{
    return (uint32_t)((BLOCK_HEAD_BYTES + content_bytes + 3) / 4 * 4);
}

/* Whether a block lies at `at`, of whatever kind. */
bool block_is_sound(struct slice value, uint32_t begin, uint32_t at);

/* Adds a block; its content is zero. May move the bytes of the value, but no block in it. */
uint32_t arena_add(struct arena *a, uint32_t kind, size_t content_bytes);
void arena_free_block(struct arena *a, uint32_t at);
/* Moves blocks if that is worth it, about as many bytes as `work` says. Call it after a change
 * with twice the bytes that the change has taken, or more. */
void arena_tidy(struct arena *a, uint64_t work);

#endif /* RAKIT_KV_ARENA_H */
