/* kv.h - one database: byte-string keys to byte-string values. A keyspace
 * (kv/keyspace.h) has several. Deterministic: the same calls in the same order give
 * the same keys and the same replies on every node, and a SCAN cursor means
 * the same on every node whose keyspace has the same seed.
 *
 * The table grows by splitting one bucket at a time (linear hashing), so no call
 * ever pauses for a rehash. An item is one allocation: header, key, value. */
#ifndef RAKIT_KV_KV_H
#define RAKIT_KV_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/command.h"

enum { KV_VALUE_BYTES_MAX = 512 * 1024 * 1024 };

/* Sets the process's allocator up so that no call below pauses: once, as the program
 * begins. Without it everything works, with pauses after many deletions. */
void kv_prepare_heap(void);

struct kv_common;

/* Made by the keyspace. `common` outlives it. */
struct kv *kv_new(struct kv_common *common);
void kv_free(struct kv *kv);

uint64_t kv_count(const struct kv *kv);
/* Items and table, as allocated. */
uint64_t kv_memory_bytes(const struct kv *kv);
/* An order-free digest of all items: equal keyspaces have equal digests. Kept up
 * to date with each change; kv_digest_recomputed() goes over everything instead. */
uint64_t kv_digest(const struct kv *kv);
uint64_t kv_digest_recomputed(const struct kv *kv);

/* See keyspace_limit_replies(). */
uint64_t kv_reply_bytes_max(const struct kv *kv);

/* Slices handed to the following calls do not point into the keyspace, and a value
 * with its key is at most KV_VALUE_BYTES_MAX each: callers check first. */

/* The value, borrowed until the next change; false where there is no such key. */
bool kv_get(const struct kv *kv, struct slice key, struct slice *ret_value);
/* Hints that a key will be asked for or changed soon: its bucket is brought near the
 * processor, and, by a second call when it has arrived, its item. The first returns what
 * the second wants. Both change nothing. */
uint64_t kv_prefetch_bucket(const struct kv *kv, struct slice key);
void kv_prefetch_item(const struct kv *kv, uint64_t hash);
void kv_set(struct kv *kv, struct slice key, struct slice value);
bool kv_delete(struct kv *kv, struct slice key);
/* Takes a key with its value to another database of the same keyspace; false, and nothing
 * has changed, where it is not in `from`, or one of that name is in `to`. */
bool kv_move(struct kv *from, struct kv *to, struct slice key);
/* Takes the same short time whatever there is: memory is freed by
 * keyspace_tidy(), as is that of large values that are deleted or replaced. */
void kv_clear(struct kv *kv);
/* Add to the end of the value, or write over it from `offset` on, with zeros where
 * it was shorter. A missing key is made. Both return the new size of the value, and
 * take time for what they change, not for what was there. */
size_t kv_append(struct kv *kv, struct slice key, struct slice tail);
size_t kv_set_range(struct kv *kv, struct slice key, size_t offset, struct slice part);

/* How much more memory it takes, at most and if only for a moment, to make the value `size` bytes
 * long with one of the two above; 0 if it is as long already. `kv` is NULL: whatever is there. */
uint64_t kv_growth_bytes(const struct kv *kv, struct slice key, size_t size);

/* Walks from `cursor` (0: the start) over whole buckets until `count` items were
 * given out or the end is reached; returns the next cursor, 0 at the end, always
 * below 2^48. Every key that is there from the first call to the last is given
 * exactly once, no key twice, whatever else comes and goes in between. Any number
 * is a cursor. `each` may not change the keyspace; slices live until a change. */
uint64_t kv_scan(const struct kv *kv, uint64_t cursor, uint64_t count,
                 void (*each)(void *context, struct slice key, struct slice value), void *context);
/* Some key, picked by `chance`; false where there is none. */
bool kv_pick(const struct kv *kv, uint64_t chance, struct slice *ret_key);
/* A number for kv_pick(), another with each call. It is no part of the replicated
 * state: only reads may look at it. */
uint64_t kv_chance(struct kv *kv);

#endif /* RAKIT_KV_KV_H */
