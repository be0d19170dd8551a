/* item.h - one key with its value in one allocation: a header of three bytes in
 * the common case, the key, the value. Sizes up to 255 take one byte, so that a
 * 16-byte key with a 100-byte value fits into 128 bytes of heap, malloc's included.
 *
 *   shape, key size (1 or 4 bytes), value size (1, 2 or 4 bytes), key, value
 *
 * An item that has grown in place has room beyond its value; how much follows
 * from its size alone (item_grown_bytes), so no field is spent on it. */
#ifndef RAKIT_KV_ITEM_H
#define RAKIT_KV_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct item; /* Bytes without alignment: only item.c looks inside. */

/* A new item; `value.data` may be NULL: then the value is left to the caller. */
struct item *item_new(struct slice key, struct slice value);
void item_free(struct item *item);

struct slice item_key(const struct item *item);
struct slice item_value(const struct item *item);
char *item_value_bytes(struct item *item); /* The value, for changing in place. */
/* The key and, right behind it, the value. */
const char *item_content(const struct item *item);
size_t item_content_size(const struct item *item);

/* Gives the item another value. Returns it, or another item in its place. */
struct item *item_replace(struct item *item, struct slice value);
/* Makes the value `size` bytes long, not shorter than it was; the new bytes are
 * not set. Growing a byte at a time costs O(1) a byte in the long run. */
struct item *item_grow(struct item *item, size_t size);

/* An item that is kept has a second owner. It is not freed, nor replaced in place, but let go by
 * the first one; whichever owner is the last frees it. item_grow() keeps both marks. */
void item_keep(struct item *item);
bool item_is_kept(const struct item *item);
void item_let_go(struct item *item);
/* The second owner is done. Returns whether the first one has let go: then it is the caller's. */
bool item_keep_no_more(struct item *item);
/* How much more of the heap item_grow() to `size` bytes takes, at most and if only for a moment;
 * `item` is NULL: of a new item, with a key of `key_size` bytes. */
uint64_t item_growth_bytes(const struct item *item, size_t key_size, size_t size);

/* What the item takes from the heap, the allocator's own share included. */
size_t item_heap_bytes(const struct item *item);
/* The same of any allocation of that size. */
size_t heap_bytes(size_t size);

#endif /* RAKIT_KV_ITEM_H */
