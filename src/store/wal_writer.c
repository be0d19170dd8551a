/* wal_writer.c - executes jobs on the log worker and reports what is durable.
 *
 * Usually a job is one write and one sync. The vote goes first, and is durable before the
 * entries are written. Failures are final, except a full disk while a file still has its
 * temporary name: then nothing has happened yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/store_state.h"

enum { PAGE_BYTES = 4096 };

/* --- on the worker --- */

int wal_put_vote(struct store *s, struct vote next)
{
    int rv;

    next.generation = s->vote.generation + 1;
    next.synced_batch = s->chain.batch;
    rv = vote_write(&s->vote_files, &s->identity, &next);
    if (rv == 0) {
        s->vote = next;
    }
    return rv;
}

static int run_vote(struct store *s, struct wal_job *job)
{
    struct vote vote = s->vote;

    if (!job->write_vote) {
        return 0;
    }
    vote.current_term = job->current_term;
    vote.voted_for = job->voted_for;

    int rv = wal_put_vote(s, vote);

    if (rv != 0) {
        job->failed_at = "cannot write the vote";
        return rv;
    }
    job->write_vote = false; /* In case the job is tried again. */
    return 0;
}

static struct segment *job_segment(struct store *s)
{
    return s->job.is_oversized ? &s->job.oversized : &s->current;
}

/* Encodes all batches into the buffer, with what precedes them; returns how many bytes that is,
 * and where the chain then ends. */
static uint64_t encode_batches(struct store *s, struct wal_job *job, struct chain *chain)
{
    const struct segment_head *segment = &job_segment(s)->head;
    uint64_t front = job->is_oversized ? SECTOR_BYTES : 0;
    uint64_t need = front + (job->is_large ? SECTOR_BYTES * 2 : job->bytes);
    uint64_t at = front;
    uint32_t entry = 0;
    uint64_t synced_batch = chain->batch;

    job->before = *chain;
    if (need > job->buffer_capacity) {
        free(job->buffer);
        job->buffer = memory_take_aligned(need, PAGE_BYTES);
        job->buffer_capacity = need;
    }
    if (job->is_oversized) {
        segment_head_encode(job->buffer, &s->identity, segment);
    }
    for (uint32_t i = 0; i < job->batch_count; i++) {
        const struct batch_plan *plan = &job->batches[i];
        struct batch_place place = {
            .identity = s->identity,
            .segment = segment->number,
            .salt = segment->salt,
            .offset = job->offset + at - front,
        };
        struct batch_head head = {
            .number = chain->batch + 1,
            .job = job->number,
            .synced_batch = synced_batch,
            .previous_checksum = chain->checksum,
            .vote_generation = s->vote.generation,
            .commit_index = plan->commit_index,
            .truncate_from = plan->truncate_from,
            .first_index = plan->first_index,
            .entry_count = plan->entry_count,
        };

        at += batch_encode(job->buffer + at, &head, &place,
                           entry == job->entry_count ? NULL : &job->entries[entry], job->is_large);
        CHECK(head.batch_bytes == plan->bytes);
        entry += plan->entry_count;
        chain->batch = head.number;
        chain->checksum = head.checksum;
    }
    chain->job = job->number;
    return at;
}

/* Writes the payload of a large entry directly from the entry, and the end of the file. */
static int write_body(struct io_file *file, uint64_t at, const struct entry *e)
{
    static const char zeros[SECTOR_BYTES];
    int rv = io_file_write(file, at, e->data, e->size);
    uint64_t end = at + e->size;

    if (rv == 0 && end % SECTOR_BYTES != 0) {
        rv = io_file_write(file, end, zeros, SECTOR_BYTES - end % SECTOR_BYTES);
    }
    return rv;
}

/* Writes a large entry's payload without copying it, then syncs both. */
static int write_large(struct io_file *file, struct wal_job *job, uint64_t size)
{
    int rv = io_file_write(file, job->offset, job->buffer, size);

    if (rv == 0) {
        rv = write_body(file, job->offset + size, job->entries[0]);
    }
    return rv == 0 ? io_file_sync(file) : rv;
}

static int run_batches(struct store *s, struct wal_job *job)
{
    struct chain chain = s->chain;
    uint64_t size = encode_batches(s, job, &chain);
    struct io_file *file = s->current.file;
    int rv = 0;

    if (job->is_large) {
        rv = write_large(file, job, size);
    } else {
        rv = MUTANT(log_not_synced) ? io_file_write(file, job->offset, job->buffer, size)
                                    : io_file_write_durable(file, job->offset, job->buffer, size);
    }
    MUTANT_DO(sync_failure_ignored, rv = 0);
    if (rv != 0) {
        job->failed_at = "cannot write or sync the log";
        return rv;
    }
    s->chain = chain;
    return 0;
}

/* An entry that fits into no segment gets its own, which is renamed only once it is complete. It
 * may take the name of an empty one. */
