/* snapshot_receive.c - a snapshot from other nodes. Its bytes are collected in a file that is
 * named after the identity of the snapshot and outlives the process. Nothing in it is trusted
 * before it is verified: after a start chunk by chunk, and as a whole before it gets a
 * snapshot's name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/snapshot_reader.h"
#include "store/store_state.h"

enum { PAGE_BYTES = 4096 };

/* Some bytes on their way to the worker. */
struct append {
    struct list node;
    struct io_job job;
    struct snapshot_receiving *receiving;
    struct buffer bytes;
    uint64_t size;
    uint64_t offset;
    int error;
};

/* --- on the worker --- */

/* How many bytes of the file are a sound beginning of this snapshot: whole chunks. */
static int verify(struct snapshot_receiving *r, const char *path, uint64_t *ret_good_bytes)
{
    const struct store_snapshot *snapshot = &r->snapshot;
    struct snapshot_reader reader;
    int rv = SNAPSHOT_HAS_CHUNK;

    *ret_good_bytes = 0;
    switch (snapshot_reader_open(&reader, r->store->io, path, &r->store->identity)) {
    case FILE_GOOD:
        break;
    case FILE_UNREADABLE:
        return reader.error;
    default:
        return -EBADMSG;
    }
    if (reader.snapshot.index != snapshot->index || reader.snapshot.term != snapshot->term ||
        reader.file_bytes > snapshot->bytes) {
        rv = -EBADMSG;
    }
    while (rv == SNAPSHOT_HAS_CHUNK) {
        *ret_good_bytes = reader.at;
        rv = snapshot_reader_skip(&reader);
    }
    if (rv == SNAPSHOT_AT_END) {
        bool is_whole = snapshot_is_same(&reader.snapshot, snapshot);

        *ret_good_bytes = is_whole ? reader.at : 0;
        rv = is_whole ? 0 : -EBADMSG;
    }
    snapshot_reader_close(&reader);
    return rv;
}

/* Removes a part of another snapshot. */
static void drop_other_part(struct store *s, const struct store_snapshot *snapshot)
{
    struct snapshots *snapshots = &s->snapshots;
    char path[PATH_BYTES_MAX];

    if (snapshots->part.index != 0 && !snapshot_is_same(&snapshots->part, snapshot)) {
        snapshot_part_path(s->dir, &snapshots->part, path);
        io_unlink(s->io, path);
    }
}

static int open_part(struct snapshot_receiving *r)
{
    struct store *s = r->store;
    char path[PATH_BYTES_MAX];
    uint64_t good_bytes = 0;
    int rv = 0;

    drop_other_part(s, &r->snapshot);
    snapshot_part_path(s->dir, &r->snapshot, path);
    rv = MUTANT(part_not_verified) ? 0 : verify(r, path, &good_bytes);
    if (rv != 0 && rv != -EBADMSG) {
        return rv;
    }
    rv = io_file_open(s->io, path, IO_CREATE, &r->file);
    if (rv != 0) {
        return rv;
    }
    MUTANT_DO(part_not_verified, good_bytes = (uint64_t)io_file_size(r->file));
    r->found_bytes = good_bytes;
    return io_file_truncate(r->file, good_bytes);
}

static void run_open(struct io_job *job)
{
    struct snapshot_receiving *r = container_of(job, struct snapshot_receiving, job);

    r->error = open_part(r);
    r->open_error = r->error;
}

/* Writes from memory that is aligned as the file requires. */
static int write_bytes(struct snapshot_receiving *r, uint64_t offset, struct slice bytes)
{
    if (bytes.size > r->capacity) {
        free(r->data);
        r->capacity = bytes.size;
        r->data = memory_take_aligned(r->capacity, PAGE_BYTES);
    }
    memcpy(r->data, bytes.data, bytes.size);
    return io_file_write_durable(r->file, offset, r->data, bytes.size);
}

static void run_append(struct io_job *job)
{
    struct append *append = container_of(job, struct append, job);
    struct snapshot_receiving *r = append->receiving;

    if (r->error == 0) {
        r->error = write_bytes(r, append->offset, buffer_slice(&append->bytes));
    }
    append->error = r->error;
    buffer_deinit(&append->bytes);
}

static void close_part(struct snapshot_receiving *r)
{
    if (r->file != NULL) {
        io_file_close(r->file);
        r->file = NULL;
    }
    free(r->data);
    r->data = NULL;
    r->capacity = 0;
}

static int accept_part(struct snapshot_receiving *r, const char *path)
{
    uint64_t good_bytes;
    int rv = r->is_verified || MUTANT(part_accepted_unseen) ? 0 : verify(r, path, &good_bytes);

    if (rv == 0) {
        rv = io_file_sync(r->file);
    }
    close_part(r);
    return rv != 0 ? rv : snapshot_publish(r->store, path, r->snapshot.index, &r->is_undecided);
}

