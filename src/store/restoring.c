#include "store/restoring.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mutant.h"
#include "store/directory.h"
#include "store/origin.h"
#include "store/store_state.h"

static void note_snapshot(void *context, const char *name)
{
    char *found = context;

    if (directory_file_of(name) == DIRECTORY_SNAPSHOT) {
        memcpy(found, name, strlen(name) + 1);
    }
}

/* An earlier attempt may have written a later state than this one will. */
static int remove_snapshots(struct store *s)
{
    char path[PATH_BYTES_MAX];
    char name[NAME_BYTES_MAX];
    int rv;

    MUTANT_DO(restored_beside_another, return 0);
    do { /* One at a time: no directory may be listed and changed at once. */
        name[0] = '\0';
        rv = io_dir_list(s->io, s->dir, note_snapshot, name);
        if (rv == 0 && name[0] != '\0') {
            store_path(path, s->dir, name);
            rv = io_unlink(s->io, path);
        }
    } while (rv == 0 && name[0] != '\0');
    return rv != 0 ? rv : io_dir_sync(s->io, s->dir);
}

int restoring_begin(struct store *s, uint64_t cluster_id, const struct store_snapshot *snapshot,
                    struct snapshot_writer *writer)
{
    struct store_identity identity = {.cluster_id = cluster_id, .node_id = s->identity.node_id};
    char path[PATH_BYTES_MAX];
    int rv;

    CHECK(s->identity.is_restoring);
    *writer = (struct snapshot_writer){0};
    rv = remove_snapshots(s);
    snapshot_temporary_path(s->dir, snapshot->index, path);
    return rv != 0 ? rv : snapshot_writer_open(writer, s->io, path, &identity, snapshot);
}

/* The state gets its name, and an empty log begins behind it. */
static int publish(struct store *s, uint64_t cluster_id, const struct store_snapshot *snapshot)
{
    const struct store_identity identity = {.cluster_id = cluster_id,
                                            .node_id = s->identity.node_id};
    const struct origin origin = {
        .entry = {.index = snapshot->index, .term = snapshot->term, .time_us = snapshot->time_us},
        .first_segment = 1};
    char from[PATH_BYTES_MAX];
    bool is_undecided;
    int rv;

    snapshot_temporary_path(s->dir, snapshot->index, from);
    rv = snapshot_publish(s, from, snapshot->index, &is_undecided);
    return rv != 0 ? rv : origin_write(s->io, s->dir, &identity, &origin);
}

int restoring_end(struct store *s, uint64_t cluster_id, const struct store_key *key,
                  struct store_snapshot *snapshot, struct snapshot_writer *writer)
{
    int rv = snapshot_writer_end(writer, snapshot);

    snapshot_writer_close(writer);
    if (rv == 0 && !MUTANT(member_before_restored)) {
        rv = publish(s, cluster_id, snapshot);
    }
    if (rv == 0 && store_set_cluster(s, cluster_id, 0, key) != STORE_OK) {
        rv = -EIO;
    }
    MUTANT_DO(member_before_restored, rv = rv != 0 ? rv : publish(s, cluster_id, snapshot));
    return rv;
}