static int run_oversized(struct store *s, struct wal_job *job)
{
    struct chain chain = s->chain;
    uint64_t size = encode_batches(s, job, &chain);
    char path[PATH_BYTES_MAX];
    char temporary[PATH_BYTES_MAX];
    struct io_file *file = NULL;
    int rv = 0;

    struct room_view room;

    segment_paths(s->dir, job->oversized.head.number, path, temporary);
    job->failed_at = "cannot make a log segment";
    room_look(s->io, s->dir, &room);
    if (room.is_known && !space_is_enough(&room.space, &job->claim)) {
        return -ENOSPC;
    }
    rv = io_file_open(s->io, temporary, IO_CREATE, &file);
    if (rv != 0) {
        return rv;
    }
    rv = io_file_truncate(file, 0);
    if (rv == 0) {
        rv = io_file_write(file, 0, job->buffer, size);
    }
    if (rv == 0) {
        rv = write_body(file, size, job->entries[0]);
    }
    if (rv == 0) {
        rv = io_file_sync(file);
    }
    if (rv == 0) {
        rv = io_rename(s->io, temporary, path);
    }
    if (rv != 0) {
        io_file_close(file);
        io_unlink(s->io, temporary); /* Frees its room; if it stays behind, it does no harm. */
        return rv;
    }
    job->oversized.file = file;
    rv = io_dir_sync(s->io, s->dir);
    if (store_is_no_room(rv)) {
        rv = -EIO; /* It has been renamed already, so this must not be tried again. */
    }
    s->chain = chain;
    return rv;
}

/* The first job in a segment is acknowledged only once the vote files record that segment: files
 * can be removed, and a log that ends with the previous segment looks complete. They must not
 * record a segment that was made elsewhere, below a mount: the directory could not be used again
 * when it is back. */
static int note_segment(struct store *s, struct wal_job *job)
{
    struct vote vote = s->vote;
    int rv = 0;

    vote.last_segment = job_segment(s)->head.number;
    if (vote.last_segment == s->vote.last_segment || MUTANT(segment_not_noted)) {
        return 0;
    }
    rv = MUTANT(noted_under_mount) ? 0 : wal_find_files(s, job_segment(s));
    if (rv != 0) {
        job->failed_at = "a file is missing";
        return rv;
    }
    rv = wal_put_vote(s, vote);
    if (rv != 0) {
        job->failed_at = "cannot write the vote";
        return store_is_no_room(rv) ? -EIO : rv; /* The job is done and must not be tried again. */
    }
    return 0;
}

static void close_retired(struct wal_job *job)
{
    for (int i = 0; i < 2; i++) {
        if (job->retired[i] != NULL) {
            io_file_close(job->retired[i]);
            job->retired[i] = NULL;
        }
    }
}

static void run_job(struct io_job *io_job)
{
    struct wal_job *job = container_of(io_job, struct wal_job, job);
    struct store *s = container_of(job, struct store, job);

    job->error = MUTANT(vote_after_entries) ? 0 : run_vote(s, job);
    if (job->error == 0 && job->batch_count > 0) {
        job->error = job->is_oversized ? run_oversized(s, job) : run_batches(s, job);
        if (job->error == 0) {
            job->error = note_segment(s, job);
        }
    }
    MUTANT_DO(vote_after_entries, job->error = job->error != 0 ? job->error : run_vote(s, job));
    if (job->error == 0) {
        job->failed_at = "a file is missing";
        job->error = wal_find_files(s, job_segment(s));
    }
    if (job->error == 0) {
        close_retired(job);
    }
}

/* --- on the loop --- */

static void note_bytes(struct store *s, const struct wal_job *job)
{
    if (job->offset == SECTOR_BYTES) {
        log_segments_add(&s->segments, &(struct log_segment){
                                           .number = s->current.head.number,
                                           .first_index = job->batches[0].first_index,
                                           .batch_before = job->before.batch,
                                           .checksum_before = job->before.checksum,
                                       });
    }
    log_segments_grow(&s->segments, job->bytes);
}

/* What was written is durable, and is indexed. */
static void enter_batches(struct store *s, struct wal_job *job)
{
    uint64_t at = job->offset;

    if (job->is_oversized) {
        s->current = job->oversized;
        room_note_file(s, job->bytes);
        if (s->ready_count > 0) { /* It was used. */
            s->ready_count--;
            memmove(&s->ready[0], &s->ready[1], s->ready_count * sizeof s->ready[0]);
        }
    }
    for (uint32_t i = 0; i < job->batch_count; i++) {
        const struct batch_plan *plan = &job->batches[i];

        if (plan->truncate_from != 0) {
            log_index_truncate(&s->index, plan->truncate_from);
        }
        if (plan->entry_count > 0) {
            log_index_append(&s->index, s->current.head.number, at, plan->bytes, plan->first_index,
                             plan->entry_count);
        }
        at += plan->bytes;
    }
    if (job->batch_count > 0) {
        note_bytes(s, job);
        s->write_at = at;
        s->log_bytes += job->bytes;
        s->written_bytes += job->bytes;
    }
}

static void release_entries(struct wal_job *job)
{
    for (uint32_t i = 0; i < job->entry_count; i++) {
        entry_release(job->entries[i]);
    }
    job->entry_count = 0;
}

