/* recovery_snapshots.c - which snapshots a start finds. Their first and last sectors say which they
 * are; the rest is verified where they are loaded. */
#include "store/recovery.h"
#include "store/snapshot_reader.h"

static void note_snapshot(struct store *s, uint64_t index)
{
    struct snapshot_reader reader;
    char path[PATH_BYTES_MAX];

    snapshot_path(s->dir, index, path);
    if (snapshot_reader_open(&reader, s->io, path, &s->identity) == FILE_GOOD &&
        reader.snapshot.index == index && snapshot_reader_find_end(&reader)) {
        snapshots_add(&s->snapshots, &reader.snapshot);
    }
    snapshot_reader_close(&reader);
}

/* The name says all but the term. */
static void note_part(struct store *s, struct store_snapshot part)
{
    struct snapshot_reader reader;
    char path[PATH_BYTES_MAX];

    snapshot_part_path(s->dir, &part, path);
    if (snapshot_reader_open(&reader, s->io, path, &s->identity) == FILE_GOOD &&
        reader.snapshot.index == part.index) {
        part.term = reader.snapshot.term;
        part.time_us = reader.snapshot.time_us;
        s->snapshots.part = part;
    }
    snapshot_reader_close(&reader);
}

static void note_name(void *context, const char *name)
{
    struct store *s = context;
    uint64_t index = snapshot_index_of(name);
    struct store_snapshot part = snapshot_part_of(name);

    if (index != 0) {
        note_snapshot(s, index);
    } else if (part.index > s->snapshots.part.index) {
        note_part(s, part);
    }
}

int recovery_observe_snapshots(struct store *s)
{
    return io_dir_list(s->io, s->dir, note_name, s);
}
