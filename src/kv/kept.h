/* kept.h - large items that a walk has met and writes piece by piece, while they go on changing.
 * A kept item (item_keep) remains as long as it is needed; before it changes in place, the
 * blocks that are not written yet are copied. Private to kv. */
#ifndef RAKIT_KV_KEPT_H
#define RAKIT_KV_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "kv/item.h"
#include "kv/kv_common.h"

struct kept {
    struct list items;        /* Those that are not completely written, the oldest first. */
    struct list *slots;       /* The same by address; allocated for the first item. */
    struct kv_common *common; /* Gets items that were let go, and counts copies. */
};

void kept_init(struct kept *kept, struct kv_common *common);
/* Forgets all of them. */
void kept_deinit(struct kept *kept);

bool kept_is_empty(const struct kept *kept);
/* Keeps the item in its present state; `place` is for its record. */
void kept_add(struct kept *kept, struct item *item, uint32_t database, uint64_t place);
/* Writes one record of the oldest one; returns its size. */
uint64_t kept_write(struct kept *kept, struct buffer *out);

/* A kept item's bytes from `first` up to `end` of its value will change now. */
void kept_before_change(struct kept *kept, const struct item *item, uint64_t first, uint64_t end);
/* A kept item has moved to another address. */
void kept_has_moved(struct kept *kept, const struct item *before, struct item *item);

#endif /* RAKIT_KV_KEPT_H */
