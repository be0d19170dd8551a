#include "kv/bucket.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/memory.h"

enum {
    GROUP_COUNT = 7,   /* The bits of `shape` that count items. */
    GROUP_CHAINED = 8, /* The last slot points to the next group. */
    /* The bits above are free, for the epoch of a snapshot. */
};

enum {
    LINE_BYTES = 64,        /* Of the cache. */
    PREFETCHED_BYTES = 192, /* Of an item: all of a small one, wherever it begins. */
};

static inline bool is_chained(const struct group *group)
{
    return (group->shape & GROUP_CHAINED) != 0;
}

unsigned bucket_group_count(const struct group *group)
{
    return group->shape & GROUP_COUNT;
}

struct group *bucket_group_next(const struct group *group)
{
    return is_chained(group) ? group->slots[GROUP_SLOTS - 1].next : NULL;
}

/* One bit (the highest of its byte) for each slot that may contain `tag`. A slot above a true
 * match may be set by mistake, but keys are compared anyway. */
static inline uint64_t matching_slots(const struct group *group, uint8_t tag)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t different = get_u64(group->tags) ^ (ones * tag);
    uint64_t zeros = (different - ones) & ~different & (ones << 7);

    return zeros & ((1ull << (8 * bucket_group_count(group))) - 1);
}

bool bucket_find(struct group *bucket, uint8_t tag, struct slice key,
                 struct bucket_place *ret_place)
{
    for (struct group *group = bucket; group != NULL; group = bucket_group_next(group)) {
        for (uint64_t bits = matching_slots(group, tag); bits != 0; bits &= bits - 1) {
            unsigned slot = (unsigned)__builtin_ctzll(bits) / 8;

            if (slice_equal(item_key(group->slots[slot].item), key)) {
                *ret_place = (struct bucket_place){group, slot};
                return true;
            }
        }
    }
    return false;
}

void bucket_prefetch_chain(const struct group *bucket)
{
    if (is_chained(bucket)) {
        __builtin_prefetch(bucket->slots[GROUP_SLOTS - 1].next);
    }
}

void bucket_prefetch(const struct group *bucket, uint8_t tag)
{
    for (const struct group *group = bucket; group != NULL; group = bucket_group_next(group)) {
        for (uint64_t bits = matching_slots(group, tag); bits != 0; bits &= bits - 1) {
            const char *item = (const char *)group->slots[(unsigned)__builtin_ctzll(bits) / 8].item;

            for (unsigned at = 0; at < PREFETCHED_BYTES; at += LINE_BYTES) {
                __builtin_prefetch(item + at);
            }
        }
    }
}

static struct group *last_group(struct group *bucket)
{
    while (is_chained(bucket)) {
        bucket = bucket->slots[GROUP_SLOTS - 1].next;
    }
    return bucket;
}

static void put(struct group *group, uint8_t tag, struct item *item)
{
    unsigned slot = bucket_group_count(group);

    group->tags[slot] = tag;
    group->slots[slot].item = item;
    group->shape++;
}

void bucket_add(struct group *bucket, uint8_t tag, struct item *item, uint64_t *chain_bytes)
{
    struct group *group = last_group(bucket);

    if (bucket_group_count(group) == GROUP_SLOTS) {
        /* The last slot is needed for the chain, so its item moves to the next group. */
        struct group *next = memory_take_zeroed(1, sizeof *next);

        put(next, group->tags[GROUP_SLOTS - 1], group->slots[GROUP_SLOTS - 1].item);
        group->shape--;
        group->tags[GROUP_SLOTS - 1] = 0;
        group->slots[GROUP_SLOTS - 1].next = next;
        group->shape |= GROUP_CHAINED;
        *chain_bytes += heap_bytes(sizeof *next);
        group = next;
    }
    put(group, tag, item);
}

void bucket_remove(struct group *bucket, struct bucket_place place, uint64_t *chain_bytes)
{
    struct group *before = NULL;
    struct group *last = bucket;

    while (is_chained(last)) {
        before = last;
        last = last->slots[GROUP_SLOTS - 1].next;
    }
    CHECK(bucket_group_count(last) > 0);

    unsigned slot = bucket_group_count(last) - 1;

    place.group->tags[place.slot] = last->tags[slot];
    place.group->slots[place.slot] = last->slots[slot];
    last->tags[slot] = 0;
    last->slots[slot].item = NULL;
    last->shape--;
    if (slot == 0 && before != NULL) {
        free(last);
        before->shape &= (uint8_t)~GROUP_CHAINED;
        before->slots[GROUP_SLOTS - 1].item = NULL;
        *chain_bytes -= heap_bytes(sizeof *last);
    }
}

void bucket_move_last(struct group *bucket, uint64_t place)
{
    struct group *last = last_group(bucket);
    unsigned last_slot = bucket_group_count(last) - 1;
    struct item *item = last->slots[last_slot].item;
    uint8_t tag = last->tags[last_slot];

    for (struct group *g = bucket; g != NULL; g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g); slot++) {
            if (place > 0) {
                place--;
                continue;
            }

            struct item *pushed = g->slots[slot].item;
            uint8_t pushed_tag = g->tags[slot];

            g->slots[slot].item = item;
            g->tags[slot] = tag;
            item = pushed;
            tag = pushed_tag;
        }
    }
}

void bucket_empty(struct group *bucket, uint64_t *chain_bytes)
{
    struct group *next = NULL;

    for (struct group *group = bucket_group_next(bucket); group != NULL; group = next) {
        next = bucket_group_next(group);
        free(group);
        *chain_bytes -= heap_bytes(sizeof *group);
    }
    memset(bucket, 0, sizeof *bucket);
}
