/* recovery_snapshots.c - which snapshots a start finds, and which one it can continue from. A
 * file is identified by its first and last sectors; the rest is verified when it is loaded, or
 * here if the log is dropped in favour of it. */
#include <errno.h>

#include "base/mutant.h"
#include "store/log_reader.h"
#include "store/recovery.h"
#include "store/snapshot_reader.h"

enum { WINDOW_BYTES = 64 * 1024 };

/* --- what there is --- */

static void note_bad(struct recovery_facts *f, uint64_t index, enum file_state state, int error)
{
    struct recovery_snapshots *found = &f->snapshots;

    if (found->bad_count < RECOVERY_BAD_MAX) {
        found->bad[found->bad_count++] = index;
    }
    if (index >= f->origin.entry.index && index > found->bad_index) {
        found->bad_index = index;
        found->bad_state = state;
        found->error = error;
    }
}

static void note_state(struct recovery *r, uint64_t index, enum file_state state,
                       const struct snapshot_reader *reader)
{
    struct recovery_snapshots *found = &r->facts.snapshots;

    switch (state) {
    case FILE_GOOD:
        snapshots_add(&r->store->snapshots, &reader->snapshot);
        break;
    case FILE_VERSION:
        found->version = reader->version;
        break;
    case FILE_FOREIGN:
        found->foreign_index = index;
        break;
    default:
        note_bad(&r->facts, index, state, reader->error);
    }
}

static void note_snapshot(struct recovery *r, uint64_t index)
{
    struct store *s = r->store;
    struct snapshot_reader reader;
    char path[PATH_BYTES_MAX];

    snapshot_path(s->dir, index, path);

    enum file_state state = snapshot_reader_open(&reader, s->io, path, &s->identity);

    if (state == FILE_GOOD && reader.snapshot.index != index) {
        state = FILE_FOREIGN;
    } else if (state == FILE_GOOD && !snapshot_reader_find_end(&reader)) {
        state = reader.error != 0 ? FILE_UNREADABLE : FILE_DAMAGED;
    }
    note_state(r, index, state, &reader);
    snapshot_reader_close(&reader);
}

/* The name holds everything except the term. */
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
    struct recovery *r = context;
    uint64_t index = snapshot_index_of(name);
    struct store_snapshot part = snapshot_part_of(name);

    if (index != 0) {
        note_snapshot(r, index);
    } else if (part.index > r->store->snapshots.part.index) {
        note_part(r->store, part);
    }
}

/* --- which one fits the log --- */

static int note_entry(void *context, struct entry *e)
{
    *(struct store_origin *)context =
        (struct store_origin){.index = e->index, .term = e->term, .time_us = e->time_us};
    entry_release(e);
    return 0;
}

int recovery_read_entry(struct store *s, uint64_t index, struct store_origin *ret_entry)
{
    const struct log_run *run = log_index_find(&s->index, index);
    struct log_reader reader;

    if (log_reader_open(&reader, s->io, s->dir, &s->identity, run->segment, WINDOW_BYTES) !=
        FILE_GOOD) {
        return reader.error != 0 ? reader.error : -EBADMSG;
    }

    int rv = log_read_run(&reader, run, index, index, note_entry, ret_entry);

    log_reader_close(&reader);
    return rv;
}

static int compare_with_log(struct recovery *r, const struct store_snapshot *snapshot,
                            bool *ret_is_beyond)
{
    const struct recovery_facts *f = &r->facts;
    struct store_origin own = {.term = snapshot->term};
    int rv = 0;

    if (snapshot->index > f->origin.entry.index && snapshot->index <= f->last_index) {
        rv = recovery_read_entry(r->store, snapshot->index, &own);
    }
    *ret_is_beyond = snapshot->index > f->last_index || own.term != snapshot->term;
    return rv;
}

/* Reads all of it. FILE_GOOD: every byte is as it was written. */
static enum file_state verify(struct store *s, const struct store_snapshot *snapshot,
                              int *ret_error)
{
    struct snapshot_reader reader;
    char path[PATH_BYTES_MAX];
    int rv = SNAPSHOT_HAS_CHUNK;

    MUTANT_DO(log_dropped_unseen, return FILE_GOOD;);
    snapshot_path(s->dir, snapshot->index, path);

    enum file_state state = snapshot_reader_open(&reader, s->io, path, &s->identity);

    *ret_error = reader.error;
    while (state == FILE_GOOD && rv == SNAPSHOT_HAS_CHUNK) {
        rv = snapshot_reader_skip(&reader);
    }
    if (rv < 0) {
        state = rv == -EBADMSG ? FILE_DAMAGED : FILE_UNREADABLE;
        *ret_error = rv;
    }
    snapshot_reader_close(&reader);
    return state;
}

/* Whether the start can continue from it. */
static int judge(struct recovery *r, const struct store_snapshot *snapshot, bool *ret_is_good)
{
    struct recovery_snapshots *found = &r->facts.snapshots;
    int error = 0;
    int rv = compare_with_log(r, snapshot, &found->is_beyond_log);

    *ret_is_good = rv == 0;
    if (rv != 0 || !found->is_beyond_log) {
        return rv;
    }

    enum file_state state = verify(r->store, snapshot, &error);

    *ret_is_good = state == FILE_GOOD;
    if (state != FILE_GOOD) {
        note_bad(&r->facts, snapshot->index, state, error);
    }
    return 0;
}

/* The newest good one. */
static int choose(struct recovery *r)
{
    struct recovery_facts *f = &r->facts;
    struct snapshots *all = &r->store->snapshots;

    for (size_t i = all->count; i-- > 0 && f->snapshots.newest.index == 0;) {
        struct store_snapshot snapshot = all->list[i];
        bool is_good = false;

        if (snapshot.index < f->origin.entry.index) {
            f->snapshots.below_index = snapshot.index;
            return 0;
        }

        int rv = judge(r, &snapshot, &is_good);

        if (rv != 0) {
            return rv;
        }
        if (is_good) {
            f->snapshots.newest = snapshot;
        } else {
            snapshots_forget(all, snapshot.index);
        }
    }
    return 0;
}

int recovery_observe_snapshots(struct recovery *r)
{
    int rv = io_dir_list(r->store->io, r->store->dir, note_name, r);

    return rv != 0 ? rv : choose(r);
}
