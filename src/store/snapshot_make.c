/* snapshot_make.c - makes a snapshot in the background, chunk by chunk, under a temporary name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/store_state.h"

/* One chunk on its way to the worker. */
struct put {
    struct list node;
    struct io_job job;
    struct snapshot_making *making;
    char section[SNAPSHOT_SECTION_MAX + 1];
    uint32_t flags;
    struct buffer content;
    uint64_t bytes;
    int error;
};

static struct snapshot_writer *writer_of(const struct snapshot_making *making)
{
    return &making->store->snapshots.writer;
}

/* --- on the worker: `error` is its own --- */

static int open_writer(struct snapshot_making *making)
{
    struct store *s = making->store;
    char path[PATH_BYTES_MAX];
    int rv = 0;

    if (making->purpose == SNAPSHOT_AS_EVIDENCE) {
        rv = snapshot_evidence_begin(s, &making->evidence);
        snapshot_evidence_path(s, making->evidence, true, path);
    } else {
        snapshot_temporary_path(s->dir, making->index, path);
    }
    return rv != 0 ? rv
                   : snapshot_writer_open(writer_of(making), s->io, path, &s->identity,
                                          &making->snapshot);
}

static void run_begin(struct io_job *job)
{
    struct snapshot_making *making = container_of(job, struct snapshot_making, job);

    making->error = making->purpose == SNAPSHOT_TO_CHECK ? 0 : open_writer(making);
}

static int take(struct snapshot_making *making, const struct put *put)
{
    struct slice content = buffer_slice(&put->content);
    int rv = making->inspect == NULL ? 0 : making->inspect(making, put->section, content);

    return rv != 0 || making->purpose == SNAPSHOT_TO_CHECK
               ? rv
               : snapshot_writer_put(writer_of(making), put->section, put->flags, content);
}

static void run_put(struct io_job *job)
{
    struct put *put = container_of(job, struct put, job);
    struct snapshot_making *making = put->making;

    if (making->error == 0) {
        making->error = take(making, put);
    }
    put->error = making->error;
    buffer_deinit(&put->content);
}

/* Completes the file, and gives it its name. */
static int publish(struct snapshot_making *making)
{
    struct store *s = making->store;
    char temporary[PATH_BYTES_MAX];
    int rv = snapshot_writer_end(writer_of(making), &making->snapshot);

    snapshot_writer_close(writer_of(making));
    if (rv != 0) {
        return rv;
    }
    if (making->purpose == SNAPSHOT_AS_EVIDENCE) {
        return snapshot_evidence_publish(s, making->evidence);
    }
    snapshot_temporary_path(s->dir, making->index, temporary);
    return snapshot_publish(s, temporary, making->index, &making->is_undecided);
}

/* This frees the space; a file that remains is harmless. */
static void remove_temporary(struct snapshot_making *making)
{
    struct store *s = making->store;
    char path[PATH_BYTES_MAX];

    if (making->purpose == SNAPSHOT_AS_EVIDENCE) {
        snapshot_evidence_path(s, making->evidence, true, path);
    } else {
        snapshot_temporary_path(s->dir, making->index, path);
    }
    io_unlink(s->io, path);
}

static void run_end(struct io_job *job)
{
    struct snapshot_making *making = container_of(job, struct snapshot_making, end_job);

    if (making->error == 0 && making->is_abandoned) {
        making->error = -ECANCELED;
    }
    if (making->error == 0 && making->judge != NULL) {
        making->error = making->judge(making);
    }
    if (making->purpose == SNAPSHOT_TO_CHECK) {
        return;
    }
    if (making->error == 0) {
        making->error = publish(making);
    }
    snapshot_writer_close(writer_of(making));
    if (making->error != 0) {
        remove_temporary(making);
    }
}

/* --- on the loop --- */

static void finish_begin(struct io_job *job)
{
    (void)job; /* The next callback reports the error. */
}

static void free_put(struct put *put)
{
    list_remove(&put->node);
    buffer_deinit(&put->content);
    free(put);
}

static void finish_put(struct io_job *job)
{
    struct put *put = container_of(job, struct put, job);
    struct snapshot_making *making = put->making;

    int error = put->error;

    making->unwritten_bytes -= put->bytes;
    making->written_bytes += put->bytes;
    free_put(put);
    if (!making->is_ending) {
        making->wrote(making, error);
    }
}

static void finish_end(struct io_job *job)
{
    struct snapshot_making *making = container_of(job, struct snapshot_making, end_job);
    struct store *s = making->store;

    s->snapshots.making = NULL;
    if (making->is_undecided) {
        /* Nobody knows whether it would have its name after a crash, nor what else is not
         * durable. */
        store_fail(s, making->error, "cannot sync the directory");
        return;
    }
    if (making->error == 0 && making->purpose == SNAPSHOT_TO_KEEP) {
        snapshots_add(&s->snapshots, &making->snapshot);
        room_note_file(s, making->snapshot.bytes); /* A part of it may have been seen already. */
    }
    if (store_is_no_room(making->error)) {
        wal_release_spares(s);
    }
    making->done(making, making->error);
}

void snapshot_begin(struct store *s, struct snapshot_making *making)
{
    CHECK(s->identity.cluster_id != 0);
    CHECK(s->snapshots.making == NULL);
    CHECK(making->index > 0);
    s->snapshots.making = making;
    making->store = s;
    making->unwritten_bytes = 0;
    making->written_bytes = 0;
    making->error = 0;
    making->is_ending = false;
    making->is_abandoned = false;
    making->is_undecided = false;
    making->snapshot = (struct store_snapshot){
        .index = making->index, .term = making->term, .time_us = making->time_us};
    making->job.run = run_begin;
    making->job.done = finish_begin;
    io_worker_submit(s->snapshots.worker, &making->job);
}

void snapshot_put(struct snapshot_making *making, const char *section, enum snapshot_flags flags,
                  struct buffer *content)
{
    struct put *put = memory_take_zeroed(1, sizeof *put);
    struct snapshots *snapshots = &making->store->snapshots;

    CHECK(!making->is_ending);
    CHECK(buffer_size(content) <= SNAPSHOT_CHUNK_MAX);
    CHECK(strlen(section) <= SNAPSHOT_SECTION_MAX);
    memcpy(put->section, section, strlen(section));
    put->making = making;
    put->flags = flags;
    put->content = *content;
    put->bytes = buffer_size(content);
    *content = (struct buffer){0};
    making->unwritten_bytes += put->bytes;
    list_append(&snapshots->puts, &put->node);
    put->job.run = run_put;
    put->job.done = finish_put;
    io_worker_submit(snapshots->worker, &put->job);
}

static void end(struct snapshot_making *making, bool is_abandoned)
{
    CHECK(!making->is_ending);
    making->is_ending = true;
    making->is_abandoned = is_abandoned;
    making->end_job.run = run_end;
    making->end_job.done = finish_end;
    io_worker_submit(making->store->snapshots.worker, &making->end_job);
}

void snapshot_finish(struct snapshot_making *making)
{
    end(making, false);
}

void snapshot_abandon(struct snapshot_making *making)
{
    end(making, true);
}

void snapshot_puts_drop(struct snapshots *snapshots)
{
    list_for_each(node, &snapshots->puts)
    {
        free_put(container_of(node, struct put, node));
    }
}
