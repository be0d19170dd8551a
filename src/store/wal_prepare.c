/* wal_prepare.c - makes the next segment ahead of time, on a worker of its own: a
 * file full of zeros, really written, so that a later sync has no metadata to
 * store. One is kept ready, so the log seldom waits and a full disk is noticed
 * while there still is room in the last segment. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/store_state.h"

enum {
    PAGE_BYTES = 4096,
    /* Written and synced at once, bypassing the page cache. Larger pieces delay the log's own
     * syncs meanwhile (8 MB: 2 ms), smaller ones can't keep up with a log in full stream (256
     * KB: 60 MB/s). */
    ZEROS_BYTES = 2 * 1024 * 1024,
};

uint64_t segment_bytes_of(const struct store *s, uint64_t number)
{
    uint64_t bytes = FIRST_SEGMENT_BYTES;

    for (uint64_t i = 1; i < number && bytes < s->options.segment_bytes; i++) {
        bytes *= 4;
    }
    return bytes < s->options.segment_bytes ? bytes : s->options.segment_bytes;
}

/* --- on the worker --- */

static int fill_segment(struct io_file *file, const char *head, uint64_t bytes)
{
    uint64_t chunk = bytes < ZEROS_BYTES ? bytes : ZEROS_BYTES;
    char *zeros = memory_take_aligned(chunk, PAGE_BYTES);
    int rv = 0;

    memset(zeros, 0, chunk);
    for (uint64_t at = 0; at < bytes && rv == 0; at += chunk) {
        uint64_t size = bytes - at < chunk ? bytes - at : chunk;

        rv = io_file_write_durable(file, at, zeros, size);
    }
    free(zeros);
    if (rv == 0) {
        rv = io_file_write(file, 0, head, SECTOR_BYTES);
    }
    return rv != 0 ? rv : io_file_sync(file);
}

static int make_segment(struct store *s, struct segment *segment)
{
    char path[PATH_BYTES_MAX];
    char temporary[PATH_BYTES_MAX];
    char head[SECTOR_BYTES];
    struct io_file *file = NULL;

    segment_paths(s->dir, segment->head.number, path, temporary);
    segment_head_encode(head, &s->identity, &segment->head);

    int rv = io_file_open(s->io, temporary, IO_CREATE, &file);

    if (rv != 0) {
        return rv;
    }
    rv = io_file_truncate(file, 0);
    if (rv == 0) {
        rv = fill_segment(file, head, segment->head.bytes);
    }
    if (rv == 0) {
        rv = io_rename(s->io, temporary, path);
    }
    if (rv != 0) {
        io_file_close(file);
        io_unlink(s->io, temporary); /* Frees its room; if it stays behind, it does no harm. */
        return rv;
    }
    rv = MUTANT(segment_name_not_synced) ? 0 : io_dir_sync(s->io, s->dir);
    if (rv != 0) {
        io_file_close(file);
        return store_is_no_room(rv) ? -EIO : rv;
    }
    segment->file = file;
    return 0;
}

static void run_prepare(struct io_job *io_job)
{
    struct wal_prepare *prepare = container_of(io_job, struct wal_prepare, job);
    struct store *s = container_of(prepare, struct store, prepare);

    prepare->error = make_segment(s, &prepare->segment);
}

/* --- on the loop --- */

static bool settle_prepare(struct store *s)
{
    struct wal_prepare *prepare = &s->prepare;

    prepare->is_in_flight = false;
    if (prepare->error != 0) {
        return false;
    }
    CHECK(s->ready_count < READY_MAX);
    s->ready[s->ready_count++] = prepare->segment;
    return true;
}

static void finish_prepare(struct io_job *io_job)
{
    struct wal_prepare *prepare = container_of(io_job, struct wal_prepare, job);
    struct store *s = container_of(prepare, struct store, prepare);

    if (s->has_failed) {
        settle_prepare(s);
        return;
    }
    if (!settle_prepare(s)) {
        if (!store_is_no_room(prepare->error)) {
            store_fail(s, prepare->error, "cannot make a log segment");
            return;
        }
        store_wait_for_room(s, prepare->segment.head.bytes);
        wal_submit(s); /* An entry larger than a segment has been waiting for this number. */
        return;
    }
    wal_submit(s);
    if (s->is_full && !s->job.is_blocked) {
        store_has_room_again(s);
    }
}

void wal_prepare_start(struct store *s)
{
    struct wal_prepare *prepare = &s->prepare;
    /* One with the next number is under way or waiting for room. */
    bool is_making_oversized = s->job.is_oversized && (s->job.is_in_flight || s->job.is_blocked);

    if (prepare->is_in_flight || s->ready_count > 0 || is_making_oversized || s->is_waiting ||
        s->has_failed || s->is_closing || s->identity.cluster_id == 0) {
        return;
    }
    prepare->is_in_flight = true;
    prepare->segment.file = NULL;
    prepare->segment.head.number = s->current.head.number + 1;
    prepare->segment.head.bytes = segment_bytes_of(s, prepare->segment.head.number);
    io_random(s->io, &prepare->segment.head.salt, sizeof prepare->segment.head.salt);
    prepare->job.run = run_prepare;
    prepare->job.done = finish_prepare;
    io_worker_submit(s->prepare_worker, &prepare->job);
}

void wal_prepare_finish(struct store *s)
{
    if (s->prepare.is_in_flight) {
        settle_prepare(s);
    }
}
