#include "kv/table.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "kv/due.h"

enum {
    ITEMS_PER_BUCKET_HIGH = 5, /* On average; above this, a bucket is split. */
    PAGE_BYTES = 4096,
    ITEMS_PER_BUCKET_LOW = 2, /* Below this, the last bucket is merged. */
};

void table_init(struct table *t, uint64_t seed)
{
    *t = (struct table){.seed = seed};
    directory_push(&t->buckets);
}

void table_deinit(struct table *t)
{
    uint64_t let_go_bytes = 0;

    while (!table_dismantle(t, UINT64_MAX, &let_go_bytes)) {
    }
    CHECK(let_go_bytes == 0);
}

uint64_t table_hash(const struct table *t, struct slice key)
{
    return checksum_seeded(key.data, key.size, t->seed);
}

uint64_t table_heap_bytes(const struct table *t)
{
    return t->item_bytes + t->chain_bytes + t->buckets.heap_bytes;
}

/* The low bits of a hash select the bucket, the high ones are the tag. */
static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(hash >> 56);
}

static uint64_t highest_bit(uint64_t number)
{
    return 1ull << (63 - __builtin_clzll(number));
}

/* 2^L of table.h. */
static uint64_t lower_half(const struct table *t)
{
    return highest_bit(t->buckets.group_count);
}

/* The bucket of an item in a table with so many buckets. */
static inline uint64_t bucket_among(uint64_t bucket_count, uint64_t hash)
{
    uint64_t half = highest_bit(bucket_count);
    uint64_t index = hash & (2 * half - 1);

    return index < bucket_count ? index : index & (half - 1);
}

static uint64_t bucket_of(const struct table *t, uint64_t hash)
{
    return bucket_among(t->buckets.group_count, hash);
}

/* --- being watched -------------------------------------------------------------- */

enum { BITS = 64 };

void table_watch_begin(struct table *t, struct table_watch *watch)
{
    CHECK(t->watch == NULL);
    watch->table = t;
    watch->bucket_count = t->buckets.group_count;
    watch->seen = memory_take_zeroed(watch->bucket_count / BITS + 1, sizeof watch->seen[0]);
    t->watch = watch;
}

void table_watch_end(struct table_watch *watch)
{
    watch->table->watch = NULL;
    free(watch->seen);
    watch->seen = NULL;
}

static bool is_seen(const struct table_watch *watch, uint64_t bucket)
{
    return (watch->seen[bucket / BITS] >> bucket % BITS & 1) != 0;
}

void table_see(struct table_watch *watch, uint64_t bucket)
{
    /* A bucket that was not seen is unchanged: it would have been seen before it was split or
     * merged. */
    if (bucket < watch->bucket_count && (!is_seen(watch, bucket) || MUTANT(walk_sees_twice))) {
        watch->seen[bucket / BITS] |= 1ull << bucket % BITS;
        watch->see(watch, directory_at(&watch->table->buckets, bucket));
    }
}

void table_see_hash(struct table_watch *watch, uint64_t hash)
{
    MUTANT_DO(walk_sees_changed, return;);
    table_see(watch, bucket_among(watch->bucket_count, hash));
}

uint64_t table_next_unseen(const struct table_watch *watch, uint64_t bucket)
{
    while (bucket < watch->bucket_count) {
        uint64_t unseen = ~watch->seen[bucket / BITS] >> bucket % BITS;

        if (unseen != 0) {
            bucket += (uint64_t)__builtin_ctzll(unseen);
            break;
        }
        bucket += BITS - bucket % BITS;
    }
    return bucket < watch->bucket_count ? bucket : watch->bucket_count;
}

static void before_restructuring(const struct table *t, uint64_t bucket)
{
    if (t->watch != NULL && !MUTANT(walk_sees_restructured)) {
        table_see(t->watch, bucket);
    }
}

/* --- growing and shrinking ------------------------------------------------------ */

static void prefetch_items(const struct group *bucket)
{
    for (const struct group *g = bucket; g != NULL; g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g); slot++) {
            __builtin_prefetch(g->slots[slot].item);
        }
    }
}

/* Adds one bucket and moves into it the items that belong there, all of which are in the bucket
 * whose number differs only in the highest bit. */
static void split_one(struct table *t)
{
    uint64_t added = t->buckets.group_count;

    before_restructuring(t, added - highest_bit(added));

    struct group *to = directory_push(&t->buckets);
    struct group *from = directory_at(&t->buckets, added - highest_bit(added));
    struct group old = *from;

    prefetch_items(&old);
    memset(from, 0, sizeof *from);
    for (const struct group *g = &old; g != NULL; g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g); slot++) {
            struct item *item = g->slots[slot].item;
            bool moves = bucket_of(t, table_hash(t, item_key(item))) == added;

            bucket_add(moves ? to : from, g->tags[slot], item, &t->chain_bytes);
        }
    }
    bucket_empty(&old, &t->chain_bytes);
}

