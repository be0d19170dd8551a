/* table.h - the hash table: linear hashing over buckets (Litwin 1980). It grows by splitting one
 * bucket after the other as items are added, and shrinks by merging the last bucket back as they
 * are removed: each call does at most one of these, so none pauses.
 *
 * With n buckets, 2^L <= n < 2^(L+1), an item is in bucket (hash mod 2^(L+1)), or in (hash mod
 * 2^L) if that bucket does not exist yet. A hash read from its lowest bit on as a binary
 * fraction is a position between 0 and 1, and each bucket covers one interval of positions,
 * whatever n is. Walks follow the positions, which neither splitting nor merging changes: an
 * item is met exactly once, or never. */
#ifndef RAKIT_KV_TABLE_H
#define RAKIT_KV_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/bucket.h"

struct table;

/* Sees each bucket as it was when the watch began: table_see() visits one by its number, and
 * before items are added to a bucket, removed from it or changed, the table visits it. No bucket
 * is seen twice. */
struct table_watch {
    struct table *table;
    uint64_t bucket_count; /* When the watch began. Buckets added since contain nothing that is
                            * not seen. */
    uint64_t *seen;        /* A bit for each. */
    void (*see)(struct table_watch *watch, const struct group *bucket);
};

struct table {
    struct directory buckets;
    struct table_watch *watch; /* Or NULL. */
    uint64_t seed;
    uint64_t count;       /* Items. */
    uint64_t item_bytes;  /* Heap of items; updated by the caller. */
    uint64_t chain_bytes; /* Heap of chained groups. */
};

void table_init(struct table *t, uint64_t seed);
/* Frees everything. */
void table_deinit(struct table *t);

uint64_t table_hash(const struct table *t, struct slice key);
uint64_t table_heap_bytes(const struct table *t);

/* The place of the item with that key; NULL if there is none. Valid until the next table_add()
 * or table_remove(). */
struct item **table_find(const struct table *t, uint64_t hash, struct slice key);
/* Finds up to `max` items with that mark (kv/due.h); returns how many. */
uint32_t table_find_marked(const struct table *t, uint64_t mark, struct item **ret_items,
                           uint32_t max);
/* Prefetches for a table_find() that comes soon: the bucket, and, in a second call when that has
 * arrived, the item. */
void table_prefetch_bucket(const struct table *t, uint64_t hash);
void table_prefetch_chain(const struct table *t, uint64_t hash);
void table_prefetch_item(const struct table *t, uint64_t hash);
/* The key must not exist yet. */
void table_add(struct table *t, uint64_t hash, struct item *item);
/* Removes and returns the item with that key; NULL if there is none. */
struct item *table_remove(struct table *t, uint64_t hash, struct slice key);

/* Must be called before an item is changed or replaced in its place. table_add() and
 * table_remove() do it themselves. */
static inline void table_before_change(const struct table *t, uint64_t hash);

/* Begins a watch; the caller fills in `see`. One at a time. */
void table_watch_begin(struct table *t, struct table_watch *watch);
void table_watch_end(struct table_watch *watch);
/* Sees the bucket, unless it was seen. */
void table_see(struct table_watch *watch, uint64_t bucket);
void table_see_hash(struct table_watch *watch, uint64_t hash);
/* The next bucket that was not seen, from `bucket` on; the number of buckets if there is none. */
uint64_t table_next_unseen(const struct table_watch *watch, uint64_t bucket);
/* Prefetch for a table_see() that comes soon, like table_prefetch_bucket() and
 * table_prefetch_item(). */
void table_prefetch_unseen_bucket(const struct table_watch *watch, uint64_t bucket);
void table_prefetch_unseen_items(const struct table_watch *watch, uint64_t bucket);

/* Whether one more item would split a bucket. */
bool table_is_full(const struct table *t);
/* Whether a table with so many items can have so many buckets. */
bool table_can_have(uint64_t item_count, uint64_t bucket_count);
/* Grows to so many buckets, not fewer than there are. Each contains its items in the same order
 * as if they had all been added to such a table. Takes time for all items. */
void table_grow_to(struct table *t, uint64_t bucket_count);

/* Moves the item that was added last, with this hash, so that `place` others precede it among
 * the items of its bucket in a table of `bucket_count` buckets. */
void table_place_last(struct table *t, uint64_t hash, uint64_t bucket_count, uint64_t place);

/* Passes on the items of the bucket at `position` that are not before it; returns how many.
 * *ret_next is the position where the next bucket begins, 0 at the end. */
uint64_t table_walk(const struct table *t, uint64_t position, uint64_t *ret_next,
                    void (*each)(void *context, struct item *item), void *context);
/* Some item, selected by `chance`; NULL if the table is empty. */
struct item *table_pick(const struct table *t, uint64_t chance);

/* Frees up to about `item_count` items, and buckets, from the end. Between the first such call
 * and the last, only this and table_deinit() may be called. Kept items are let go, and their
 * size is added to *let_go_bytes. Returns whether nothing is left. */
bool table_dismantle(struct table *t, uint64_t item_count, uint64_t *let_go_bytes);
/* How many small items it counts as, because its pages must be returned to the system. */
uint64_t table_item_cost(const struct item *item);

static inline void table_before_change(const struct table *t, uint64_t hash)
{
    if (__builtin_expect(t->watch != NULL, 0)) {
        table_see_hash(t->watch, hash);
    }
}

#endif /* RAKIT_KV_TABLE_H */
