/* hash_sound.c - whether bytes from outside are a large hash: no call may read outside of them,
 * or go round in circles. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "kv/hash_large.h"

/* What the blocks are. */
struct survey {
    struct slice value;
    uint64_t *entries; /* A bit for each offset, divided by 4, at which there is one. */
    uint64_t entry_count, expiring_count, segment_count, hole_bytes;
    bool moving_is_at_block;
};

static bool has_entry(const struct survey *s, uint32_t at)
{
    return at < s->value.size && at % 4 == 0 && (s->entries[at / 256] >> at / 4 % 64 & 1) != 0;
}

static void flip_entry(struct survey *s, uint32_t at)
{
    s->entries[at / 256] ^= 1ull << at / 4 % 64;
}

/* Each segment that the head names must be there, and is counted. */
static bool is_named(const struct survey *s, uint32_t segments_at, uint32_t at)
{
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        if (large_number(s->value, segments_at + 4 * i) == at) {
            return block_size(s->value.data, at) == block_bytes(4 * (size_t)segment_slots(i));
        }
    }
    return false;
}

static bool take_entry(struct survey *s, uint32_t at)
{
    struct hash_entry entry;

    if (!large_read(s->value, at, &entry) ||
        entry.field.name.size + entry.field.value.size > HASH_FIELD_BYTES_MAX) {
        return false;
    }
    flip_entry(s, at);
    s->entry_count++;
    s->expiring_count += entry.field.expires_ms != 0 ? 1 : 0;
    return true;
}

static bool take_block(struct survey *s, uint32_t at)
{
    switch (block_kind(s->value.data, at)) {
    case BLOCK_HOLE:
        s->hole_bytes += block_size(s->value.data, at);
        return true;
    case BLOCK_ENTRY:
        return take_entry(s, at);
    case BLOCK_BUCKETS:
        s->segment_count++;
        return is_named(s, LARGE_BUCKET_SEGMENTS_AT, at);
    default:
        s->segment_count++;
        return is_named(s, LARGE_HEAP_SEGMENTS_AT, at);
    }
}

static bool take_blocks(struct survey *s)
{
    uint32_t moving_at = large_number(s->value, ARENA_MOVING_AT);
    size_t at = LARGE_BEGIN;

    s->moving_is_at_block = moving_at == 0 || moving_at == s->value.size;
    while (at < s->value.size) {
        if (!block_is_sound(s->value, LARGE_BEGIN, (uint32_t)at) || !take_block(s, (uint32_t)at)) {
            return false;
        }
        s->moving_is_at_block |= at == moving_at;
        at += block_size(s->value.data, (uint32_t)at);
    }
    return at == s->value.size;
}

/* How many segments are named, from the first one on; SEGMENTS + 1 if there is a gap. */
static uint32_t named_segments(const struct survey *s, uint32_t segments_at)
{
    uint32_t count = 0;

    while (count < SEGMENTS && large_number(s->value, segments_at + 4 * count) != 0) {
        count++;
    }
    for (uint32_t i = count; i < SEGMENTS; i++) {
        if (large_number(s->value, segments_at + 4 * i) != 0) {
            return SEGMENTS + 1;
        }
    }
    return count;
}

static bool fits_head(const struct survey *s)
{
    uint32_t buckets = large_number(s->value, LARGE_BUCKETS_AT);
    uint32_t expiring = large_number(s->value, LARGE_EXPIRING_AT);
    uint32_t bucket_segments = named_segments(s, LARGE_BUCKET_SEGMENTS_AT);
    uint32_t heap_segments = named_segments(s, LARGE_HEAP_SEGMENTS_AT);

    return s->entry_count > 0 && s->entry_count == large_number(s->value, LARGE_COUNT_AT) &&
           s->expiring_count == expiring &&
           s->hole_bytes == large_number(s->value, ARENA_HOLES_AT) && s->moving_is_at_block &&
           bucket_segments == segment_of(buckets - 1) + 1 && heap_segments <= SEGMENTS &&
           (expiring == 0 || heap_segments > segment_of(expiring - 1)) &&
           s->segment_count == bucket_segments + heap_segments;
}

/* Slots from `count` on are 0. */
static bool rest_is_zero(const struct survey *s, uint32_t segments_at, uint32_t count)
{
    uint32_t segments = named_segments(s, segments_at);
    uint32_t end = segments == 0 ? 0 : (uint32_t)SEGMENT_SLOTS << (segments - 1);

    for (uint32_t i = count; i < end; i++) {
        if (large_number(s->value, slot_at(s->value, segments_at, i)) != 0) {
            return false;
        }
    }
    return true;
}

static bool heap_is_sound(const struct survey *s)
{
    uint32_t count = large_number(s->value, LARGE_EXPIRING_AT);
    uint64_t above_ms = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = large_number(s->value, slot_at(s->value, LARGE_HEAP_SEGMENTS_AT, i));

        if (!has_entry(s, at)) {
            return false;
        }

        struct hash_entry entry = large_entry(s->value, at);

        if (i > 0) {
            above_ms = large_entry(s->value,
                                   large_number(s->value, slot_at(s->value, LARGE_HEAP_SEGMENTS_AT,
                                                                  (i - 1) / 2)))
                           .field.expires_ms;
        }
        if (entry.field.expires_ms == 0 || entry.place != i || entry.field.expires_ms < above_ms) {
            return false;
        }
    }
    return rest_is_zero(s, LARGE_HEAP_SEGMENTS_AT, count);
}

/* Each entry is in the chain of its bucket, once: met ones lose their bit. */
static bool chain_is_sound(struct survey *s, uint32_t bucket, uint32_t bucket_count)
{
    uint32_t at = large_number(s->value, slot_at(s->value, LARGE_BUCKET_SEGMENTS_AT, bucket));

    while (at != 0) {
        if (!has_entry(s, at)) {
            return false;
        }

        struct hash_entry entry = large_entry(s->value, at);

        if (table_bucket(table_hash_of(s->value, entry.field.name), bucket_count, NULL) != bucket) {
            return false;
        }
        flip_entry(s, at);
        s->entry_count--;
        at = large_number(s->value, at + ENTRY_NEXT_AT);
    }
    return true;
}

static bool table_is_sound(struct survey *s)
{
    uint32_t count = large_number(s->value, LARGE_BUCKETS_AT);

    for (uint32_t i = 0; i < count; i++) {
        if (!chain_is_sound(s, i, count)) {
            return false;
        }
    }
    return s->entry_count == 0 && rest_is_zero(s, LARGE_BUCKET_SEGMENTS_AT, count);
}

bool hash_large_is_sound(struct slice value)
{
    struct survey s = {.value = value};

    if (value.size < LARGE_BEGIN || value.data[1] != 0 || value.data[2] != 0 ||
        value.data[3] != 0 || large_number(value, LARGE_COUNT_AT) > HASH_FIELDS_MAX ||
        large_number(value, LARGE_BUCKETS_AT) < SEGMENT_SLOTS ||
        large_number(value, LARGE_BUCKETS_AT) > HASH_FIELDS_MAX) {
        return false;
    }
    s.entries = memory_take_zeroed(value.size / 256 + 1, sizeof s.entries[0]);

    bool is_sound = take_blocks(&s) && fits_head(&s) && heap_is_sound(&s) && table_is_sound(&s);

    free(s.entries);
    return is_sound;
}
