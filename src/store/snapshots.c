#include "store/snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

void snapshots_init(struct snapshots *snapshots)
{
    list_init(&snapshots->puts);
    list_init(&snapshots->appends);
    list_init(&snapshots->loads);
    list_init(&snapshots->reads);
    list_init(&snapshots->removals);
}

bool snapshot_is_same(const struct store_snapshot *a, const struct store_snapshot *b)
{
    return a->index == b->index && a->term == b->term && a->bytes == b->bytes &&
           a->checksum == b->checksum;
}

/* The place of the first one at `index` or beyond. */
static size_t place_of(const struct snapshots *snapshots, uint64_t index)
{
    size_t i = 0;

    while (i < snapshots->count && snapshots->list[i].index < index) {
        i++;
    }
    return i;
}

const struct store_snapshot *snapshots_find(const struct snapshots *snapshots, uint64_t index)
{
    size_t i = place_of(snapshots, index);

    return i < snapshots->count && snapshots->list[i].index == index ? &snapshots->list[i] : NULL;
}

bool snapshots_have(const struct snapshots *snapshots, const struct store_snapshot *snapshot)
{
    const struct store_snapshot *found = snapshots_find(snapshots, snapshot->index);

    return found != NULL && snapshot_is_same(found, snapshot);
}

void snapshots_forget(struct snapshots *snapshots, uint64_t index)
{
    size_t i = place_of(snapshots, index);

    CHECK(i < snapshots->count && snapshots->list[i].index == index);
    snapshots->count--;
    memmove(&snapshots->list[i], &snapshots->list[i + 1],
            (snapshots->count - i) * sizeof *snapshots->list);
}

void snapshots_add(struct snapshots *snapshots, const struct store_snapshot *snapshot)
{
    size_t i = place_of(snapshots, snapshot->index);

    if (i < snapshots->count && snapshots->list[i].index == snapshot->index) {
        snapshots->list[i] = *snapshot; /* It has replaced that one under the same name. */
        return;
    }
    if (snapshots->count == snapshots->capacity) {
        snapshots->capacity = snapshots->capacity == 0 ? 4 : snapshots->capacity * 2;
        snapshots->list =
            memory_resize(snapshots->list, snapshots->capacity * sizeof *snapshots->list);
    }
    memmove(&snapshots->list[i + 1], &snapshots->list[i],
            (snapshots->count - i) * sizeof *snapshots->list);
    snapshots->list[i] = *snapshot;
    snapshots->count++;
}

void snapshots_deinit(struct snapshots *snapshots)
{
    snapshot_puts_drop(snapshots);
    snapshot_appends_drop(snapshots);
    snapshot_loads_drop(snapshots);
    snapshot_reads_drop(snapshots);
    snapshot_removals_drop(snapshots);
    snapshot_writer_close(&snapshots->writer);
    free(snapshots->list);
}
