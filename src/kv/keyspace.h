/* keyspace.h - the replicated state machine of Rakit: numbered databases, each with its own keys
 * (kv/kv.h). Calls for one database never affect another; those that do so on purpose (SWAPDB,
 * FLUSHALL) are here.
 *
 * A database takes memory only once it is used. */
#ifndef RAKIT_KV_KEYSPACE_H
#define RAKIT_KV_KEYSPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/command.h"

enum {
    KEYSPACE_DATABASES = 16, /* Those that clients can select. */
    /* What commands keep besides keys is stored in databases of its own, so that it is in
     * snapshots and digests, and expires, like all else. */
    KEYSPACE_SCRIPTS = KEYSPACE_DATABASES,
    KEYSPACE_SESSIONS,
    KEYSPACE_FUNCTIONS,
    KEYSPACE_USERS,
    KEYSPACE_ALL_DATABASES,
    KEYSPACE_PREFETCH_MAX = 16,
};

struct keyspace;
struct keyspace_observer; /* kv/event.h */

/* `hash_seed` is the cluster's, so the order is the same on all its nodes. */
struct keyspace *keyspace_new(uint64_t hash_seed);
/* There must be no walk under way (kv/walk.h). */
void keyspace_free(struct keyspace *keyspace);

/* `database` is below KEYSPACE_ALL_DATABASES, here and below. Valid until databases are swapped. */
struct kv *keyspace_database(struct keyspace *keyspace, uint32_t database);
uint64_t keyspace_count(const struct keyspace *keyspace, uint32_t database);
/* How many of them expire some time. */
uint64_t keyspace_expiring_count(const struct keyspace *keyspace, uint32_t database);
/* Of all databases. */
uint64_t keyspace_count_all(const struct keyspace *keyspace);

/* Of all databases. What was cleared counts until it is freed. */
uint64_t keyspace_memory_bytes(const struct keyspace *keyspace);
/* The part of it that items take: no less than a snapshot of them. */
uint64_t keyspace_item_bytes(const struct keyspace *keyspace);
/* The part of it that keyspace_tidy() will free. */
uint64_t keyspace_cleared_bytes(const struct keyspace *keyspace);
/* A digest of all items and their databases, independent of order: equal keyspaces have equal
 * digests. It is updated with each change; keyspace_digest_recomputed() computes it from all
 * items instead. */
uint64_t keyspace_digest(const struct keyspace *keyspace);
uint64_t keyspace_digest_recomputed(const struct keyspace *keyspace);
/* The digest of the same items in a keyspace with another hash seed. */
uint64_t keyspace_digest_seeded(const struct keyspace *keyspace, uint64_t hash_seed);

/* The log time of the newest executed entry, in microseconds since the Unix epoch: the only time
 * that commands know. It never falls: a lower one is ignored. */
void keyspace_advance_time(struct keyspace *keyspace, uint64_t time_us);
uint64_t keyspace_time_us(const struct keyspace *keyspace);
uint64_t keyspace_now_ms(const struct keyspace *keyspace);

/* Reports changes to `observer`, which is borrowed; NULL: to nobody. */
void keyspace_observe(struct keyspace *keyspace, const struct keyspace_observer *observer);

/* The largest reply with many keys or values: commands refuse to build a larger one. By default
 * as large as the largest value. Only reads use it. */
void keyspace_limit_replies(struct keyspace *keyspace, uint64_t bytes_max);

/* Exchanges the contents of the two. */
void keyspace_swap(struct keyspace *keyspace, uint32_t a, uint32_t b);
/* Deletes all keys of the databases that clients can select, in the same short time however many
 * there are. */
void keyspace_clear(struct keyspace *keyspace);

/* Frees about `item_count` items of what was cleared, and of large values that were deleted or
 * replaced, which count by their pages; returns whether there is more. Nothing else frees these.
 * Has no visible effect except on keyspace_memory_bytes(). */
bool keyspace_tidy(struct keyspace *keyspace, uint64_t item_count);

/* Before a command sets a very large value: copies up to `bytes` of it. True: all is copied, and
 * the command that has `id` may be executed. `value` must stay where it is until then. Has no
 * visible effect. */
bool keyspace_prepare(struct keyspace *keyspace, uint64_t id, struct slice key, struct slice value,
                      uint64_t bytes);
/* The command did not need it, or will not be executed. */
void keyspace_drop_prepared(struct keyspace *keyspace);

/* About how many bytes of values were written or freed since the last call: the cost of changes,
 * besides looking up their keys. */
uint64_t keyspace_take_work(struct keyspace *keyspace);

struct keyspace_hint {
    uint32_t database; /* Any value: for a database that does not exist, nothing is prefetched. */
    struct slice key;
};

/* Keys whose buckets are being prefetched. Refers to nothing. */
struct keyspace_soon {
    uint32_t count;
    struct {
        uint32_t database;
        uint64_t hash;
    } keys[KEYSPACE_PREFETCH_MAX];
};

/* Prefetches these keys, which will soon be read or changed. Changes nothing. */
void keyspace_prefetch(const struct keyspace *keyspace, const struct keyspace_hint *hints,
                       uint32_t hint_count);
/* The same in two steps. In between there should be other work, so that the second step finds the
 * buckets, which point to the items. */
void keyspace_prefetch_buckets(const struct keyspace *keyspace, const struct keyspace_hint *hints,
                               uint32_t hint_count, struct keyspace_soon *ret_soon);
void keyspace_prefetch_items(const struct keyspace *keyspace, const struct keyspace_soon *soon);

#endif /* RAKIT_KV_KEYSPACE_H */
