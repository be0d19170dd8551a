#include "kv/item.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/memory.h"

/* The first byte of an item. The other bits are reserved for types and expiry. */
enum {
    SHAPE_KEY_WIDE = 1, /* The key's size takes 4 bytes, otherwise 1. */
    SHAPE_VALUE_2 = 2,  /* The value's size takes 2 bytes. */
    SHAPE_VALUE_4 = 4,  /* Or 4 bytes; otherwise 1. */
    SHAPE_HAS_ROOM = 8, /* It has grown: the allocation is grown_bytes(). */
    SHAPE_KEPT = 16,    /* It has a second owner. */
    SHAPE_LET_GO = 32,  /* And its first owner has let it go. */
};

struct item {
    unsigned char shape;
    char rest[];
};

/* The decoded header. */
struct layout {
    size_t key_size;
    size_t value_size;
    size_t header_bytes;
};

static inline struct layout read_layout(const struct item *item)
{
    struct layout l;
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
    l.header_bytes = (size_t)(at - (const char *)item);
    return l;
}

static unsigned char shape_for(size_t key_size, size_t value_size)
{
    unsigned char shape = key_size > UINT8_MAX ? SHAPE_KEY_WIDE : 0;

    if (value_size > UINT16_MAX) {
        shape |= SHAPE_VALUE_4;
    } else if (value_size > UINT8_MAX) {
        shape |= SHAPE_VALUE_2;
    }
    return shape;
}

static size_t header_bytes_of(unsigned char shape)
{
    size_t key_bytes = (shape & SHAPE_KEY_WIDE) != 0 ? 4 : 1;
    size_t value_bytes = (shape & SHAPE_VALUE_4) != 0 ? 4 : (shape & SHAPE_VALUE_2) != 0 ? 2 : 1;

    return 1 + key_bytes + value_bytes;
}

/* Writes the header; returns where the key begins. */
static char *write_header(struct item *item, unsigned char shape, size_t key_size,
                          size_t value_size)
{
    char *at = item->rest;

    item->shape = shape;
    if ((shape & SHAPE_KEY_WIDE) != 0) {
        put_u32(at, (uint32_t)key_size);
        at += 4;
    } else {
        *at++ = (char)(unsigned char)key_size;
    }
    if ((shape & SHAPE_VALUE_4) != 0) {
        put_u32(at, (uint32_t)value_size);
        at += 4;
    } else if ((shape & SHAPE_VALUE_2) != 0) {
        put_u16(at, (uint16_t)value_size);
        at += 2;
    } else {
        *at++ = (char)(unsigned char)value_size;
    }
    return at;
}

/* The allocation of an item that has grown to `size` bytes in all: the next of four steps per
 * doubling, so at most a quarter is spare. */
static size_t grown_bytes(size_t size)
{
    size_t step = 16;

    while (step * 8 < size) {
        step *= 2;
    }
    return (size + step - 1) / step * step;
}

static struct item *item_take(unsigned char shape, struct slice key, struct slice value)
{
    CHECK(key.size <= UINT32_MAX);
    CHECK(value.size <= UINT32_MAX);

    size_t size = header_bytes_of(shape) + key.size + value.size;
    struct item *item = memory_take((shape & SHAPE_HAS_ROOM) != 0 ? grown_bytes(size) : size);
    char *at = write_header(item, shape, key.size, value.size);

    if (key.size > 0) {
        memcpy(at, key.data, key.size);
    }
    if (value.size > 0 && value.data != NULL) {
        memcpy(at + key.size, value.data, value.size);
    }
    return item;
}

struct item *item_new(struct slice key, struct slice value)
{
    return item_take(shape_for(key.size, value.size), key, value);
}

void item_free(struct item *item)
{
    CHECK(!item_is_kept(item));
    free(item);
}

struct slice item_key(const struct item *item)
{
    struct layout l = read_layout(item);

    return slice_of((const char *)item + l.header_bytes, l.key_size);
}

struct slice item_value(const struct item *item)
{
    struct layout l = read_layout(item);

    return slice_of((const char *)item + l.header_bytes + l.key_size, l.value_size);
}

char *item_value_bytes(struct item *item)
{
    struct layout l = read_layout(item);

    return (char *)item + l.header_bytes + l.key_size;
}

