/* kv.h - the keyspace: byte-string keys to byte-string values, the replicated
 * state machine of Rakit. Deterministic: the same calls in the same order give
 * the same keyspace, the same replies and the same SCAN cursors on every node.
 *
 * The table grows by splitting one bucket group at a time (linear hashing), so no
 * call ever pauses for a rehash. An item is one allocation: header, key, value. */
#ifndef RAKIT_KV_KV_H
#define RAKIT_KV_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/command.h"

enum { KV_VALUE_BYTES_MAX = 512 * 1024 * 1024 };

/* `hash_seed` is the cluster's, so that order is the same on each of its nodes. */
struct kv *kv_new(uint64_t hash_seed);
void kv_free(struct kv *kv);

uint64_t kv_count(const struct kv *kv);
uint64_t kv_memory_bytes(const struct kv *kv); /* Items and table, as allocated. */
/* An order-free digest of all items: equal keyspaces have equal digests. */
uint64_t kv_digest(const struct kv *kv);

/* The value, borrowed until the next change; false where there is no such key. */
bool kv_get(const struct kv *kv, struct slice key, struct slice *ret_value);
void kv_set(struct kv *kv, struct slice key, struct slice value);
bool kv_delete(struct kv *kv, struct slice key);
void kv_clear(struct kv *kv);
/* Makes the value `size` bytes long (new bytes are zero, a missing key is made) and
 * returns its bytes for changing in place up to the next call. The caller calls
 * kv_changed() with the same key when it has changed them. */
char *kv_resize(struct kv *kv, struct slice key, size_t size, bool *ret_is_new);

/* Walks from `cursor` (0: the start) over whole bucket groups until `count` items
 * were given out or the end is reached; returns the next cursor, 0 at the end.
 * Every key that is there from the first call to the last is given at least once. */
uint64_t kv_scan(const struct kv *kv, uint64_t cursor, uint64_t count,
                 void (*each)(void *context, struct slice key, struct slice value),
                 void *context);
/* Some key, picked by `chance`; false where there is none. */
bool kv_pick(const struct kv *kv, uint64_t chance, struct slice *ret_key);

#endif /* RAKIT_KV_KV_H */
