/* kv_common.h - what the databases of one keyspace share. Private to kv. */
#ifndef RAKIT_KV_KV_COMMON_H
#define RAKIT_KV_KV_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "kv/table.h"

struct cleared;

struct kv_common {
    uint64_t hash_seed; /* One for all: a database can take another's place (SWAPDB). */
    struct prng prng;   /* For kv_chance(). */
    uint64_t reply_bytes_max;
    uint64_t work;           /* See keyspace_take_work(). */
    struct cleared *cleared; /* Tables that kv_clear() took out of service, */
    struct item **discarded; /* and large items. */
    uint32_t discarded_count, discarded_capacity;
    uint64_t discarded_bytes;
};

/* Takes the table out of service: its memory is freed by kv_common_tidy(). */
void kv_common_clear_take(struct kv_common *common, struct table *table);
/* The same for an item. */
void kv_common_discard_take(struct kv_common *common, struct item *item);
/* Frees about `item_count` items of those, if any, a large one counting by its pages; returns
 * whether there is more. */
bool kv_common_tidy(struct kv_common *common, uint64_t item_count);
/* What both take. */
uint64_t kv_common_cleared_bytes(const struct kv_common *common);

#endif /* RAKIT_KV_KV_COMMON_H */
