/* hash_large.h - a hash with a table. After the arena's head:
 *
 *   seed of the table (4 bytes), count of fields (4), of buckets (4), of fields that expire (4),
 *   offsets of the segments of buckets (18 times 4), and of those of the heap (18 times 4),
 *   blocks: entries, segments
 *
 * A segment is an array of offsets of entries; number n has as many as all before it together,
 * 32 at least. A bucket has the first entry of a chain: each entry has, before the field, the
 * offset of the next one. The heap has those that expire, the earliest first. Private to
 * hash_*.c. */
#ifndef RAKIT_KV_HASH_LARGE_H
#define RAKIT_KV_HASH_LARGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/arena.h"
#include "kv/hash_entry.h"

enum {
    HASH_LARGE = 2, /* The kind. */
    SEGMENTS = 18,
    SEGMENT_SLOTS = 32, /* Of the first one. */
    LARGE_SEED_AT = ARENA_HEAD_BYTES,
    LARGE_COUNT_AT = LARGE_SEED_AT + 4,
    LARGE_BUCKETS_AT = LARGE_COUNT_AT + 4,
    LARGE_EXPIRING_AT = LARGE_BUCKETS_AT + 4,
    LARGE_BUCKET_SEGMENTS_AT = LARGE_EXPIRING_AT + 4,
    LARGE_HEAP_SEGMENTS_AT = LARGE_BUCKET_SEGMENTS_AT + 4 * SEGMENTS,
    LARGE_BEGIN = LARGE_HEAP_SEGMENTS_AT + 4 * SEGMENTS,

    BLOCK_ENTRY = 1,
    BLOCK_BUCKETS = 2,
    BLOCK_HEAP = 3,

    ENTRY_NEXT_AT = BLOCK_HEAD_BYTES,
    ENTRY_FIELD_AT = ENTRY_NEXT_AT + 4,
};

_Static_assert(SEGMENT_SLOTS << (SEGMENTS - 1) == HASH_FIELDS_MAX, "a slot for each field");

bool hash_large_is_sound(struct slice value);
bool hash_large_find(struct slice value, struct slice name, struct hash_entry *ret_entry);
/* Reads the next entry from offset *at on, and moves on; false at the end. Begin at
 * LARGE_BEGIN. */
bool hash_large_next(struct slice value, size_t *at, struct hash_entry *ret_entry);

/* Makes a hash without fields; what was there is gone. */
void hash_large_init(struct value_edit *e, uint32_t seed);
void hash_large_set(struct value_edit *e, const struct hash_field *field);
bool hash_large_delete(struct value_edit *e, struct slice name);
uint64_t hash_large_remove_expired(struct value_edit *e, uint64_t now_ms, uint64_t count);

/* --- for each other: hash_large.c, hash_table.c, hash_heap.c, hash_sound.c -------------------- */

static inline uint32_t large_number(struct slice value, size_t at)
{
    return get_u32(value.data + at);
}

/* The entry whose block is at `at`; false if there is none. */
bool large_read(struct slice value, uint32_t at, struct hash_entry *ret_entry);
/* The same, for one that must be there. */
struct hash_entry large_entry(struct slice value, uint32_t at);
struct arena large_arena(struct value_edit *e);

/* Slots are numbered over all segments. */
uint32_t segment_of(uint32_t slot);
uint32_t segment_slots(uint32_t segment);
/* The offset of a slot. `segments_at` is LARGE_BUCKET_SEGMENTS_AT or LARGE_HEAP_SEGMENTS_AT. */
uint32_t slot_at(struct slice value, uint32_t segments_at, uint32_t slot);
/* Adds the segment with this slot, unless it is there. All before it are. */
void slots_reach(struct value_edit *e, uint32_t segments_at, uint32_t slot);
/* Removes the last segment, if it is that one. */
void slots_leave(struct value_edit *e, uint32_t segments_at, uint32_t segment);

uint32_t table_hash_of(struct slice value, struct slice name);
/* The bucket of a hash among so many; *ret_bits, if not NULL: how many bits of it decide. */
uint32_t table_bucket(uint32_t hash, uint32_t bucket_count, uint32_t *ret_bits);
/* Where the offset of the entry with that name is: in its bucket, or in the entry before it. At
 * the end of the chain if there is none; then the number there is 0. */
uint32_t table_link(struct slice value, struct slice name);
void table_insert(struct value_edit *e, uint32_t at);
/* Removes the entry at which that link points. */
void table_unlink(struct value_edit *e, uint32_t link);
/* Grows or shrinks by a bucket or two, if there are more or fewer fields. */
void table_fit(struct value_edit *e);
void table_entry_moved(struct value_edit *e, uint32_t from, uint32_t to);

void heap_insert(struct value_edit *e, uint32_t at);
void heap_remove(struct value_edit *e, uint32_t place);
/* The entry at this place expires at another time than before. */
void heap_changed(struct value_edit *e, uint32_t place);
uint64_t heap_count_expired(struct slice value, uint64_t now_ms);
/* The offset of the first entry that expires; 0: none does. */
uint32_t heap_first(struct slice value);

#endif /* RAKIT_KV_HASH_LARGE_H */