const char *item_content(const struct item *item)
{
    return (const char *)item + read_layout(item).header_bytes;
}

size_t item_content_size(const struct item *item)
{
    struct layout l = read_layout(item);

    return l.key_size + l.value_size;
}

void item_keep(struct item *item)
{
    CHECK(!item_is_kept(item));
    item->shape |= SHAPE_KEPT;
}

bool item_is_kept(const struct item *item)
{
    return (item->shape & SHAPE_KEPT) != 0;
}

void item_let_go(struct item *item)
{
    CHECK(item_is_kept(item));
    item->shape |= SHAPE_LET_GO;
}

bool item_keep_no_more(struct item *item)
{
    bool was_let_go = (item->shape & SHAPE_LET_GO) != 0;

    CHECK(item_is_kept(item));
    item->shape &= (unsigned char)~(SHAPE_KEPT | SHAPE_LET_GO);
    return was_let_go;
}

size_t heap_bytes(size_t size)
{
    /* glibc's malloc: 8 bytes of its own, rounded up to 16, 32 at least. */
    size_t whole = (size + 8 + 15) & ~(size_t)15;

    return whole < 32 ? 32 : whole;
}

static size_t allocated_bytes(unsigned char shape, const struct layout *l)
{
    size_t size = l->header_bytes + l->key_size + l->value_size;

    return (shape & SHAPE_HAS_ROOM) != 0 ? grown_bytes(size) : size;
}

size_t item_heap_bytes(const struct item *item)
{
    struct layout l = read_layout(item);

    return heap_bytes(allocated_bytes(item->shape, &l));
}

struct item *item_replace(struct item *item, struct slice value)
{
    struct layout l = read_layout(item);
    unsigned char shape = shape_for(l.key_size, value.size);

    if (shape == item->shape &&
        heap_bytes(l.header_bytes + l.key_size + value.size) ==
            heap_bytes(allocated_bytes(shape, &l)) &&
        value.size <= l.value_size) {
        char *to = write_header(item, shape, l.key_size, value.size);

        if (value.size > 0) {
            memcpy(to + l.key_size, value.data, value.size);
        }
        return item;
    }

    struct slice key = slice_of((const char *)item + l.header_bytes, l.key_size);
    struct item *replacement = item_new(key, value);

    item_free(item);
    return replacement;
}

static unsigned char grown_shape(size_t key_size)
{
    return (unsigned char)((key_size > UINT8_MAX ? SHAPE_KEY_WIDE : 0) | SHAPE_VALUE_4 |
                           SHAPE_HAS_ROOM);
}

/* The first growth of a short value: a wider header moves the bytes behind it. */
static bool is_copied_to_grow(const struct item *item)
{
    return (item->shape & SHAPE_VALUE_4) == 0;
}

uint64_t item_growth_bytes(const struct item *item, size_t key_size, size_t size)
{
    struct layout l = {.key_size = key_size};
    uint64_t kept_bytes = 0;

    if (item != NULL) {
        l = read_layout(item);
        if (size <= l.value_size) {
            return 0;
        }
        kept_bytes = is_copied_to_grow(item) || item_is_kept(item) ? 0 : item_heap_bytes(item);
    }

    struct layout grown = {.header_bytes = header_bytes_of(grown_shape(l.key_size)),
                           .key_size = l.key_size,
                           .value_size = size};

    return heap_bytes(allocated_bytes(grown_shape(l.key_size), &grown)) - kept_bytes;
}

struct item *item_grow(struct item *item, size_t size)
{
    struct layout l = read_layout(item);
    unsigned char shape = (unsigned char)(grown_shape(l.key_size) | (item->shape & SHAPE_KEPT));

    CHECK(size >= l.value_size);
    CHECK(size <= UINT32_MAX);
    if (is_copied_to_grow(item)) {
        struct item *wide = item_take(shape, item_key(item), slice_of(NULL, size));

        memcpy(item_value_bytes(wide), item_value_bytes(item), l.value_size);
        free(item); /* The wide one replaces it, for both owners. */
        return wide;
    }

    size_t old_bytes = allocated_bytes(item->shape, &l);
    size_t new_bytes = grown_bytes(l.header_bytes + l.key_size + size);

    if (new_bytes != old_bytes) {
        item = memory_resize(item, new_bytes);
    }
    write_header(item, shape, l.key_size, size);
    return item;
}
