/* keyspace.h - the replicated state machine of Rakit: numbered databases, each with keys
 * of its own (kv/kv.h). What is asked of one database never touches another; what does
 * so on purpose (SWAPDB, FLUSHALL) is here.
 *
 * A database takes memory from the first time that it is asked for. */
#ifndef RAKIT_KV_KEYSPACE_H
#define RAKIT_KV_KEYSPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/command.h"

enum { KEYSPACE_DATABASES = 16, KEYSPACE_PREFETCH_MAX = 16 };

struct keyspace;

/* `hash_seed` is the cluster's, so that order is the same on each of its nodes. */
struct keyspace *keyspace_new(uint64_t hash_seed);
/* There is no walk under way (kv/walk.h). */
void keyspace_free(struct keyspace *keyspace);

/* `database` is below KEYSPACE_DATABASES, here and below. Valid until two are swapped. */
struct kv *keyspace_database(struct keyspace *keyspace, uint32_t database);
uint64_t keyspace_count(const struct keyspace *keyspace, uint32_t database);

/* Of all databases. What was cleared counts until freed. */
uint64_t keyspace_memory_bytes(const struct keyspace *keyspace);
/* And of that, what keyspace_tidy() will free. */
uint64_t keyspace_cleared_bytes(const struct keyspace *keyspace);
/* An order-free digest of all items and of the databases they are in: equal keyspaces have
 * equal digests. Kept up to date with each change; keyspace_digest_recomputed() goes over
 * everything instead. */
uint64_t keyspace_digest(const struct keyspace *keyspace);
uint64_t keyspace_digest_recomputed(const struct keyspace *keyspace);

/* The log time of the newest entry executed, in microseconds since the Unix epoch: the only time
 * that commands know. It never falls: a lower one is taken for the one before. */
void keyspace_advance_time(struct keyspace *keyspace, uint64_t time_us);
uint64_t keyspace_time_us(const struct keyspace *keyspace);

/* How large a reply with many keys or values may be: commands refuse to build a larger
 * one. As large as the largest value where nothing is said. Only reads look at it. */
void keyspace_limit_replies(struct keyspace *keyspace, uint64_t bytes_max);

/* What was in one of the two is in the other from now on. */
void keyspace_swap(struct keyspace *keyspace, uint32_t a, uint32_t b);
/* Deletes all keys of all databases, in the same short time whatever there is. */
void keyspace_clear(struct keyspace *keyspace);

/* Frees about `item_count` items of what was cleared, and of large values that were deleted or
 * replaced, which count by their pages; returns whether there is more. Nothing else frees these.
 * Changes nothing that can be seen but keyspace_memory_bytes(). */
bool keyspace_tidy(struct keyspace *keyspace, uint64_t item_count);

/* About how many bytes of values were written or freed since the last call: what changes have
 * cost, beside looking for their keys. */
uint64_t keyspace_take_work(struct keyspace *keyspace);

struct keyspace_hint {
    uint32_t database; /* Of any value: one that there can't be hints at nothing. */
    struct slice key;
};

/* Hints that these keys will be asked for or changed soon, so that the memory they are in
 * is on its way when they are. Changes nothing. */
void keyspace_prefetch(const struct keyspace *keyspace, const struct keyspace_hint *hints,
                       uint32_t hint_count);

#endif /* RAKIT_KV_KEYSPACE_H */
