/* kv.h - one database: byte-string keys to values with a type, most of them byte strings, which
 * may expire. A keyspace (kv/keyspace.h) has
 * several. Deterministic: the same calls in the same order give the same keys and the same
 * replies on every node, and a SCAN cursor means the same on every node whose keyspace has the
 * same seed.
 *
 * The table grows by splitting one bucket at a time (linear hashing), so no call ever pauses for
 * a rehash. An item is one allocation: header, key, value. */
#ifndef RAKIT_KV_KV_H
#define RAKIT_KV_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/command.h"
#include "kv/traits.h"

enum { KV_VALUE_BYTES_MAX = 512 * 1024 * 1024 };

/* Configures the process's allocator so that no call below pauses; to be called once, when the
 * program begins. Without it everything works, with pauses after many deletions. */
void kv_prepare_heap(void);

struct kv_common;

/* Made by the keyspace. `common` must outlive it. */
struct kv *kv_new(struct kv_common *common);
void kv_free(struct kv *kv);

uint64_t kv_count(const struct kv *kv);
/* How many of them expire some time. */
uint64_t kv_expiring_count(const struct kv *kv);
/* Items and table, as allocated. */
uint64_t kv_memory_bytes(const struct kv *kv);
/* A digest of all items, independent of order: equal keyspaces have equal digests. It is updated
 * with each change; kv_digest_recomputed() computes it from all items instead. */
uint64_t kv_digest(const struct kv *kv);
uint64_t kv_digest_recomputed(const struct kv *kv);
/* The digest that the same items have with another hash seed. */
uint64_t kv_digest_seeded(const struct kv *kv, uint64_t seed);

/* See keyspace_limit_replies(). */
uint64_t kv_reply_bytes_max(const struct kv *kv);

/* Slices passed to the following calls must not point into the keyspace, and a value with its
 * key must be at most KV_VALUE_BYTES_MAX; callers check that first. */

/* What is stored with a key. The bytes of a hash are those of kv/hash_value.h. */
struct kv_value {
    struct slice bytes;
    struct traits traits;
};

/* An expired key, by the log time of the keyspace, does not exist for any of these, although
 * kv_count() counts it until it is removed. What changes it removes it first. */

/* The value, borrowed until the next change; false if there is no such key. */
bool kv_find(const struct kv *kv, struct slice key, struct kv_value *ret_value);
/* The same: its bytes, whatever its type is. */
bool kv_get(const struct kv *kv, struct slice key, struct slice *ret_value);
/* Of the value with its traits; all zeros if there is no such key. */
struct kv_version {
    uint64_t digest;
    uint32_t value_bytes;
};

/* Its time is that of reading the value. */
struct kv_version kv_version(const struct kv *kv, struct slice key);
/* Reads the value only if it has the right size. */
bool kv_has_version(const struct kv *kv, struct slice key, struct kv_version version);
/* Prefetches a key that will soon be read or changed: the first call fetches the beginning of its
 * bucket, a second one, when that has arrived, the rest of it, and a third one the item. The first
 * returns the argument for the others. All change nothing. */
uint64_t kv_prefetch_bucket(const struct kv *kv, struct slice key);
void kv_prefetch_chain(const struct kv *kv, uint64_t hash);
void kv_prefetch_item(const struct kv *kv, uint64_t hash);
/* Sets a string that never expires, whatever was there before. */
void kv_set(struct kv *kv, struct slice key, struct slice value);
/* Sets the value; type and expiry of an existing key stay. */
void kv_replace(struct kv *kv, struct slice key, struct slice value);
void kv_put(struct kv *kv, struct slice key, struct traits traits, struct slice value);
/* 0: never. False: there is no such key. Afterwards it may have expired already. */
bool kv_set_expiry(struct kv *kv, struct slice key, uint64_t expires_ms);
bool kv_delete(struct kv *kv, struct slice key);
/* Moves a key with its value to another database of the same keyspace; false, and nothing has
 * changed, if it is not in `from`, or is in `to` already. */
bool kv_move(struct kv *from, struct kv *to, struct slice key);
/* Gives the value of a key, with type and expiry, another key of the same database, whatever was
 * there; false if there is no such key. The keys must differ. A large value is not copied, unless
 * a snapshot still needs it as it was. */
bool kv_rename(struct kv *kv, struct slice from, struct slice to);
/* The same, but the key stays; `to` may be another database of the same keyspace. */
bool kv_copy(const struct kv *from, struct slice key, struct kv *to, struct slice to_key);
/* About how much memory a key of that size takes with such a value, if it was set as a whole. It
 * follows from these alone, so it is the same on every node. */
uint64_t kv_plain_bytes(size_t key_size, const struct kv_value *value);
/* Takes the same short time however many keys there are: keyspace_tidy() frees the memory, as it
 * does for large values that are deleted or replaced. */
void kv_clear(struct kv *kv);
/* Append to the value, or overwrite it from `offset` on, with zeros in any gap; type and expiry
 * stay. A missing key is created, as a string. Both return the new size of the value; their time
 * depends on what they change, not on the size of the value. */
size_t kv_append(struct kv *kv, struct slice key, struct slice tail);
size_t kv_set_range(struct kv *kv, struct slice key, size_t offset, struct slice part);

/* How much more memory it takes, at most, even if only for a moment, to make the value `size`
 * bytes long with one of the two above; 0 if it is as long already. If `kv` is NULL: the most
 * for any present value. */
uint64_t kv_growth_bytes(const struct kv *kv, struct slice key, size_t size);

/* Walks from `cursor` (0: the start) over whole buckets until `count` items were returned or the
 * end is reached; returns the next cursor, 0 at the end, always below 2^48. Every key that
 * exists from the first call to the last is returned exactly once, and no key twice, whatever
 * else changes in between. Any number is a valid cursor. `each` may not change the keyspace;
 * slices are valid until a change. */
uint64_t kv_scan(const struct kv *kv, uint64_t cursor, uint64_t count,
                 void (*each)(void *context, struct slice key, const struct kv_value *value),
                 void *context);
/* Some key, selected by `chance`; false if there is none, or if that one has expired. */
bool kv_pick(const struct kv *kv, uint64_t chance, struct slice *ret_key);
/* A number for kv_pick(), a different one each time. It is not part of the replicated state, so
 * only reads may use it. */
uint64_t kv_chance(struct kv *kv);

#endif /* RAKIT_KV_KV_H */
