/* wal_prepare.c - makes the next segment ahead of time, on a worker of its own: a
 * file full of zeros, really written, so that a later sync has no metadata to
 * store; or of a segment that the log does not need any more, so that nothing is written
 * twice. One is kept ready, so the log seldom waits and a full disk is noticed
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

/* Under the name of what is not complete: the next start removes it. */
static void spare_path(const struct store *s, uint64_t number, char *temporary)
{
    char path[PATH_BYTES_MAX];

    segment_paths(s->dir, number, path, temporary);
}

int wal_keep_spare(struct store *s, uint64_t number)
{
    char path[PATH_BYTES_MAX];
    char temporary[PATH_BYTES_MAX];

    segment_paths(s->dir, number, path, temporary);
    return io_rename(s->io, path, temporary);
}

/* Gives a dropped segment a new head, which no batch in it fits to. */
static int renew_head(struct store *s, struct io_file *file, const struct segment *segment)
{
    char head[SECTOR_BYTES];

    if (io_file_size(file) != (int64_t)segment->head.bytes) {
        return -EINVAL;
    }
    segment_head_encode(head, &s->identity, &segment->head);

    int rv = io_file_write(file, 0, head, sizeof head);

    return rv != 0 || MUTANT(reused_head_not_synced) ? rv : io_file_sync(file);
}

/* The segment of a dropped one: nothing but its head is written, for all its sectors were. */
static int reuse_segment(struct store *s, struct segment *segment, uint64_t number)
{
    char temporary[PATH_BYTES_MAX];
    char path[PATH_BYTES_MAX];
    struct io_file *file = NULL;

    spare_path(s, number, temporary);
    segment_path(s->dir, segment->head.number, path);

    int rv = io_file_open(s->io, temporary, 0, &file);

    if (rv != 0) {
        return rv;
    }
    segment->head.reused = number;
    rv = renew_head(s, file, segment);
    if (rv == 0) {
        rv = io_rename(s->io, temporary, path);
    }
    if (rv != 0) {
        io_file_close(file);
        io_unlink(s->io, temporary);
        segment->head.reused = 0;
        return rv;
    }
    segment->file = file;
    return 0;
}

/* Looks whether there is room, within the limit and without what is reserved. */
static int claim_room(struct store *s, struct wal_prepare *prepare)
{
    room_look(s->io, s->dir, &prepare->room);
    return !prepare->room.is_known || space_is_enough(&prepare->room.space, &prepare->claim) ||
                   MUTANT(limit_not_kept)
               ? 0
               : -ENOSPC;
}

/* A spare that is of no use is none, and one is made of zeros. */
static int prepare_segment(struct store *s, struct wal_prepare *prepare)
{
    struct segment *segment = &prepare->segment;

    if (prepare->spare == 0 || reuse_segment(s, segment, prepare->spare) != 0) {
        return make_segment(s, segment);
    }

    int rv = io_dir_sync(s->io, s->dir);

    if (rv != 0) {
        io_file_close(segment->file);
        return store_is_no_room(rv) ? -EIO : rv;
    }
    return 0;
}

static void run_prepare(struct io_job *io_job)
{
    struct wal_prepare *prepare = container_of(io_job, struct wal_prepare, job);
    struct store *s = container_of(prepare, struct store, prepare);

    prepare->error = claim_room(s, prepare);
    if (prepare->error == 0) {
        prepare->error = prepare_segment(s, prepare);
    }
}

static void run_release(struct io_job *io_job)
{
    struct wal_spares *spares = container_of(io_job, struct wal_spares, job);
    struct store *s = container_of(spares, struct store, spares);
    char temporary[PATH_BYTES_MAX];

    for (uint32_t i = 0; i < spares->released_count; i++) {
        spare_path(s, spares->released[i], temporary);
        io_unlink(s->io, temporary);
    }
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
    room_note_file(s, prepare->spare != 0 ? 0 : prepare->segment.head.bytes);
    return true;
}

/* It was not used, and is released with the others. */
static void give_spare_back(struct store *s, const struct wal_prepare *prepare)
{
    if (prepare->spare != 0 && s->spares.count < SPARES_MAX) {
        s->spares.numbers[s->spares.count++] = prepare->spare;
    }
}

static void finish_prepare(struct io_job *io_job)
{
    struct wal_prepare *prepare = container_of(io_job, struct wal_prepare, job);
    struct store *s = container_of(prepare, struct store, prepare);

    if (s->has_failed) {
        settle_prepare(s);
        return;
    }
    room_seen(s, &prepare->room);
    if (!settle_prepare(s)) {
        if (!store_is_no_room(prepare->error)) {
            store_fail(s, prepare->error, "cannot make a log segment");
            return;
        }
        give_spare_back(s, prepare);
        store_wait_for_room(s, prepare->segment.head.bytes);
        wal_submit(s); /* An entry larger than a segment has been waiting for this number. */
        return;
    }
    wal_submit(s);
    if (s->is_full && !s->job.is_blocked) {
        store_has_room_again(s);
    }
}

static void finish_release(struct io_job *io_job)
{
    struct wal_spares *spares = container_of(io_job, struct wal_spares, job);

    spares->is_in_flight = false;
}

void wal_release_spares(struct store *s)
{
    struct wal_spares *spares = &s->spares;

    if (spares->count == 0 || spares->is_in_flight) {
        return;
    }
    memcpy(spares->released, spares->numbers, sizeof spares->released);
    spares->released_count = spares->count;
    spares->count = 0;
    spares->is_in_flight = true;
    spares->job.run = run_release;
    spares->job.done = finish_release;
    io_worker_submit(s->prepare_worker, &spares->job);
}

/* Small segments, the first ones of a log, are not worth it. */
static uint64_t take_spare(struct store *s, uint64_t bytes)
{
    struct wal_spares *spares = &s->spares;

    if (spares->count == 0 || bytes < s->options.segment_bytes) {
        return 0;
    }
    return spares->numbers[--spares->count];
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
    prepare->segment.head.reused = 0;
    prepare->spare = take_spare(s, prepare->segment.head.bytes);
    room_begin_look(s, &prepare->room);
    prepare->claim = room_claim(s, prepare->spare != 0 ? 0 : prepare->segment.head.bytes);
    if (store_is_pressed(s)) {
        wal_release_spares(s);
    }
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
