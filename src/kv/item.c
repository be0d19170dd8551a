#include "kv/item.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/memory.h"

static unsigned char shape_for(struct traits traits, size_t key_size, size_t value_size)
{
    unsigned char shape = key_size > UINT8_MAX ? SHAPE_KEY_WIDE : 0;

    if (value_size > UINT16_MAX) {
        shape |= SHAPE_VALUE_4 | SHAPE_EXPIRES;
    } else if (value_size > UINT8_MAX) {
        shape |= SHAPE_VALUE_2;
    }
    if (traits.expires_ms != 0) {
        shape |= SHAPE_EXPIRES;
    }
    return traits.type != VALUE_STRING ? shape | SHAPE_TYPED : shape;
}

static size_t header_bytes_of(unsigned char shape)
{
    size_t key_bytes = (shape & SHAPE_KEY_WIDE) != 0 ? 4 : 1;
    size_t value_bytes = (shape & SHAPE_VALUE_4) != 0 ? 4 : (shape & SHAPE_VALUE_2) != 0 ? 2 : 1;

    return 1 + key_bytes + value_bytes + item_trait_bytes(shape);
}

static char *write_traits(char *at, unsigned char shape, struct traits traits)
{
    if ((shape & SHAPE_EXPIRES) != 0) {
        put_u32(at, (uint32_t)traits.expires_ms);
        put_u16(at + 4, (uint16_t)(traits.expires_ms >> 32));
        at += ITEM_EXPIRY_BYTES;
    }
    if ((shape & SHAPE_TYPED) != 0) {
        *at++ = (char)traits.type;
    }
    return at;
}

/* Writes the header; returns where the key begins. */
static char *write_header(struct item *item, unsigned char shape, struct traits traits,
                          size_t key_size, size_t value_size)
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
    return write_traits(at, shape, traits);
}

static struct item *item_take(unsigned char shape, struct traits traits, struct slice key,
                              struct slice value)
{
    CHECK(key.size <= UINT32_MAX);
    CHECK(value.size <= UINT32_MAX);

    size_t size = header_bytes_of(shape) + key.size + value.size;
    struct item *item = memory_take((shape & SHAPE_HAS_ROOM) != 0 ? item_grown_bytes(size) : size);
    char *at = write_header(item, shape, traits, key.size, value.size);

    CHECK(traits.expires_ms <= EXPIRES_MS_MAX);
    if (key.size > 0) {
        memcpy(at, key.data, key.size);
    }
    if (value.size > 0 && value.data != NULL) {
        memcpy(at + key.size, value.data, value.size);
    }
    return item;
}

struct item *item_new(struct traits traits, struct slice key, struct slice value)
{
    return item_take(shape_for(traits, key.size, value.size), traits, key, value);
}

void item_free(struct item *item)
{
    CHECK(!item_is_kept(item));
    free(item);
}

/* The byte with the flag is the last one of the traits. */
bool item_is_deferred(const struct item *item)
{
    const char *key = (const char *)item + item_layout(item).header_bytes;

    return item_trait_bytes(item->shape) > 0 && ((unsigned char)key[-1] & ITEM_FLAG) != 0;
}

void item_set_deferred(struct item *item, bool is_deferred)
{
    if (item_trait_bytes(item->shape) > 0) {
        char *at = (char *)item + item_layout(item).header_bytes - 1;

        *at = (char)(unsigned char)(((unsigned char)*at & (ITEM_FLAG - 1)) |
                                    (is_deferred ? ITEM_FLAG : 0));
    }
}

char *item_value_bytes(struct item *item)
{
    struct item_layout l = item_layout(item);

    return (char *)item + l.header_bytes + l.key_size;
}

const char *item_content(const struct item *item)
{
    return (const char *)item + item_layout(item).header_bytes;
}

size_t item_content_size(const struct item *item)
{
    struct item_layout l = item_layout(item);

    return l.key_size + l.value_size;
}

