#include "kv/kv_common.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"

enum { PAGE_BYTES = 4096, SHRINK_BYTES = 8 * 1024 * 1024 };

struct cleared {
    struct cleared *next;
    struct table table;
};

void kv_common_clear_take(struct kv_common *common, struct table *table)
{
    struct cleared *cleared = memory_take(sizeof *cleared);

    cleared->next = common->cleared;
    cleared->table = *table;
    if (table->watch != NULL && !MUTANT(walk_loses_flushed)) {
        table->watch->table = &cleared->table;
    }
    common->cleared = cleared;
}

/* Returning a large item's pages to the system takes long, so kv_common_tidy() does that. */
static void put_off(struct kv_common *common, struct item *item)
{
    if (common->discarded_count == common->discarded_capacity) {
        common->discarded_capacity =
            common->discarded_capacity == 0 ? 16 : common->discarded_capacity * 2;
        common->discarded = memory_resize(common->discarded,
                                          common->discarded_capacity * sizeof common->discarded[0]);
    }
    common->discarded[common->discarded_count++] = item;
    common->discarded_bytes += item_heap_bytes(item);
}

void kv_common_discard_take(struct kv_common *common, struct item *item)
{
    uint64_t bytes = item_heap_bytes(item);

    if (item_is_kept(item)) {
        common->held_bytes += bytes;
        item_let_go(item);
    } else if (bytes < KV_LARGE_BYTES) {
        item_free(item);
    } else {
        put_off(common, item);
    }
}

/* A part of a very large item: the system takes its pages back. */
static uint64_t shrink(struct kv_common *common)
{
    uint64_t bytes =
        common->shrinking_bytes > SHRINK_BYTES ? SHRINK_BYTES : common->shrinking_bytes;

    MUTANT_DO(large_freed_at_once, bytes = common->shrinking_bytes);
    common->shrinking_bytes -= bytes;
    common->discarded_bytes -= bytes;
    if (common->shrinking_bytes == 0) {
        free(common->shrinking);
        common->shrinking = NULL;
    } else {
        common->shrinking = memory_resize(common->shrinking, common->shrinking_bytes);
    }
    return 1 + bytes / PAGE_BYTES;
}

static void take_discarded(struct kv_common *common)
{
    struct item *item = common->discarded[--common->discarded_count];

    CHECK(!item_is_kept(item));
    common->shrinking_bytes = item_heap_bytes(item);
    common->shrinking = item;
}

/* Returns how many small items they count as. */
static uint64_t free_discarded(struct kv_common *common, uint64_t item_count)
{
    uint64_t freed = 0;

    while ((common->discarded_count > 0 || common->shrinking != NULL) && freed < item_count) {
        if (common->shrinking == NULL) {
            take_discarded(common);
        }
        freed += shrink(common);
    }
    if (common->discarded_count == 0) {
        free(common->discarded);
        common->discarded = NULL;
        common->discarded_capacity = 0;
    }
    return freed;
}

/* The link to the first table that is not watched; NULL if there is none. */
static struct cleared **find_unwatched(struct kv_common *common)
{
    struct cleared **link = &common->cleared;

    while (*link != NULL && (*link)->table.watch != NULL && !MUTANT(flushed_freed_unseen)) {
        link = &(*link)->next;
    }
    return *link == NULL ? NULL : link;
}

bool kv_common_tidy(struct kv_common *common, uint64_t item_count)
{
    uint64_t freed = free_discarded(common, item_count);

    freed += due_free_garbage(&common->garbage, &common->garbage_bytes,
                              item_count > freed ? item_count - freed : 0);
    struct cleared **link = find_unwatched(common);

    if (link != NULL && freed < item_count &&
        table_dismantle(&(*link)->table, item_count - freed, &common->held_bytes)) {
        struct cleared *cleared = *link;

        *link = cleared->next;
        free(cleared);
    }
    return common->discarded_count > 0 || common->shrinking != NULL ||
           common->garbage.first != NULL || find_unwatched(common) != NULL;
}

uint64_t kv_common_cleared_bytes(const struct kv_common *common)
{
    uint64_t bytes = common->discarded_bytes + common->garbage_bytes;

    for (const struct cleared *c = common->cleared; c != NULL; c = c->next) {
        bytes += c->table.watch == NULL ? table_heap_bytes(&c->table) : 0;
    }
    return bytes;
}

uint64_t kv_common_heap_bytes(const struct kv_common *common)
{
    uint64_t bytes =
        common->discarded_bytes + common->garbage_bytes + common->walk_bytes + common->held_bytes;

    for (const struct cleared *c = common->cleared; c != NULL; c = c->next) {
        bytes += heap_bytes(sizeof *c) + table_heap_bytes(&c->table);
    }
    return bytes;
}
