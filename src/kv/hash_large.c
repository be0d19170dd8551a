#include "kv/hash_large.h"

#include "base/check.h"
#include "base/mutant.h"

enum {
    TIDY_WORK = 512, /* For each change, besides twice its bytes. */
    SPARE_MAX = 16,  /* An entry may leave so much of its block unused, or half of it. */
};

/* --- blocks --------------------------------------------------------------------------------- */

bool large_read(struct slice value, uint32_t at, struct hash_entry *ret_entry)
{
    return block_is_sound(value, LARGE_BEGIN, at) && block_kind(value.data, at) == BLOCK_ENTRY &&
           block_size(value.data, at) > ENTRY_FIELD_AT &&
           hash_entry_read(slice_of(value.data + at + ENTRY_FIELD_AT,
                                    block_size(value.data, at) - ENTRY_FIELD_AT),
                           ret_entry);
}

struct hash_entry large_entry(struct slice value, uint32_t at)
{
    struct hash_entry entry;
    bool is_there = large_read(value, at, &entry);

    CHECK(is_there); /* What comes from outside was judged before. */
    return entry;
}

static void segment_moved(struct value_edit *e, uint32_t segments_at, uint32_t from, uint32_t to)
{
    uint32_t segment = 0;

    while (value_edit_get(e, segments_at + 4 * segment) != from) {
        segment++;
        CHECK(segment < SEGMENTS);
    }
    value_edit_put(e, segments_at + 4 * segment, to);
}

static void entry_moved(struct value_edit *e, uint32_t from, uint32_t to)
{
    struct slice value = value_edit_slice(e);
    struct hash_entry entry = large_entry(value, to);

    table_entry_moved(e, from, to);
    if (entry.field.expires_ms != 0) {
        value_edit_put(e, slot_at(value, LARGE_HEAP_SEGMENTS_AT, entry.place), to);
    }
}

static void block_moved(struct arena *a, uint32_t from, uint32_t to)
{
    switch (block_kind(a->edit->bytes, to)) {
    case BLOCK_ENTRY:
        entry_moved(a->edit, from, to);
        break;
    case BLOCK_BUCKETS:
        segment_moved(a->edit, LARGE_BUCKET_SEGMENTS_AT, from, to);
        break;
    case BLOCK_HEAP:
        segment_moved(a->edit, LARGE_HEAP_SEGMENTS_AT, from, to);
        break;
    default:
        break;
    }
}

struct arena large_arena(struct value_edit *e)
{
    return (struct arena){.edit = e, .begin = LARGE_BEGIN, .moved = block_moved};
}

static void tidy(struct value_edit *e, size_t bytes)
{
    struct arena arena = large_arena(e);

    arena_tidy(&arena, TIDY_WORK + 2 * (uint64_t)bytes);
}

/* --- reading -------------------------------------------------------------------------------- */

bool hash_large_find(struct slice value, struct slice name, struct hash_entry *ret_entry)
{
    uint32_t at = large_number(value, table_link(value, name));

    if (at == 0) {
        return false;
    }
    *ret_entry = large_entry(value, at);
    return true;
}

bool hash_large_next(struct slice value, size_t *at, struct hash_entry *ret_entry)
{
    while (*at < value.size) {
        uint32_t block = (uint32_t)*at;

        CHECK(block_is_sound(value, LARGE_BEGIN, block));
        *at += block_size(value.data, block);
        if (block_kind(value.data, block) == BLOCK_ENTRY) {
            *ret_entry = large_entry(value, block);
            return true;
        }
    }
    return false;
}

/* --- changes -------------------------------------------------------------------------------- */

void hash_large_init(struct value_edit *e, uint32_t seed)
{
    value_edit_touch(e, 0, e->size);
    value_edit_resize(e, 0);
    value_edit_resize(e, LARGE_BEGIN);
    e->bytes[0] = HASH_LARGE;
    put_u32(e->bytes + LARGE_SEED_AT, seed);
    slots_reach(e, LARGE_BUCKET_SEGMENTS_AT, 0);
    value_edit_put(e, LARGE_BUCKETS_AT, SEGMENT_SLOTS);
}