/* After run_job(): handles its outcome. False if it did not succeed. */
static bool settle_job(struct store *s)
{
    struct wal_job *job = &s->job;

    job->is_in_flight = false;
    if (job->error != 0) {
        job->is_blocked = job->is_oversized && store_is_no_room(job->error);
        return false;
    }
    enter_batches(s, job);
    release_entries(job);
    job->is_oversized = false;
    return true;
}

static void finish_job(struct io_job *io_job)
{
    struct wal_job *job = container_of(io_job, struct wal_job, job);
    struct store *s = container_of(job, struct store, job);
    uint64_t durable_seq = job->write_count > 0 ? job->durable_seq : 0;
    bool had_io = job->batch_count > 0;

    MUTANT_DO(durable_too_soon, durable_seq = durable_seq == 0 ? 0 : s->queued_seq);
    if (!settle_job(s)) {
        if (job->is_blocked) {
            store_wait_for_room(s, job->oversized.head.bytes);
        } else {
            store_fail(s, job->error, job->failed_at);
        }
        return;
    }
    if (s->has_failed) {
        return; /* Another failure meanwhile: nothing is acknowledged any more. */
    }
    MUTANT_DO(jobs_put_watch_off, wal_watch_start(s));
    if (had_io) {
        s->last_write_ns = io_now_ns(s->io) - job->queued_ns;
        histogram_add(&s->sync_times, io_now_ns(s->io) - job->submitted_ns, io_now_ns(s->io));
        durations_add(&s->all_sync_times, io_now_ns(s->io) - job->submitted_ns);
        s->sync_count++;
    }
    if (s->is_full && s->ready_count > 0) {
        store_has_room_again(s);
    }
    wal_prepare_start(s);
    wal_submit(s);
    if (durable_seq != 0) {
        s->options.durable(s->options.context, durable_seq); /* Last, because it may close us. */
    }
}

static void hand_to_worker(struct store *s)
{
    struct wal_job *job = &s->job;

    job->is_in_flight = true;
    job->is_blocked = false;
    job->submitted_ns = io_now_ns(s->io);
    job->job.run = run_job;
    job->job.done = finish_job;
    io_worker_submit(s->log_worker, &job->job);
}

/* For an entry with a segment of its own. */
static void claim_room(struct store *s, struct wal_job *job)
{
    job->claim = room_claim(s, job->oversized.head.bytes);
}

/* Plans the next job; false if there is none to do now. */
static bool next_job(struct store *s)
{
    struct wal_job *job = &s->job;

    if (s->queue.write_head == s->queue.write_end || !wal_plan(s)) {
        return false;
    }
    if (job->batch_count > 0) {
        job->number = s->chain.job + 1;
    }
    if (job->is_oversized) {
        claim_room(s, job);
        CHECK(job->retired[0] == NULL);
        job->retired[0] = s->current.file;
        job->retired[1] = s->ready_count > 0 ? s->ready[0].file : NULL;
    }
    return true;
}

void wal_submit(struct store *s)
{
    if (s->job.is_in_flight || s->job.is_blocked || s->has_failed || s->is_closing) {
        return;
    }

    bool has_job = next_job(s);

    wal_prepare_start(s);
    if (has_job) {
        hand_to_worker(s);
    }
}

void wal_retry(struct store *s)
{
    if (s->job.is_blocked) {
        claim_room(s, &s->job);
        hand_to_worker(s);
    } else {
        wal_prepare_start(s);
    }
}

/* Something was removed. */
void wal_retry_now(struct store *s)
{
    if (s->is_waiting) {
        io_timer_stop(s->io, &s->room_timer);
        s->is_waiting = false;
        wal_retry(s);
    }
}

/* --- the end --- */

void wal_finish(struct store *s)
{
    bool is_sound = !s->has_failed;

    if (s->job.is_in_flight) {
        is_sound = settle_job(s) && is_sound;
    }
    while (is_sound && !s->job.is_blocked && next_job(s)) {
        run_job(&s->job.job);
        is_sound = settle_job(s);
    }
    if (is_sound && s->vote.synced_batch != s->chain.batch) {
        /* From now on a log that ends earlier is known to be damaged. */
        wal_put_vote(s, s->vote);
    }
}

void wal_close_files(struct store *s)
{
    struct wal_job *job = &s->job;

    if (job->retired[0] == s->current.file) {
        job->retired[0] = NULL; /* Not yet, because its job was not executed. */
    }
    job->retired[1] = NULL;
    close_retired(job);
    if (job->is_oversized && job->oversized.file != NULL) {
        io_file_close(job->oversized.file);
    }
    if (s->current.file != NULL) {
        io_file_close(s->current.file);
        s->current.file = NULL;
    }
    for (uint32_t i = 0; i < s->ready_count; i++) {
        io_file_close(s->ready[i].file);
    }
    s->ready_count = 0;
}

void wal_job_deinit(struct wal_job *job)
{
    release_entries(job);
    free(job->batches);
    free(job->entries);
    free(job->buffer);
}