/* The reverse: merges the last bucket into the one that it was split from. */
static void merge_one(struct table *t)
{
    uint64_t last = t->buckets.group_count - 1;
    struct group *from = directory_at(&t->buckets, last);

    CHECK(last > 0);
    before_restructuring(t, last);
    before_restructuring(t, last - highest_bit(last));

    struct group *to = directory_at(&t->buckets, last - highest_bit(last));

    for (const struct group *g = from; g != NULL; g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g); slot++) {
            bucket_add(to, g->tags[slot], g->slots[slot].item, &t->chain_bytes);
        }
    }
    bucket_empty(from, &t->chain_bytes);
    directory_pop(&t->buckets);
}

bool table_is_full(const struct table *t)
{
    return t->count >= ITEMS_PER_BUCKET_HIGH * t->buckets.group_count;
}

bool table_can_have(uint64_t item_count, uint64_t bucket_count)
{
    uint64_t least =
        item_count / ITEMS_PER_BUCKET_HIGH + (item_count % ITEMS_PER_BUCKET_HIGH == 0 ? 0 : 1);
    uint64_t most = item_count / ITEMS_PER_BUCKET_LOW;

    return bucket_count > 0 && bucket_count >= least && (bucket_count == 1 || bucket_count <= most);
}

static void spread_bucket(struct table *t, uint64_t index)
{
    struct group *bucket = directory_at(&t->buckets, index);
    struct group old = *bucket;

    prefetch_items(&old);
    memset(bucket, 0, sizeof *bucket);
    for (const struct group *g = &old; g != NULL; g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g); slot++) {
            struct item *item = g->slots[slot].item;
            uint64_t at = bucket_of(t, table_hash(t, item_key(item)));

            bucket_add(directory_at(&t->buckets, at), g->tags[slot], item, &t->chain_bytes);
        }
    }
    bucket_empty(&old, &t->chain_bytes);
}

void table_grow_to(struct table *t, uint64_t bucket_count)
{
    uint64_t old_count = t->buckets.group_count;

    CHECK(bucket_count >= old_count);
    CHECK(t->watch == NULL);
    while (t->buckets.group_count < bucket_count) {
        directory_push(&t->buckets);
    }
    for (uint64_t i = 0; i < old_count && t->count > 0; i++) {
        spread_bucket(t, i);
    }
}

void table_place_last(struct table *t, uint64_t hash, uint64_t bucket_count, uint64_t place)
{
    struct group *bucket = directory_at(&t->buckets, bucket_of(t, hash));
    uint64_t belongs_to = bucket_among(bucket_count, hash);
    uint64_t before = 0; /* Of all that are in this bucket now. */
    uint64_t left = place;

    for (const struct group *g = bucket; g != NULL && left > 0; g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g) && left > 0; slot++) {
            uint64_t other = table_hash(t, item_key(g->slots[slot].item));

            left -= bucket_among(bucket_count, other) == belongs_to ? 1 : 0;
            before++;
        }
    }
    bucket_move_last(bucket, before);
}

/* --- items ---------------------------------------------------------------------- */

struct item **table_find(const struct table *t, uint64_t hash, struct slice key)
{
    struct group *bucket = directory_at(&t->buckets, bucket_of(t, hash));
    struct bucket_place place;

    if (!bucket_find(bucket, tag_of(hash), key, &place)) {
        return NULL;
    }
    return &place.group->slots[place.slot].item;
}

uint32_t table_find_marked(const struct table *t, uint64_t mark, struct item **ret_items,
                           uint32_t max)
{
    uint64_t high = mark >> DUE_LOW_BITS;
    uint32_t found = 0;

    for (const struct group *g = directory_at(&t->buckets, bucket_of(t, mark)); g != NULL;
         g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g) && found < max; slot++) {
            struct item *item = g->slots[slot].item;

            if ((uint8_t)g->tags[slot] >> (8 - DUE_HIGH_BITS) == high &&
                due_mark(table_hash(t, item_key(item))) == mark) {
                ret_items[found++] = item;
            }
        }
    }
    return found;
}

void table_prefetch_bucket(const struct table *t, uint64_t hash)
{
    __builtin_prefetch(directory_at(&t->buckets, bucket_of(t, hash)));
}

void table_prefetch_chain(const struct table *t, uint64_t hash)
{
    bucket_prefetch_chain(directory_at(&t->buckets, bucket_of(t, hash)));
}

void table_prefetch_item(const struct table *t, uint64_t hash)
{
    bucket_prefetch(directory_at(&t->buckets, bucket_of(t, hash)), tag_of(hash));
}

void table_prefetch_unseen_bucket(const struct table_watch *watch, uint64_t bucket)
{
    if (bucket < watch->table->buckets.group_count) {
        __builtin_prefetch(directory_at(&watch->table->buckets, bucket));
    }
}

void table_prefetch_unseen_items(const struct table_watch *watch, uint64_t bucket)
{
    if (bucket < watch->bucket_count && !is_seen(watch, bucket)) {
        prefetch_items(directory_at(&watch->table->buckets, bucket));
    }
}