static void change_count(struct value_edit *e, int by)
{
    value_edit_put(e, LARGE_COUNT_AT, value_edit_get(e, LARGE_COUNT_AT) + (uint32_t)by);
}

static void add_entry(struct value_edit *e, const struct hash_field *field)
{
    struct arena arena = large_arena(e);
    size_t bytes = ENTRY_FIELD_AT - BLOCK_HEAD_BYTES + hash_entry_bytes(field);
    uint32_t at = arena_add(&arena, BLOCK_ENTRY, bytes);

    hash_entry_write(e->bytes + at + ENTRY_FIELD_AT, field, 0);
    table_insert(e, at);
    if (field->expires_ms != 0) {
        heap_insert(e, at);
    }
    change_count(e, 1);
}

/* Returns how many bytes the entry took. */
static uint32_t remove_entry(struct value_edit *e, uint32_t link)
{
    struct arena arena = large_arena(e);
    uint32_t at = value_edit_get(e, link);
    uint32_t bytes = block_size(e->bytes, at);
    struct hash_entry entry = large_entry(value_edit_slice(e), at);

    MUTANT_DO(deleted_field_in_table, link = at + ENTRY_NEXT_AT);
    if (entry.field.expires_ms != 0) {
        heap_remove(e, entry.place);
    }
    table_unlink(e, link);
    arena_free_block(&arena, at);
    change_count(e, -1);
    return bytes;
}

/* Whether the field can be written over the entry. */
static bool fits(struct slice value, uint32_t at, const struct hash_entry *old,
                 const struct hash_field *field)
{
    uint32_t room = block_size(value.data, at) - ENTRY_FIELD_AT;
    size_t bytes = hash_entry_bytes(field);
    bool expires = field->expires_ms != 0;

    return expires == (old->field.expires_ms != 0) && bytes <= room &&
           (room - bytes <= SPARE_MAX || bytes >= room / 2);
}

static void overwrite(struct value_edit *e, uint32_t at, const struct hash_entry *old,
                      const struct hash_field *field)
{
    uint32_t entry = at + ENTRY_FIELD_AT;

    value_edit_touch(e, entry, entry + hash_entry_bytes(field));
    hash_entry_write(e->bytes + entry, field, old->place);
    if (field->expires_ms != old->field.expires_ms) {
        heap_changed(e, old->place);
    }
}

void hash_large_set(struct value_edit *e, const struct hash_field *field)
{
    struct slice value = value_edit_slice(e);
    uint32_t link = table_link(value, field->name);
    uint32_t at = large_number(value, link);
    struct hash_entry old = {.bytes = 0};

    if (at != 0) {
        old = large_entry(value, at);
    }
    if (at != 0 && fits(value, at, &old, field)) {
        overwrite(e, at, &old, field);
        return;
    }
    if (at != 0) {
        remove_entry(e, link);
    }
    add_entry(e, field);
    table_fit(e);
    tidy(e, hash_entry_bytes(field));
}

bool hash_large_delete(struct value_edit *e, struct slice name)
{
    uint32_t link = table_link(value_edit_slice(e), name);

    if (value_edit_get(e, link) == 0) {
        return false;
    }

    uint32_t bytes = remove_entry(e, link);

    table_fit(e);
    tidy(e, bytes);
    return true;
}

/* --- expiry --------------------------------------------------------------------------------- */

uint64_t hash_large_remove_expired(struct value_edit *e, uint64_t now_ms, uint64_t count)
{
    uint64_t removed = 0;
    uint32_t at;

    while (removed < count && (at = heap_first(value_edit_slice(e))) != 0) {
        struct hash_entry entry = large_entry(value_edit_slice(e), at);

        if (!hash_field_is_expired(&entry.field, now_ms)) {
            break;
        }
        hash_large_delete(e, entry.field.name);
        removed++;
    }
    return removed;
}
