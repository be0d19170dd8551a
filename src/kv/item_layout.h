/* item_layout.h - how the bytes of an item lie, and the functions that only read them: inline,
 * because each command calls several. Included by item.h. */
#ifndef RAKIT_KV_ITEM_LAYOUT_H
#define RAKIT_KV_ITEM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "kv/traits.h"

/* The first byte of an item. */
enum {
    SHAPE_KEY_WIDE = 1, /* The key's size takes 4 bytes, otherwise 1. */
    SHAPE_VALUE_2 = 2,  /* The value's size takes 2 bytes. */
    SHAPE_VALUE_4 = 4,  /* Or 4 bytes; otherwise 1. */
    SHAPE_HAS_ROOM = 8, /* It has grown: the allocation is item_grown_bytes(). */
    SHAPE_KEPT = 16,    /* It has a second owner. */
    SHAPE_LET_GO = 32,  /* And its first owner has let it go. */
    SHAPE_EXPIRES = 64, /* It has a field for when it expires, 0: never. */
    SHAPE_TYPED = 128,  /* It has a type; otherwise it is a string. */
};

enum { ITEM_EXPIRY_BYTES = 6, ITEM_FLAG = 128 };

/* Unaligned bytes: only this file and item.c read them. */
struct item {
    unsigned char shape;
    char rest[];
};

/* The decoded header. */
struct item_layout {
    size_t key_size;
    size_t value_size;
    size_t header_bytes;
};

static inline size_t item_trait_bytes(unsigned char shape)
{
    size_t expiry_bytes = (shape & SHAPE_EXPIRES) != 0 ? ITEM_EXPIRY_BYTES : 0;

    return expiry_bytes + ((shape & SHAPE_TYPED) != 0 ? 1 : 0);
}

static inline struct item_layout item_layout(const struct item *item)
{
    struct item_layout l;
    const char *at = item->rest;

    if ((item->shape & SHAPE_KEY_WIDE) != 0) {
        l.key_size = get_u32(at);
        at += 4;
    } else {
        l.key_size = (unsigned char)*at;
        at++;
    }
    if ((item->shape & SHAPE_VALUE_4) != 0) {
        l.value_size = get_u32(at);
        at += 4;
    } else if ((item->shape & SHAPE_VALUE_2) != 0) {
        l.value_size = get_u16(at);
        at += 2;
    } else {
        l.value_size = (unsigned char)*at;
        at++;
    }
    l.header_bytes = (size_t)(at - (const char *)item) + item_trait_bytes(item->shape);
    return l;
}

/* The heap that an allocation of that size takes. */
static inline size_t heap_bytes(size_t size)
{
    /* glibc's malloc: 8 bytes of its own, rounded up to 16, 32 at least. */
    size_t whole = (size + 8 + 15) & ~(size_t)15;

    return whole < 32 ? 32 : whole;
}

/* The allocation of an item that has grown to `size` bytes in all: the next of four steps per
 * doubling, so at most a quarter is spare. */
static inline size_t item_grown_bytes(size_t size)
{
    size_t step = 16;

    while (step * 8 < size) {
        step *= 2;
    }
    return (size + step - 1) / step * step;
}

static inline size_t item_allocated_bytes(unsigned char shape, const struct item_layout *l)
{
    size_t size = l->header_bytes + l->key_size + l->value_size;

    return (shape & SHAPE_HAS_ROOM) != 0 ? item_grown_bytes(size) : size;
}

/* The heap that the item takes, including the allocator's own share. */
static inline size_t item_heap_bytes(const struct item *item)
{
    struct item_layout l = item_layout(item);

    return heap_bytes(item_allocated_bytes(item->shape, &l));
}

/* Behind the traits is the key. */
static inline uint64_t item_read_field(const struct item *item, const char *key)
{
    const char *at = key - item_trait_bytes(item->shape);

    return get_u32(at) | (uint64_t)get_u16(at + 4) << 32;
}

static inline uint64_t item_read_expiry(const struct item *item, const char *key)
{
    return item_read_field(item, key) & EXPIRES_MS_MAX;
}

static inline struct traits item_traits(const struct item *item)
{
    const char *key = (const char *)item + item_layout(item).header_bytes;
    struct traits traits = {0};

    if ((item->shape & SHAPE_EXPIRES) != 0) {
        traits.expires_ms = item_read_expiry(item, key);
    }
    if ((item->shape & SHAPE_TYPED) != 0) {
        traits.type = (uint8_t)key[-1] & (ITEM_FLAG - 1);
    }
    return traits;
}

static inline bool item_is_expired(const struct item *item, uint64_t now_ms)
{
    return (item->shape & SHAPE_EXPIRES) != 0 && traits_are_expired(item_traits(item), now_ms);
}

static inline struct slice item_key(const struct item *item)
{
    struct item_layout l = item_layout(item);

    return slice_of((const char *)item + l.header_bytes, l.key_size);
}

static inline struct slice item_value(const struct item *item)
{
    struct item_layout l = item_layout(item);

    return slice_of((const char *)item + l.header_bytes + l.key_size, l.value_size);
}

static inline bool item_is_kept(const struct item *item)
{
    return (item->shape & SHAPE_KEPT) != 0;
}

#endif /* RAKIT_KV_ITEM_LAYOUT_H */