void table_add(struct table *t, uint64_t hash, struct item *item)
{
    struct group *bucket = directory_at(&t->buckets, bucket_of(t, hash));

    bool is_full = table_is_full(t);

    table_before_change(t, hash);
    bucket_add(bucket, tag_of(hash), item, &t->chain_bytes);
    t->count++;
    if (is_full) {
        split_one(t);
    }
}

struct item *table_remove(struct table *t, uint64_t hash, struct slice key)
{
    struct group *bucket = directory_at(&t->buckets, bucket_of(t, hash));
    struct bucket_place place;

    if (!bucket_find(bucket, tag_of(hash), key, &place)) {
        return NULL;
    }

    struct item *item = place.group->slots[place.slot].item;

    table_before_change(t, hash);
    bucket_remove(bucket, place, &t->chain_bytes);
    t->count--;
    if (t->buckets.group_count > 1 && t->count < ITEMS_PER_BUCKET_LOW * t->buckets.group_count) {
        merge_one(t);
    }
    return item;
}

/* --- walking -------------------------------------------------------------------- */

static uint64_t reverse_bits(uint64_t v)
{
    v = ((v >> 1) & 0x5555555555555555u) | ((v & 0x5555555555555555u) << 1);
    v = ((v >> 2) & 0x3333333333333333u) | ((v & 0x3333333333333333u) << 2);
    v = ((v >> 4) & 0x0f0f0f0f0f0f0f0fu) | ((v & 0x0f0f0f0f0f0f0f0fu) << 4);
    return __builtin_bswap64(v);
}

uint64_t table_walk(const struct table *t, uint64_t position, uint64_t *ret_next,
                    void (*each)(void *context, struct item *item), void *context)
{
    uint64_t half = lower_half(t);
    uint64_t index = bucket_of(t, reverse_bits(position));
    /* A bucket whose twin exists is distinguished from it by one more bit. */
    bool has_twin = (index | half) < t->buckets.group_count;
    uint64_t span = has_twin ? 2 * half : half; /* The bucket covers 1/span of all positions. */
    uint64_t begin = reverse_bits(index);
    uint64_t given = 0;

    for (const struct group *g = directory_at(&t->buckets, index); g != NULL;
         g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g); slot++) {
            struct item *item = g->slots[slot].item;

            /* Buckets were merged since the position was returned: a part of this one has been
             * walked. */
            if (position != begin && reverse_bits(table_hash(t, item_key(item))) < position) {
                continue;
            }
            each(context, item);
            given++;
        }
    }
    /* 2^64 / span; for a span of 1 the walk is over, and the result is 0. */
    *ret_next = span == 1 ? 0 : begin + (UINT64_MAX / span + 1);
    return given;
}

struct item *table_pick(const struct table *t, uint64_t chance)
{
    if (t->count == 0) {
        return NULL;
    }

    uint64_t index = chance % t->buckets.group_count;
    const struct group *bucket = directory_at(&t->buckets, index);

    while (bucket_group_count(bucket) == 0) {
        index = (index + 1) % t->buckets.group_count;
        bucket = directory_at(&t->buckets, index);
    }

    uint64_t item_count = 0;

    for (const struct group *g = bucket; g != NULL; g = bucket_group_next(g)) {
        item_count += bucket_group_count(g);
    }

    CHECK(item_count > 0);

    uint64_t place = (chance >> 32) % item_count;

    while (place >= bucket_group_count(bucket)) {
        place -= bucket_group_count(bucket);
        bucket = bucket_group_next(bucket);
    }
    return bucket->slots[place].item;
}

uint64_t table_item_cost(const struct item *item)
{
    return 1 + item_heap_bytes(item) / PAGE_BYTES;
}

/* Frees an item, or lets it go. */
static void give_up(struct item *item, uint64_t *let_go_bytes)
{
    if (item_is_kept(item)) {
        *let_go_bytes += item_heap_bytes(item);
        item_let_go(item);
    } else {
        item_free(item);
    }
}

bool table_dismantle(struct table *t, uint64_t item_count, uint64_t *let_go_bytes)
{
    uint64_t freed = 0;

    while (t->buckets.group_count > 0 && freed < item_count) {
        struct group *bucket = directory_at(&t->buckets, t->buckets.group_count - 1);

        for (const struct group *g = bucket; g != NULL; g = bucket_group_next(g)) {
            for (unsigned slot = 0; slot < bucket_group_count(g); slot++) {
                freed += table_item_cost(g->slots[slot].item);
                t->item_bytes -= item_heap_bytes(g->slots[slot].item);
                give_up(g->slots[slot].item, let_go_bytes);
                t->count--;
            }
        }
        freed++; /* An empty bucket is work too. */
        bucket_empty(bucket, &t->chain_bytes);
        directory_pop(&t->buckets);
    }
    return t->buckets.group_count == 0;
}
