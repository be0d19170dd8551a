#include "kv/hash_small.h"

#include "base/mutant.h"

bool hash_small_next(struct slice value, size_t *at, struct hash_entry *ret_entry)
{
    if (*at >= value.size ||
        !hash_entry_read(slice_of(value.data + *at, value.size - *at), ret_entry)) {
        return false;
    }
    *at += ret_entry->bytes;
    return true;
}

bool hash_small_find(struct slice value, struct slice name, size_t *ret_at,
                     struct hash_entry *ret_entry)
{
    size_t at = SMALL_HEAD_BYTES;

    while (*ret_at = at, hash_small_next(value, &at, ret_entry)) {
        if (slice_equal(ret_entry->field.name, name)) {
            return true;
        }
    }
    return false;
}

static uint32_t count_entries(struct slice value)
{
    size_t at = SMALL_HEAD_BYTES;
    struct hash_entry entry;
    uint32_t count = 0;

    while (hash_small_next(value, &at, &entry)) {
        count++;
    }
    return count;
}

/* --- changes ------------------------------------------------------------------------------ */

/* Replaces the bytes from `at` up to `end` by `bytes` others, which are left to the caller. */
static void splice(struct value_edit *e, size_t at, size_t end, size_t bytes)
{
    size_t size = e->size;
    size_t after = size - (end - at) + bytes;

    value_edit_touch(e, at, size);
    if (after > size) {
        value_edit_resize(e, after);
    }
    memmove(e->bytes + at + bytes, e->bytes + end, size - end);
    if (after < size) {
        value_edit_resize(e, after);
    }
}

bool hash_small_set(struct value_edit *e, const struct hash_field *field)
{
    struct slice value = value_edit_slice(e);
    struct hash_entry old = {.bytes = 0};
    size_t bytes = hash_entry_bytes(field);
    size_t at;
    bool exists = hash_small_find(value, field->name, &at, &old);

    if (!exists) {
        old.bytes = 0;
    }
    if (bytes > SMALL_BYTES_MAX || value.size - old.bytes + bytes > SMALL_BYTES_MAX ||
        (!exists && count_entries(value) == SMALL_FIELDS_MAX)) {
        return false;
    }
    splice(e, at, at + old.bytes, bytes);
    hash_entry_write(e->bytes + at, field, 0);
    return true;
}

bool hash_small_delete(struct value_edit *e, struct slice name)
{
    struct hash_entry entry;
    size_t at;

    if (!hash_small_find(value_edit_slice(e), name, &at, &entry)) {
        return false;
    }
    splice(e, at, at + entry.bytes, 0);
    return true;
}

uint64_t hash_small_remove_expired(struct value_edit *e, uint64_t now_ms, uint64_t count)
{
    struct hash_entry entry;
    uint64_t removed = 0;
    size_t at = SMALL_HEAD_BYTES;

    while (removed < count && hash_small_next(value_edit_slice(e), &at, &entry)) {
        if (hash_field_is_expired(&entry.field, now_ms)) {
            at -= entry.bytes;
            splice(e, at, at + entry.bytes, 0);
            removed++;
        }
    }
    return removed;
}

/* --- bytes from outside ------------------------------------------------------------------- */

bool hash_small_is_sound(struct slice value)
{
    size_t at = SMALL_HEAD_BYTES;
    struct hash_entry entry;

    if (value.size > SMALL_BYTES_MAX) {
        return false;
    }
    while (hash_small_next(value, &at, &entry)) {
        struct hash_entry other;
        size_t first;

        /* Of two with the same name, the first one is found. */
        if (!hash_small_find(value, entry.field.name, &first, &other) ||
            first + other.bytes != at || entry.place != 0) {
            return false;
        }
    }

    uint32_t count = count_entries(value);

    return at == value.size && count > 0 && count <= SMALL_FIELDS_MAX;
}
