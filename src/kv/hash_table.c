/* hash_table.c - the segments of a large hash, and its table: linear hashing, as in kv/table.h. */
#include "base/check.h"
#include "base/checksum.h"
#include "base/mutant.h"
#include "kv/hash_large.h"

/* --- segments ------------------------------------------------------------------------------ */

static uint32_t highest_bit(uint32_t number)
{
    return 31 - (uint32_t)__builtin_clz(number);
}

uint32_t segment_of(uint32_t slot)
{
    return slot < SEGMENT_SLOTS ? 0 : 1 + highest_bit(slot / SEGMENT_SLOTS);
}

uint32_t segment_slots(uint32_t segment)
{
    return segment == 0 ? SEGMENT_SLOTS : (uint32_t)SEGMENT_SLOTS << (segment - 1);
}

static uint32_t first_slot(uint32_t segment)
{
    return segment == 0 ? 0 : segment_slots(segment);
}

uint32_t slot_at(struct slice value, uint32_t segments_at, uint32_t slot)
{
    uint32_t segment = segment_of(slot);
    uint32_t at = large_number(value, segments_at + 4 * segment);
    uint32_t place = slot - first_slot(segment);

    CHECK(at >= LARGE_BEGIN);
    CHECK(at + BLOCK_HEAD_BYTES + 4 * (uint64_t)place + 4 <= value.size);
    return at + BLOCK_HEAD_BYTES + 4 * place;
}

void slots_reach(struct value_edit *e, uint32_t segments_at, uint32_t slot)
{
    uint32_t segment = segment_of(slot);
    struct arena arena = large_arena(e);

    if (value_edit_get(e, segments_at + 4 * segment) == 0) {
        uint32_t kind = segments_at == LARGE_HEAP_SEGMENTS_AT ? BLOCK_HEAP : BLOCK_BUCKETS;
        uint32_t at = arena_add(&arena, kind, 4 * (size_t)segment_slots(segment));

        value_edit_put(e, segments_at + 4 * segment, at);
    }
}

void slots_leave(struct value_edit *e, uint32_t segments_at, uint32_t segment)
{
    struct arena arena = large_arena(e);
    uint32_t at = value_edit_get(e, segments_at + 4 * segment);

    if (at != 0) {
        arena_free_block(&arena, at);
        value_edit_put(e, segments_at + 4 * segment, 0);
    }
}

/* --- buckets -------------------------------------------------------------------------------- */

uint32_t table_hash_of(struct slice value, struct slice name)
{
    return (uint32_t)checksum_seeded(name.data, name.size, large_number(value, LARGE_SEED_AT));
}

uint32_t table_bucket(uint32_t hash, uint32_t bucket_count, uint32_t *ret_bits)
{
    uint32_t bits = highest_bit(bucket_count);
    uint32_t low = hash & ((1u << bits) - 1);
    uint32_t high = hash & ((2u << bits) - 1);
    bool is_split = low + (1u << bits) < bucket_count;

    if (ret_bits != NULL) {
        *ret_bits = is_split ? bits + 1 : bits;
    }
    return is_split ? high : low;
}

static uint32_t bucket_at(struct slice value, struct slice name)
{
    uint32_t bucket =
        table_bucket(table_hash_of(value, name), large_number(value, LARGE_BUCKETS_AT), NULL);

    return slot_at(value, LARGE_BUCKET_SEGMENTS_AT, bucket);
}

uint32_t table_link(struct slice value, struct slice name)
{
    uint32_t link = bucket_at(value, name);
    uint32_t at;

    while ((at = large_number(value, link)) != 0 &&
           !slice_equal(large_entry(value, at).field.name, name)) {
        link = at + ENTRY_NEXT_AT;
    }
    return link;
}

/* Puts the entry in front of a chain. */
static void push(struct value_edit *e, uint32_t link, uint32_t at)
{
    value_edit_put(e, at + ENTRY_NEXT_AT, value_edit_get(e, link));
    value_edit_put(e, link, at);
}

void table_insert(struct value_edit *e, uint32_t at)
{
    struct slice value = value_edit_slice(e);

    push(e, bucket_at(value, large_entry(value, at).field.name), at);
}

void table_unlink(struct value_edit *e, uint32_t link)
{
    uint32_t at = value_edit_get(e, link);

    CHECK(at != 0);
    value_edit_put(e, link, value_edit_get(e, at + ENTRY_NEXT_AT));
}

void table_entry_moved(struct value_edit *e, uint32_t from, uint32_t to)
{
    struct slice value = value_edit_slice(e);
    uint32_t link = bucket_at(value, large_entry(value, to).field.name);

    while (large_number(value, link) != from) {
        link = large_number(value, link) + ENTRY_NEXT_AT;
        CHECK(link != ENTRY_NEXT_AT); /* The end of the chain. */
    }
    value_edit_put(e, link, to);
}

/* --- growing and shrinking ------------------------------------------------------------------ */

/* The bucket that bucket `last`, which is the last one, was split from. */
static uint32_t source_of(uint32_t last)
{
    return last - (1u << highest_bit(last));
}

static void split(struct value_edit *e)
{
    uint32_t last = value_edit_get(e, LARGE_BUCKETS_AT);

    slots_reach(e, LARGE_BUCKET_SEGMENTS_AT, last);
    value_edit_put(e, LARGE_BUCKETS_AT, last + 1);

    struct slice value = value_edit_slice(e);
    uint32_t to = slot_at(value, LARGE_BUCKET_SEGMENTS_AT, last);
    uint32_t link = slot_at(value, LARGE_BUCKET_SEGMENTS_AT, source_of(last));
    uint32_t at;

    while ((at = value_edit_get(e, link)) != 0) {
        uint32_t hash = table_hash_of(value, large_entry(value, at).field.name);

        if (table_bucket(hash, last + 1, NULL) == last) {
            table_unlink(e, link);
            push(e, to, at);
        } else {
            link = at + ENTRY_NEXT_AT;
        }
    }
}

static void merge(struct value_edit *e)
{
    uint32_t last = value_edit_get(e, LARGE_BUCKETS_AT) - 1;
    struct slice value = value_edit_slice(e);
    uint32_t from = slot_at(value, LARGE_BUCKET_SEGMENTS_AT, last);
    uint32_t to = slot_at(value, LARGE_BUCKET_SEGMENTS_AT, source_of(last));
    uint32_t at;

    while ((at = value_edit_get(e, from)) != 0) {
        table_unlink(e, from);
        push(e, to, at);
    }
    value_edit_put(e, LARGE_BUCKETS_AT, last);
    if (last == first_slot(segment_of(last))) {
        slots_leave(e, LARGE_BUCKET_SEGMENTS_AT, segment_of(last));
    }
}

void table_fit(struct value_edit *e)
{
    uint32_t count = value_edit_get(e, LARGE_COUNT_AT);

    if (count > value_edit_get(e, LARGE_BUCKETS_AT)) {
        split(e);
    }
    for (int i = 0; i < 2; i++) {
        uint32_t buckets = value_edit_get(e, LARGE_BUCKETS_AT);

        if (buckets > SEGMENT_SLOTS && buckets / 2 > count) {
            merge(e);
        }
    }
}
