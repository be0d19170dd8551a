/* item.h - one key with its value in one allocation: a header of three bytes in the common case,
 * the key, the value. Sizes up to 255 take one byte, so that a 16-byte key with a 100-byte value
 * fits into 128 bytes of heap, including malloc's.
 *
 *   shape, key size (1 or 4 bytes), value size (1, 2 or 4 bytes),
 *   when it expires (6 bytes), type (1 byte), key, value
 *
 * An item that never expires has no field for that, unless it is large or has grown: then the
 * field is there from the beginning, so that no large value is ever copied to get one. A string
 * has no type. The highest bit of the type, or of the time if there is no type, is a flag
 * (item_is_deferred).
 *
 * An item that has grown in place has spare room after its value; how much follows from its size
 * alone (item_grown_bytes), so no field is needed. */
#ifndef RAKIT_KV_ITEM_H
#define RAKIT_KV_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/item_layout.h"
#include "kv/traits.h"

/* A new item; `value.data` may be NULL: then the value is left to the caller. */
struct item *item_new(struct traits traits, struct slice key, struct slice value);
void item_free(struct item *item);

/* Whether the mark for what is due of it is earlier than that (kv/expiry.c). This is not part of
 * the replicated state. What sets the expiry or the size clears it. */
bool item_is_deferred(const struct item *item);
/* If the item has no field for its expiry and no type, it stays false. */
void item_set_deferred(struct item *item, bool is_deferred);
char *item_value_bytes(struct item *item); /* The value, to be changed in place. */
/* The key, immediately followed by the value. */
const char *item_content(const struct item *item);
size_t item_content_size(const struct item *item);

/* These return the item, or another one that replaces it. Neither may be a kept one (below),
 * except that item_set_expiry() keeps both marks. */
struct item *item_replace(struct item *item, struct traits traits, struct slice value);
struct item *item_set_expiry(struct item *item, uint64_t expires_ms);
/* Makes the value `size` bytes long, which must not be shorter; the new bytes are not set. The
 * amortized cost of growing is O(1) per byte. */
struct item *item_grow(struct item *item, size_t size);
/* Makes the value `size` bytes long, which must not be longer. Keeps both marks. */
struct item *item_shrink(struct item *item, size_t size);

/* Gives the item another key. The value is not copied, if it is large, but may be moved a
 * little. */
struct item *item_rekey(struct item *item, struct slice key);

/* A kept item has a second owner. The first owner lets it go instead of freeing it or replacing
 * it in place; the last owner frees it. item_grow() keeps both marks. */
void item_keep(struct item *item);
void item_let_go(struct item *item);
/* The second owner is done. Returns whether the first one has let go: then the item is the
 * caller's. */
bool item_keep_no_more(struct item *item);
/* How much more of the heap item_grow() to `size` bytes takes, at most, even if only for a
 * moment. If `item` is NULL: for a new item with a key of `key_size` bytes. */
uint64_t item_growth_bytes(const struct item *item, size_t key_size, size_t size);

/* The heap that a new item of these sizes takes. */
size_t item_plain_bytes(struct traits traits, size_t key_size, size_t value_size);

#endif /* RAKIT_KV_ITEM_H */
