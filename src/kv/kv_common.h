/* kv_common.h - what the databases of one keyspace share. Private to kv. */
#ifndef RAKIT_KV_KV_COMMON_H
#define RAKIT_KV_KV_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "kv/due.h"
#include "kv/event.h"
#include "kv/prepared.h"
#include "kv/table.h"

struct cleared;
struct keyspace_walk;

enum { KV_LARGE_BYTES = 1024 * 1024 }; /* Items of this size are freed later. */

/* Blocks of a value that kv/edit.c is changing; kept between changes. */
struct kv_touched {
    uint64_t *bits; /* By number of the block. */
    uint32_t word_count;
    uint32_t *blocks; /* Those whose bits are set. */
    uint32_t count, capacity;
};

struct kv_common {
    uint64_t hash_seed; /* The same for all, because databases can be exchanged (SWAPDB). */
    uint64_t time_us;   /* See keyspace_advance_time(). */
    uint64_t now_ms;    /* The same, rounded down. */
    struct prng prng;   /* For kv_chance(). */
    const struct keyspace_observer *observer; /* Or NULL. */
    uint64_t reply_bytes_max;
    uint64_t work;           /* See keyspace_take_work(). */
    struct cleared *cleared; /* Tables that kv_clear() has taken out of service. */
    struct item **discarded; /* Large items that were deleted or replaced. */
    uint32_t discarded_count, discarded_capacity;
    uint64_t discarded_bytes;
    struct due_list garbage; /* Marks that were given up: see expiry.c. */
    uint64_t garbage_bytes;
    struct prepared prepared;
    struct kv_touched touched;
    void *shrinking; /* The rest of a very large one; NULL: none. */
    uint64_t shrinking_bytes;
    struct keyspace_walk *walk; /* The walk under way (kv/walk.h), or NULL. */
    uint64_t walk_bytes;        /* Heap that the walk takes, except for held_bytes. */
    uint64_t held_bytes;        /* Heap of items that were let go, and of copies of changed
                                 * blocks. */
};

/* Takes the table out of service. kv_common_tidy() frees its memory, after the watch if it is
 * watched. */
void kv_common_clear_take(struct kv_common *common, struct table *table);
/* The same for a large item; others are freed at once, or let go if they are kept. */
void kv_common_discard_take(struct kv_common *common, struct item *item);
/* For a kept item (item_keep): tells the walk that bytes from `first` up to `end` of its value
 * will change now; that it has moved. In walk.c. */
void kv_walk_item_changes(struct keyspace_walk *walk, const struct item *item, uint64_t first,
                          uint64_t end);
void kv_walk_item_moved(struct keyspace_walk *walk, const struct item *before, struct item *item);

void kv_touched_deinit(struct kv_touched *t); /* In edit.c. */

/* Frees about `item_count` items of those, if any, a large one counting by its pages; returns
 * whether there is more. */
bool kv_common_tidy(struct kv_common *common, uint64_t item_count);
/* How many bytes it will free, as things are. */
uint64_t kv_common_cleared_bytes(const struct kv_common *common);
/* The heap of both, and of a walk. */
uint64_t kv_common_heap_bytes(const struct kv_common *common);

#endif /* RAKIT_KV_KV_COMMON_H */
