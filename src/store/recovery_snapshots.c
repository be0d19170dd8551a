/* recovery_snapshots.c - which snapshots a start finds. Their first and last sectors say which they
 * are; the rest is verified where they are loaded. */
#include "store/recovery.h"
#include "store/snapshot_reader.h"

static void note_name(void *context, const char *name)
{
    struct store *s = context;
    struct snapshot_reader reader;
    uint64_t index = snapshot_index_of(name);
    char path[PATH_BYTES_MAX];

    if (index == 0) {
        return;
    }
    snapshot_path(s->dir, index, path);
    if (snapshot_reader_open(&reader, s->io, path, &s->identity) == FILE_GOOD &&
        reader.snapshot.index == index && snapshot_reader_find_end(&reader)) {
        snapshots_add(&s->snapshots, &reader.snapshot);
    }
    snapshot_reader_close(&reader);
}

int recovery_observe_snapshots(struct store *s)
{
    return io_dir_list(s->io, s->dir, note_name, s);
}
