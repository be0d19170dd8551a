/* snapshot_files.c - which snapshots there are, and the removal of old ones. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/store_state.h"

struct store_snapshot snapshot_newest(const struct store *s)
{
    struct store_snapshot none = {0};

    return s->snapshots.count == 0 ? none : s->snapshots.list[s->snapshots.count - 1];
}

size_t snapshot_list(const struct store *s, const struct store_snapshot **ret_list)
{
    *ret_list = s->snapshots.list;
    return s->snapshots.count;
}

const struct store_snapshot *snapshot_find(const struct store *s, uint64_t index)
{
    return snapshots_find(&s->snapshots, index);
}

uint64_t snapshot_in_file(const struct store *s, const char *file)
{
    uint64_t index = snapshot_index_of(file);

    return snapshot_find(s, index) == NULL ? 0 : index;
}

/* --- naming --- */

int snapshot_publish(struct store *s, const char *from, uint64_t index, bool *ret_is_undecided)
{
    char path[PATH_BYTES_MAX];

    snapshot_path(s->dir, index, path);

    int rv = io_rename(s->io, from, path);

    if (rv == 0 && !MUTANT(snapshot_name_not_synced)) {
        rv = io_dir_sync(s->io, s->dir);
        *ret_is_undecided = rv != 0;
    }
    return rv;
}

/* --- removing --- */

struct removal {
    struct list node;
    struct io_job job;
    struct store *store;
    uint64_t bytes; /* That count as being removed. */
    char path[PATH_BYTES_MAX];
    int error;
};

static void run_removal(struct io_job *job)
{
    struct removal *removal = container_of(job, struct removal, job);

    removal->error = io_unlink(removal->store->io, removal->path);
}

static void free_removal(struct removal *removal)
{
    list_remove(&removal->node);
    free(removal);
}

/* A file that remains is removed by the next start. */
static void finish_removal(struct io_job *job)
{
    struct removal *removal = container_of(job, struct removal, job);
    struct store *s = removal->store;

    if (removal->error != 0) {
        log_write(s->options.log, LOG_WARN, "cannot remove an old snapshot",
                  "path=" LOG_Q " error=%d", removal->path, -removal->error);
    }
    s->snapshots.removing_bytes -= removal->bytes;
    free_removal(removal);
    if (!s->has_failed) {
        wal_retry_now(s);
    }
}

static void remove_later(struct store *s, struct removal *removal)
{
    s->snapshots.removing_bytes += removal->bytes;
    list_append(&s->snapshots.removals, &removal->node);
    removal->store = s;
    removal->job.run = run_removal;
    removal->job.done = finish_removal;
    io_worker_submit(s->snapshots.worker, &removal->job);
}

void snapshot_remove(struct store *s, uint64_t index)
{
    struct removal *removal = memory_take_zeroed(1, sizeof *removal);

    CHECK(index < snapshot_newest(s).index);
    CHECK(snapshot_find(s, index) != NULL);
    removal->bytes = snapshot_find(s, index)->bytes;
    snapshot_path(s->dir, index, removal->path);
    snapshots_forget(&s->snapshots, index);
    remove_later(s, removal);
}

void snapshot_part_remove(struct store *s)
{
    struct snapshots *snapshots = &s->snapshots;

    if (snapshots->part.index == 0 || snapshots->receiving != NULL) {
        return;
    }

    struct removal *removal = memory_take_zeroed(1, sizeof *removal);

    snapshot_part_path(s->dir, &snapshots->part, removal->path);
    snapshots->part = (struct store_snapshot){0};
    remove_later(s, removal);
}

void snapshot_removals_drop(struct snapshots *snapshots)
{
    list_for_each(node, &snapshots->removals)
    {
        free_removal(container_of(node, struct removal, node));
    }
}
