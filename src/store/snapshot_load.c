/* snapshot_load.c - reads snapshots back: chunk by chunk, verified, into a state; and as raw
 * bytes, for another node. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/snapshot_reader.h"
#include "store/store_state.h"

/* The most of the file that one job reads, so that other jobs have their turn. */
enum { LOAD_BYTES = 4 * 1024 * 1024 };

static int open_reader(struct store *s, const char *path, struct snapshot_reader *reader)
{
    switch (snapshot_reader_open(reader, s->io, path, &s->identity)) {
    case FILE_GOOD:
        return 0;
    case FILE_MISSING:
        return -ENOENT;
    case FILE_UNREADABLE:
        return reader->error;
    default:
        return -EBADMSG;
    }
}

/* Whether the snapshot, now read to its end, is the one asked for. */
static int compare_end(const struct snapshot_reader *reader, const struct store_snapshot *snapshot)
{
    return snapshot_is_same(&reader->snapshot, snapshot) ? SNAPSHOT_AT_END : -EBADMSG;
}

/* --- in the background --- */

static int load_some(struct snapshot_load *load)
{
    struct snapshot_reader *reader = load->reader;
    uint64_t until = reader->at + LOAD_BYTES;
    struct snapshot_chunk chunk;
    int rv = SNAPSHOT_HAS_CHUNK;

    while (rv == SNAPSHOT_HAS_CHUNK && reader->at < until) {
        rv = snapshot_reader_next(reader, &chunk);
        if (rv == SNAPSHOT_HAS_CHUNK) {
            int refusal = load->each(load, &chunk);

            rv = refusal != 0 ? refusal : rv;
        }
    }
    return rv == SNAPSHOT_AT_END ? compare_end(reader, &load->snapshot) : rv;
}

static int open_load(struct snapshot_load *load)
{
    struct store *s = load->store;
    char path[PATH_BYTES_MAX];

    if (load->is_part) {
        snapshot_part_path(s->dir, &load->snapshot, path);
    } else {
        snapshot_path(s->dir, load->snapshot.index, path);
    }
    return open_reader(s, path, load->reader);
}

static void run_load(struct io_job *job)
{
    struct snapshot_load *load = container_of(job, struct snapshot_load, job);

    load->result = load->reader->file == NULL ? open_load(load) : 0;
    if (load->result == 0) {
        load->result = load_some(load);
    }
    if (load->result == SNAPSHOT_AT_END && load->finish != NULL) {
        load->result = load->finish(load, &load->reader->snapshot);
    }
    load->read_bytes = load->reader->at;
}

static void free_load(struct snapshot_load *load)
{
    list_remove(&load->node);
    snapshot_reader_close(load->reader);
    free(load->reader);
    load->reader = NULL;
}

/* A snapshot that is being received was read to its end, and is sound. */
static void note_verified(struct snapshot_load *load)
{
    struct snapshot_receiving *receiving = load->store->snapshots.receiving;

    if (receiving != NULL && snapshot_is_same(&receiving->snapshot, &load->snapshot) &&
        receiving->unwritten_bytes == 0) {
        receiving->is_verified = true;
    }
}

static void finish_load(struct io_job *job)
{
    struct snapshot_load *load = container_of(job, struct snapshot_load, job);

    load->loaded_bytes = load->read_bytes;
    if (load->result == SNAPSHOT_HAS_CHUNK && !load->is_canceled) {
        io_worker_submit(load->store->snapshots.worker, &load->job);
        return;
    }
    if (load->result == SNAPSHOT_AT_END && load->is_part) {
        note_verified(load);
    }
    if (load->result == SNAPSHOT_AT_END) {
        load->snapshot = load->reader->snapshot; /* With its log time. */
    }
    free_load(load);
    load->done(load, load->is_canceled ? -ECANCELED : load->result);
}

void snapshot_load(struct store *s, struct snapshot_load *load)
{
    load->store = s;
    load->reader = memory_take_zeroed(1, sizeof *load->reader);
    load->loaded_bytes = 0;
    load->is_canceled = false;
    load->is_part = !snapshots_have(&s->snapshots, &load->snapshot);
    list_append(&s->snapshots.loads, &load->node);
    load->job.run = run_load;
    load->job.done = finish_load;
    io_worker_submit(s->snapshots.worker, &load->job);
}

void snapshot_load_cancel(struct snapshot_load *load)
{
    load->is_canceled = true;
}

void snapshot_loads_drop(struct snapshots *snapshots)
{
    list_for_each(node, &snapshots->loads)
    {
        free_load(container_of(node, struct snapshot_load, node));
    }
}

/* --- raw bytes --- */

static void run_read(struct io_job *job)
{
    struct snapshot_read *read = container_of(job, struct snapshot_read, job);
    struct store *s = read->store;
    struct io_file *file = NULL;
    char path[PATH_BYTES_MAX];

    snapshot_path(s->dir, read->snapshot.index, path);
    read->result = io_file_open(s->io, path, IO_READ_ONLY, &file);
    if (read->result == 0) {
        read->data = memory_take(read->size);
        read->result = io_file_read(file, read->offset, read->data, read->size);
        io_file_close(file);
    }
}

static void finish_read(struct io_job *job)
{
    struct snapshot_read *read = container_of(job, struct snapshot_read, job);
    /* Another snapshot may have taken its name meanwhile. */
    bool is_there = snapshots_have(&read->store->snapshots, &read->snapshot);
    int64_t result = is_there ? read->result : -ENOENT;
    char *data = read->data;

    list_remove(&read->node);
    read->data = NULL;
    read->done(read, result < 0 ? (int)result : 0, slice_of(data, result < 0 ? 0 : (size_t)result));
    free(data);
}

void snapshot_read(struct store *s, struct snapshot_read *read)
{
    CHECK(read->size > 0 && read->size <= SNAPSHOT_READ_MAX);
    read->store = s;
    read->data = NULL;
    list_append(&s->snapshots.reads, &read->node);
    read->job.run = run_read;
    read->job.done = finish_read;
    io_worker_submit(s->snapshots.worker, &read->job);
}

void snapshot_reads_drop(struct snapshots *snapshots)
{
    list_for_each(node, &snapshots->reads)
    {
        struct snapshot_read *read = container_of(node, struct snapshot_read, node);

        list_remove(&read->node);
        free(read->data);
        read->data = NULL;
    }
}
