/* bucket.h - a bucket: a chain of groups that contain its items without gaps. Items are in the
 * order of insertion, except that the last item fills the gap of a removed one: the same history
 * gives the same order. */
#ifndef RAKIT_KV_BUCKET_H
#define RAKIT_KV_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/directory.h"
#include "kv/item.h"

/* The place of an item, which is changed by setting *item_at. */
struct bucket_place {
    struct group *group;
    unsigned slot;
};

/* Chained groups come from the heap; `chain_bytes` counts them. */

bool bucket_find(struct group *bucket, uint8_t tag, struct slice key,
                 struct bucket_place *ret_place);
/* Prefetches the second group of the chain, if there is one. */
void bucket_prefetch_chain(const struct group *bucket);
/* Prefetches the items that may have the key. */
void bucket_prefetch(const struct group *bucket, uint8_t tag);
void bucket_add(struct group *bucket, uint8_t tag, struct item *item, uint64_t *chain_bytes);
/* Removes the item at `place`, without freeing it. */
void bucket_remove(struct group *bucket, struct bucket_place place, uint64_t *chain_bytes);
/* Moves the last item so that `place` others precede it; those after it keep their order. */
void bucket_move_last(struct group *bucket, uint64_t place);
/* Frees the chain, but neither the items nor the bucket itself, which is then empty. */
void bucket_empty(struct group *bucket, uint64_t *chain_bytes);

/* The items of one group of the chain, and the next group or NULL. */
unsigned bucket_group_count(const struct group *group);
struct group *bucket_group_next(const struct group *group);

#endif /* RAKIT_KV_BUCKET_H */
