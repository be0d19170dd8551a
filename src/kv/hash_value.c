#include "kv/hash_value.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "base/prng.h"
#include "kv/hash_large.h"
#include "kv/hash_small.h"

enum {
    ENTRY_OVERHEAD_MAX = 32,   /* What an entry takes besides name and value, and its slots. */
    LARGE_OVERHEAD_MAX = 4096, /* What becoming large takes. */
    PICKS_MAX = 256,
    PICK_DEPTH = 16, /* Hardly a chain is longer. */
};

_Static_assert(ENTRY_FIELD_AT + 1 + 8 + 10 + 3 <= ENTRY_OVERHEAD_MAX,
               "head, sizes, expiry, filling");

bool hash_value_is_large(struct slice value)
{
    return value.data[0] == HASH_LARGE;
}

static bool is_small(struct slice value)
{
    CHECK(value.size > 0);
    return value.data[0] == HASH_SMALL;
}

static bool is_hidden(const struct hash_field *field, uint64_t now_ms)
{
    return hash_field_is_expired(field, now_ms) && !MUTANT(expired_field_shown);
}

struct slice hash_value_none(void)
{
    static const char none[] = {HASH_SMALL};

    return slice_of(none, sizeof none);
}

bool hash_value_is_sound(struct slice value)
{
    if (value.size == 0) {
        return false;
    }
    return value.data[0] == HASH_SMALL   ? hash_small_is_sound(value)
           : value.data[0] == HASH_LARGE ? hash_large_is_sound(value)
                                         : false;
}

/* --- reading -------------------------------------------------------------------------------- */

bool hash_value_find(struct slice value, struct slice name, uint64_t now_ms,
                     struct hash_field *ret_field)
{
    struct hash_entry entry;
    size_t at;
    bool is_there = is_small(value) ? hash_small_find(value, name, &at, &entry)
                                    : hash_large_find(value, name, &entry);

    if (!is_there || is_hidden(&entry.field, now_ms)) {
        return false;
    }
    *ret_field = entry.field;
    return true;
}

bool hash_value_next(struct slice value, size_t *at, uint64_t now_ms, struct hash_field *ret_field)
{
    bool small = is_small(value);
    struct hash_entry entry;

    if (*at == 0) {
        *at = small ? SMALL_HEAD_BYTES : LARGE_BEGIN;
    }
    while (small ? hash_small_next(value, at, &entry) : hash_large_next(value, at, &entry)) {
        if (!is_hidden(&entry.field, now_ms)) {
            *ret_field = entry.field;
            return true;
        }
    }
    return false;
}

uint64_t hash_value_count(struct slice value, uint64_t now_ms)
{
    struct hash_field field;
    uint64_t count = 0;
    size_t at = 0;

    if (!is_small(value)) {
        return large_number(value, LARGE_COUNT_AT) -
               (MUTANT(expired_field_shown) ? 0 : heap_count_expired(value, now_ms));
    }
    while (hash_value_next(value, &at, now_ms, &field)) {
        count++;
    }
    return count;
}

uint64_t hash_value_expires_ms(struct slice value)
{
    struct hash_field field;
    uint64_t first_ms = 0;
    size_t at = 0;

    if (!is_small(value)) {
        uint32_t first = heap_first(value);

        return first == 0 ? 0 : large_entry(value, first).field.expires_ms;
    }
    while (hash_value_next(value, &at, 0, &field)) {
        if (field.expires_ms != 0 && (first_ms == 0 || field.expires_ms < first_ms)) {
            first_ms = field.expires_ms;
        }
    }
    return first_ms;
}

static uint64_t slots_bytes(uint64_t slot_count)
{
    uint64_t last = slot_count < HASH_FIELDS_MAX ? slot_count : HASH_FIELDS_MAX;

    return slot_count == 0 ? 0 : sizeof(uint32_t) * SEGMENT_SLOTS << segment_of((uint32_t)last - 1);
}

/* Of the segments that are added if there are so many slots. */
static uint64_t new_slots_bytes(uint64_t old_count, uint64_t count)
{
    return count <= old_count
               ? 0
               : slots_bytes(count) - slots_bytes(old_count) + (uint64_t)SEGMENTS * 4;
}

uint64_t hash_value_bytes_after(struct slice value, uint64_t field_count, uint64_t bytes)
{
    uint64_t size = value.size + bytes + field_count * ENTRY_OVERHEAD_MAX;
    uint64_t buckets = 0;
    uint64_t expiring = 0;
    uint64_t count = hash_value_count(value, 0) + field_count;

    if (is_small(value)) {
        if (size <= SMALL_BYTES_MAX && count <= SMALL_FIELDS_MAX) {
            return size;
        }
        size += LARGE_OVERHEAD_MAX;
    } else {
        buckets = large_number(value, LARGE_BUCKETS_AT);
        expiring = large_number(value, LARGE_EXPIRING_AT);
    }
    return size + new_slots_bytes(buckets, count) +
           new_slots_bytes(expiring, expiring + field_count);
}

/* --- scanning ------------------------------------------------------------------------------- */

struct scan {
    uint64_t now_ms;
    uint64_t given;
    void (*each)(void *context, const struct hash_field *field);
    void *context;
};

static void scan_small(struct slice value, struct scan *scan)
{
    struct hash_field field;
    size_t at = 0;

    while (hash_value_next(value, &at, scan->now_ms, &field)) {
        scan->each(scan->context, &field);
    }
}

