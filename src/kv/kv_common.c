#include "kv/kv_common.h"

#include <stdlib.h>

#include "base/memory.h"

struct cleared {
    struct cleared *next;
    struct table table;
};

void kv_common_clear_take(struct kv_common *common, struct table *table)
{
    struct cleared *cleared = memory_take(sizeof *cleared);

    cleared->next = common->cleared;
    cleared->table = *table;
    common->cleared = cleared;
}

bool kv_common_tidy(struct kv_common *common, uint64_t item_count)
{
    struct cleared *cleared = common->cleared;

    if (cleared == NULL) {
        return false;
    }
    if (table_dismantle(&cleared->table, item_count)) {
        common->cleared = cleared->next;
        free(cleared);
    }
    return common->cleared != NULL;
}

uint64_t kv_common_cleared_bytes(const struct kv_common *common)
{
    uint64_t bytes = 0;

    for (const struct cleared *c = common->cleared; c != NULL; c = c->next) {
        bytes += heap_bytes(sizeof *c) + table_heap_bytes(&c->table);
    }
    return bytes;
}
