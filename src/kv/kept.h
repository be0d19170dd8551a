/* kept.h - large items that a walk has met and writes out piece by piece, while they go on
 * changing. An item that is kept (item_keep) stays as long as it is needed; of one that changes in
 * place, the blocks that are not written yet are copied before. Private to kv. */
#ifndef RAKIT_KV_KEPT_H
#define RAKIT_KV_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "kv/item.h"
#include "kv/kv_common.h"

struct kept {
    struct list items;        /* Those that are not written to the end, the oldest first. */
    struct list *slots;       /* By address; made for the first item. */
    struct kv_common *common; /* Where what was let go ends up, and what is copied counts. */
};

void kept_init(struct kept *kept, struct kv_common *common);
/* Forgets all of them. */
void kept_deinit(struct kept *kept);

bool kept_is_empty(const struct kept *kept);
/* From now on the item is kept, as it is now; `place` is for its record. */
void kept_add(struct kept *kept, struct item *item, uint32_t database, uint64_t place);
/* Writes one record of the oldest one; returns how many bytes. */
uint64_t kept_write(struct kept *kept, struct buffer *out);

/* Of an item that is kept: bytes from `first` up to `end` of its value will change now, */
void kept_before_change(struct kept *kept, const struct item *item, uint64_t first, uint64_t end);
/* and it has another address. */
void kept_has_moved(struct kept *kept, const struct item *before, struct item *item);

#endif /* RAKIT_KV_KEPT_H */
