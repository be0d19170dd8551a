/* bucket.h - a bucket: a chain of groups that holds its items without holes.
 * Items stand in the order of insertion, but for a removal, which puts the last
 * one into the gap: the same history gives the same order. */
#ifndef RAKIT_KV_BUCKET_H
#define RAKIT_KV_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/directory.h"
#include "kv/item.h"

/* Where an item stands: changed by setting *item_at. */
struct bucket_place {
    struct group *group;
    unsigned slot;
};

/* Chained groups come from the heap; `chain_bytes` keeps count of them. */

bool bucket_find(struct group *bucket, uint8_t tag, struct slice key,
                 struct bucket_place *ret_place);
/* Brings the items that may have the key near the processor. */
void bucket_prefetch(const struct group *bucket, uint8_t tag);
void bucket_add(struct group *bucket, uint8_t tag, struct item *item, uint64_t *chain_bytes);
/* Takes the item at `place` out; it stays the caller's. */
void bucket_remove(struct group *bucket, struct bucket_place place, uint64_t *chain_bytes);
/* Moves the last item so that `place` others are before it; those after it keep their order. */
void bucket_move_last(struct group *bucket, uint64_t place);
/* Frees the chain, but not the items nor the bucket itself, which is empty then. */
void bucket_empty(struct group *bucket, uint64_t *chain_bytes);

/* The items of one group of the chain, and the next group or NULL. */
unsigned bucket_group_count(const struct group *group);
struct group *bucket_group_next(const struct group *group);

#endif /* RAKIT_KV_BUCKET_H */