void item_keep(struct item *item)
{
    CHECK(!item_is_kept(item));
    item->shape |= SHAPE_KEPT;
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

struct item *item_replace(struct item *item, struct traits traits, struct slice value)
{
    struct item_layout l = item_layout(item);
    unsigned char shape = shape_for(traits, l.key_size, value.size);

    if (shape == item->shape &&
        heap_bytes(l.header_bytes + l.key_size + value.size) ==
            heap_bytes(item_allocated_bytes(shape, &l)) &&
        value.size <= l.value_size) {
        char *to = write_header(item, shape, traits, l.key_size, value.size);

        if (value.size > 0) {
            memcpy(to + l.key_size, value.data, value.size);
        }
        return item;
    }

    struct slice key = slice_of((const char *)item + l.header_bytes, l.key_size);
    struct item *replacement = item_new(traits, key, value);

    item_free(item);
    return replacement;
}

struct item *item_set_expiry(struct item *item, uint64_t expires_ms)
{
    struct traits traits = {.type = item_traits(item).type, .expires_ms = expires_ms};
    struct item_layout l = item_layout(item);

    if ((item->shape & SHAPE_EXPIRES) != 0) {
        CHECK(expires_ms <= EXPIRES_MS_MAX);
        write_traits((char *)item + l.header_bytes - item_trait_bytes(item->shape), item->shape,
                     traits);
        return item;
    }
    if (expires_ms == 0) {
        return item;
    }

    struct item *wider =
        item_take(item->shape | SHAPE_EXPIRES, traits, item_key(item), item_value(item));

    free(item); /* The wider one replaces it, for both owners. */
    return wider;
}

size_t item_plain_bytes(struct traits traits, size_t key_size, size_t value_size)
{
    unsigned char shape = shape_for(traits, key_size, value_size);

    return heap_bytes(header_bytes_of(shape) + key_size + value_size);
}

struct item *item_rekey(struct item *item, struct slice key)
{
    struct item_layout old = item_layout(item);
    struct traits traits = item_traits(item);
    unsigned char shape = item->shape & (unsigned char)~SHAPE_KEY_WIDE;

    CHECK(!item_is_kept(item));
    shape |= key.size > UINT8_MAX ? SHAPE_KEY_WIDE : 0;

    struct item_layout l = {
        .key_size = key.size, .value_size = old.value_size, .header_bytes = header_bytes_of(shape)};
    size_t old_bytes = item_allocated_bytes(item->shape, &old);
    size_t new_bytes = item_allocated_bytes(shape, &l);

    if (new_bytes > old_bytes) {
        item = memory_resize(item, new_bytes);
    }
    memmove((char *)item + l.header_bytes + l.key_size,
            (char *)item + old.header_bytes + old.key_size, l.value_size);
    if (new_bytes < old_bytes) {
        item = memory_resize(item, new_bytes);
    }

    char *at = write_header(item, shape, traits, key.size, l.value_size);

    if (key.size > 0) {
        memcpy(at, key.data, key.size);
    }
    return item;
}

static unsigned char grown_shape(struct traits traits, size_t key_size)
{
    return (unsigned char)(shape_for(traits, key_size, UINT32_MAX) | SHAPE_HAS_ROOM);
}

/* The first growth of a short value: a wider header moves the bytes behind it. */
static bool is_copied_to_grow(const struct item *item)
{
    return (item->shape & SHAPE_VALUE_4) == 0;
}

uint64_t item_growth_bytes(const struct item *item, size_t key_size, size_t size)
{
    struct item_layout l = {.key_size = key_size};
    struct traits traits = {0};
    uint64_t kept_bytes = 0;

    if (item != NULL) {
        l = item_layout(item);
        traits = item_traits(item);
        if (size <= l.value_size) {
            return 0;
        }
        kept_bytes = is_copied_to_grow(item) || item_is_kept(item) ? 0 : item_heap_bytes(item);
    }

    unsigned char shape = grown_shape(traits, l.key_size);
    struct item_layout grown = {
        .header_bytes = header_bytes_of(shape), .key_size = l.key_size, .value_size = size};

    return heap_bytes(item_allocated_bytes(shape, &grown)) - kept_bytes;
}

struct item *item_grow(struct item *item, size_t size)
{
    struct item_layout l = item_layout(item);
    struct traits traits = item_traits(item);
    unsigned char shape =
        (unsigned char)(grown_shape(traits, l.key_size) | (item->shape & SHAPE_KEPT));

    CHECK(size >= l.value_size);
    CHECK(size <= UINT32_MAX);
    if (is_copied_to_grow(item)) {
        struct item *wide = item_take(shape, traits, item_key(item), slice_of(NULL, size));

        memcpy(item_value_bytes(wide), item_value_bytes(item), l.value_size);
        free(item); /* The wide one replaces it, for both owners. */
        return wide;
    }

    size_t old_bytes = item_allocated_bytes(item->shape, &l);
    size_t new_bytes = item_grown_bytes(l.header_bytes + l.key_size + size);

    if (new_bytes != old_bytes) {
        item = memory_resize(item, new_bytes);
    }
    write_header(item, shape, traits, l.key_size, size);
    return item;
}

struct item *item_shrink(struct item *item, size_t size)
{
    if ((item->shape & SHAPE_HAS_ROOM) == 0) {
        item = item_grow(item, item_value(item).size);
    }

    struct item_layout l = item_layout(item);
    struct traits traits = item_traits(item);
    size_t old_bytes = item_allocated_bytes(item->shape, &l);
    size_t new_bytes = item_grown_bytes(l.header_bytes + l.key_size + size);

    CHECK(size <= l.value_size);
    if (new_bytes != old_bytes) {
        item = memory_resize(item, new_bytes);
    }
    write_header(item, item->shape, traits, l.key_size, size);
    return item;
}