static void scan_bucket(struct slice value, uint32_t bucket, struct scan *scan)
{
    uint32_t at = large_number(value, slot_at(value, LARGE_BUCKET_SEGMENTS_AT, bucket));

    while (at != 0) {
        struct hash_entry entry = large_entry(value, at);

        if (!is_hidden(&entry.field, scan->now_ms)) {
            scan->each(scan->context, &entry.field);
            scan->given++;
        }
        at = large_number(value, at + ENTRY_NEXT_AT);
    }
}

static uint32_t reversed(uint32_t number)
{
    number = (number >> 1 & 0x55555555u) | (number & 0x55555555u) << 1;
    number = (number >> 2 & 0x33333333u) | (number & 0x33333333u) << 2;
    number = (number >> 4 & 0x0f0f0f0fu) | (number & 0x0f0f0f0fu) << 4;
    return __builtin_bswap32(number);
}

/* A cursor is a position as in kv/table.h: a hash read from its lowest bit on. */
static uint64_t scan_next_bucket(struct slice value, uint64_t position, struct scan *scan)
{
    uint32_t bits = 0;
    uint32_t bucket =
        table_bucket(reversed((uint32_t)position), large_number(value, LARGE_BUCKETS_AT), &bits);
    uint64_t step = 1ull << (32 - bits);

    scan_bucket(value, bucket, scan);
    position = position / step * step + step;
    return position > UINT32_MAX ? 0 : position;
}

uint64_t hash_value_scan(struct slice value, uint64_t cursor, uint64_t count, uint64_t now_ms,
                         void (*each)(void *context, const struct hash_field *field), void *context)
{
    struct scan scan = {.now_ms = now_ms, .each = each, .context = context};

    if (is_small(value)) {
        scan_small(value, &scan);
        return 0;
    }
    if (cursor > UINT32_MAX) {
        return 0; /* Beyond every bucket. */
    }
    do {
        cursor = scan_next_bucket(value, cursor, &scan);
    } while (cursor != 0 && scan.given < count);
    return cursor;
}

/* --- picking -------------------------------------------------------------------------------- */

/* Each place of a chain is as likely as another, so that each field is. */
static bool pick_in_chain(struct slice value, struct prng *prng, struct hash_field *ret_field)
{
    uint32_t bucket = (uint32_t)prng_below(prng, large_number(value, LARGE_BUCKETS_AT));
    uint32_t at = large_number(value, slot_at(value, LARGE_BUCKET_SEGMENTS_AT, bucket));

    for (uint64_t depth = prng_below(prng, PICK_DEPTH); depth > 0 && at != 0; depth--) {
        at = large_number(value, at + ENTRY_NEXT_AT);
    }
    if (at != 0) {
        *ret_field = large_entry(value, at).field;
    }
    return at != 0;
}

static bool pick_nth(struct slice value, uint64_t nth, uint64_t now_ms,
                     struct hash_field *ret_field)
{
    size_t at = 0;

    while (hash_value_next(value, &at, now_ms, ret_field)) {
        if (nth-- == 0) {
            return true;
        }
    }
    return false;
}

bool hash_value_pick(struct slice value, uint64_t chance, uint64_t now_ms,
                     struct hash_field *ret_field)
{
    struct prng prng = {chance};
    uint64_t count = is_small(value) ? hash_value_count(value, now_ms) : 1;

    for (int i = 0; i < PICKS_MAX && !is_small(value); i++) {
        if (pick_in_chain(value, &prng, ret_field) && !is_hidden(ret_field, now_ms)) {
            return true;
        }
    }
    return pick_nth(value, prng_below(&prng, count), now_ms, ret_field);
}

/* --- changes -------------------------------------------------------------------------------- */

static void become_large(struct value_edit *e, uint32_t seed)
{
    struct slice copy = slice_of(memory_copy(e->bytes, e->size), e->size);
    struct hash_entry entry;
    size_t at = SMALL_HEAD_BYTES;

    hash_large_init(e, seed);
    while (hash_small_next(copy, &at, &entry)) {
        hash_large_set(e, &entry.field);
    }
    free((char *)(uintptr_t)copy.data);
}

void hash_value_set(struct value_edit *e, const struct hash_field *field, uint32_t seed)
{
    CHECK(field->name.size + field->value.size <= HASH_FIELD_BYTES_MAX);
    if (is_small(value_edit_slice(e))) {
        if (hash_small_set(e, field)) {
            return;
        }
        become_large(e, seed);
    }
    hash_large_set(e, field);
}

bool hash_value_delete(struct value_edit *e, struct slice name)
{
    return is_small(value_edit_slice(e)) ? hash_small_delete(e, name) : hash_large_delete(e, name);
}

/* Name and value follow each other. */
void hash_value_set_expiry(struct value_edit *e, const struct hash_field *field,
                           uint64_t expires_ms, uint32_t seed)
{
    size_t name_size = field->name.size;
    char *copy = memory_copy(field->name.data, name_size + field->value.size);
    struct hash_field changed = {
        .name = slice_of(copy, name_size),
        .value = slice_of(copy + name_size, field->value.size),
        .expires_ms = expires_ms,
    };

    hash_value_set(e, &changed, seed);
    free(copy);
}

uint64_t hash_value_remove_expired(struct value_edit *e, uint64_t now_ms, uint64_t count)
{
    return is_small(value_edit_slice(e)) ? hash_small_remove_expired(e, now_ms, count)
                                         : hash_large_remove_expired(e, now_ms, count);
}