static void run_end(struct io_job *job)
{
    struct snapshot_receiving *r = container_of(job, struct snapshot_receiving, end_job);
    char path[PATH_BYTES_MAX];

    snapshot_part_path(r->store->dir, &r->snapshot, path);
    if (r->error == 0 && r->how == SNAPSHOT_ACCEPT) {
        r->error = accept_part(r, path);
    }
    close_part(r);
    if (r->how == SNAPSHOT_REJECT) {
        r->error = io_unlink(r->store->io, path);
        r->error = r->error == -ENOENT ? 0 : r->error;
    }
}

/* --- on the loop --- */

static void finish_open(struct io_job *job)
{
    struct snapshot_receiving *r = container_of(job, struct snapshot_receiving, job);

    r->held_bytes = r->found_bytes;
    r->store->snapshots.part = r->snapshot;
    if (!r->is_ending) {
        r->opened(r, r->open_error);
    }
}

static void free_append(struct append *append)
{
    list_remove(&append->node);
    buffer_deinit(&append->bytes);
    free(append);
}

static void finish_append(struct io_job *job)
{
    struct append *append = container_of(job, struct append, job);
    struct snapshot_receiving *r = append->receiving;
    int error = append->error;

    if (store_is_no_room(error)) {
        wal_release_spares(r->store);
    }
    r->unwritten_bytes -= append->size;
    r->held_bytes += error == 0 ? append->size : 0;
    free_append(append);
    if (!r->is_ending) {
        r->appended(r, error);
    }
}

static void finish_end(struct io_job *job)
{
    struct snapshot_receiving *r = container_of(job, struct snapshot_receiving, end_job);
    struct store *s = r->store;

    s->snapshots.receiving = NULL;
    if (r->is_undecided) {
        store_fail(s, r->error, "cannot sync the directory");
        return;
    }
    if (r->error == 0 && r->how == SNAPSHOT_ACCEPT) {
        snapshots_add(&s->snapshots, &r->snapshot);
    }
    if (r->how == SNAPSHOT_REJECT || (r->error == 0 && r->how == SNAPSHOT_ACCEPT)) {
        s->snapshots.part = (struct store_snapshot){0};
    }
    r->ended(r, r->error);
}

struct store_snapshot snapshot_part(const struct store *s)
{
    return s->snapshots.part;
}

void snapshot_receive(struct store *s, struct snapshot_receiving *r)
{
    CHECK(s->identity.cluster_id != 0);
    CHECK(s->snapshots.receiving == NULL);
    CHECK(snapshot_is_possible(&r->snapshot));
    s->snapshots.receiving = r;
    r->store = s;
    r->held_bytes = 0;
    r->unwritten_bytes = 0;
    r->file = NULL;
    r->data = NULL;
    r->capacity = 0;
    r->found_bytes = 0;
    r->error = 0;
    r->is_verified = false;
    r->is_ending = false;
    r->is_undecided = false;
    r->job.run = run_open;
    r->job.done = finish_open;
    io_worker_submit(s->snapshots.worker, &r->job);
}

void snapshot_append(struct snapshot_receiving *r, uint64_t offset, struct buffer *bytes)
{
    struct append *append = memory_take_zeroed(1, sizeof *append);
    struct snapshots *snapshots = &r->store->snapshots;

    CHECK(!r->is_ending);
    CHECK(offset == r->held_bytes + r->unwritten_bytes);
    CHECK(buffer_size(bytes) <= r->snapshot.bytes - offset);
    append->receiving = r;
    append->offset = offset;
    append->bytes = *bytes;
    append->size = buffer_size(bytes);
    *bytes = (struct buffer){0};
    r->unwritten_bytes += append->size;
    r->is_verified = false;
    list_append(&snapshots->appends, &append->node);
    append->job.run = run_append;
    append->job.done = finish_append;
    io_worker_submit(snapshots->worker, &append->job);
}

void snapshot_receive_end(struct snapshot_receiving *r, enum snapshot_end how)
{
    CHECK(!r->is_ending);
    r->is_ending = true;
    r->how = how;
    r->end_job.run = run_end;
    r->end_job.done = finish_end;
    io_worker_submit(r->store->snapshots.worker, &r->end_job);
}

void snapshot_appends_drop(struct snapshots *snapshots)
{
    list_for_each(node, &snapshots->appends)
    {
        free_append(container_of(node, struct append, node));
    }
    if (snapshots->receiving != NULL) {
        close_part(snapshots->receiving);
    }
}
