/* value_edit.h - the bytes of a value while they are changed in place. Each change is announced,
 * so that it costs as much as it changes, whatever the size of the value is: digests and walks
 * (kv/edit.h) look at no other bytes. Private to kv. */
#ifndef RAKIT_KV_VALUE_EDIT_H
#define RAKIT_KV_VALUE_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/slice.h"

struct value_edit {
    char *bytes; /* Valid until value_edit_resize(). */
    size_t size;
    bool is_changed;
    void (*touch)(struct value_edit *e, size_t first, size_t end);
    void (*resize)(struct value_edit *e, size_t size);
};

static inline struct slice value_edit_slice(const struct value_edit *e)
{
    return slice_of(e->bytes, e->size);
}

/* The bytes from `first` up to `end` will change now. */
static inline void value_edit_touch(struct value_edit *e, size_t first, size_t end)
{
    e->is_changed = true;
    e->touch(e, first, end);
}

/* New bytes are zero, and may be changed without value_edit_touch(). */
static inline void value_edit_resize(struct value_edit *e, size_t size)
{
    e->is_changed = true;
    e->resize(e, size);
}

static inline uint32_t value_edit_get(const struct value_edit *e, size_t at)
{
    return get_u32(e->bytes + at);
}

static inline void value_edit_put(struct value_edit *e, size_t at, uint32_t number)
{
    if (get_u32(e->bytes + at) != number) {
        value_edit_touch(e, at, at + sizeof number);
        put_u32(e->bytes + at, number);
    }
}

/* A value outside of the keyspace. */
struct memory_edit {
    struct value_edit edit;
    size_t capacity;
};

/* Copies `value`. */
void memory_edit_init(struct memory_edit *m, struct slice value);
void memory_edit_deinit(struct memory_edit *m);

#endif /* RAKIT_KV_VALUE_EDIT_H */
