/* wal_plan.c - the queue of writes, and how it is divided into jobs and batches.
 *
 * Invariants: order is kept; a truncation begins a batch; a job stays within one segment; a vote
 * reaches the disk before the entries of its own and later writes (it may overtake entries
 * queued before it, which nobody was promised). */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/store_state.h"

/* --- the queue --- */

static void queue_make_room(struct wal_queue *q, uint32_t entry_count)
{
    if (q->write_head == q->write_end) {
        q->write_head = 0;
        q->write_end = 0;
    }
    if (q->write_end == q->write_capacity) {
        size_t used = q->write_end - q->write_head;

        if (used * 2 > q->write_capacity || q->write_capacity == 0) {
            q->write_capacity = q->write_capacity == 0 ? 64 : q->write_capacity * 2;
            q->writes = memory_resize(q->writes, q->write_capacity * sizeof *q->writes);
        }
        memmove(q->writes, q->writes + q->write_head, used * sizeof *q->writes);
        q->write_head = 0;
        q->write_end = used;
    }
    if (q->entry_head == q->entry_end) {
        q->entry_head = 0;
        q->entry_end = 0;
    }
    if (entry_count > q->entry_capacity - q->entry_end) {
        size_t used = q->entry_end - q->entry_head;

        if ((used + entry_count) * 2 > q->entry_capacity) {
            q->entry_capacity = (used + entry_count) * 2 + 64;
            q->entries = memory_resize(q->entries, q->entry_capacity * sizeof *q->entries);
        }
        memmove(q->entries, q->entries + q->entry_head, used * sizeof *q->entries);
        q->entry_head = 0;
        q->entry_end = used;
    }
}

/* What callers of store_write() promise. */
static void check_write(const struct store *s, const struct store_write *w)
{
    uint64_t last_index = s->queued_last_index;
    uint64_t term = w->write_vote ? w->current_term : s->queued_term;

    CHECK(s->identity.cluster_id != 0);
    CHECK(w->seq > s->queued_seq);
    CHECK(term >= s->queued_term);
    if (w->truncate_from != 0) {
        CHECK(w->truncate_from <= last_index + 1);
        CHECK(w->truncate_from > s->queued_commit_index);
        last_index = w->truncate_from - 1;
    }
    for (uint32_t i = 0; i < w->entry_count; i++) {
        CHECK(w->entries[i]->index == last_index + 1);
        CHECK(w->entries[i]->term <= term);
        last_index++;
    }
    CHECK(w->commit_index <= last_index);
}

void wal_queue_push(struct store *s, const struct store_write *w)
{
    struct wal_queue *q = &s->queue;

    check_write(s, w);
    queue_make_room(q, w->entry_count);
    q->writes[q->write_end++] = (struct pending_write){
        .seq = w->seq,
        .write_vote = w->write_vote,
        .current_term = w->current_term,
        .voted_for = w->voted_for,
        .truncate_from = w->truncate_from,
        .commit_index = w->commit_index,
        .entries_left = w->entry_count,
        .queued_ns = io_now_ns(s->io),
    };
    s->queued_seq = w->seq;
    if (w->commit_index > s->queued_commit_index) {
        s->queued_commit_index = w->commit_index;
    }
    if (w->write_vote) {
        s->queued_term = w->current_term;
    }
    if (w->truncate_from != 0) {
        s->queued_last_index = w->truncate_from - 1;
    }
    for (uint32_t i = 0; i < w->entry_count; i++) {
        q->entries[q->entry_end++] = entry_hold(w->entries[i]);
        q->bytes += record_bytes(w->entries[i]->size) + BATCH_IDENTITY_BYTES;
    }
    s->queued_last_index += w->entry_count;
}

void wal_queue_deinit(struct wal_queue *q)
{
    for (size_t i = q->entry_head; i < q->entry_end; i++) {
        entry_release(q->entries[i]);
    }
    free(q->entries);
    free(q->writes);
    *q = (struct wal_queue){0};
}

/* --- placing --- */

static void rotate(struct store *s)
{
    struct wal_job *job = &s->job;

    CHECK(s->ready_count > 0);
    CHECK(job->retired[0] == NULL);
    job->retired[0] = s->current.file;
    s->current = s->ready[0];
    s->ready_count--;
    memmove(&s->ready[0], &s->ready[1], s->ready_count * sizeof s->ready[0]);
    s->write_at = SECTOR_BYTES;
}

/* Chooses the segment for a job whose first batch takes at least `bytes`. False: it must wait
 * for one that is still being made. */
static bool place_job(struct store *s, uint64_t bytes)
{
    struct wal_job *job = &s->job;
    uint64_t next_number = s->current.head.number + 1;

    if (bytes > s->current.head.bytes - s->write_at) {
        if (s->ready_count > 0 && bytes <= s->ready[0].head.bytes - SECTOR_BYTES) {
            rotate(s);
        } else if (s->ready_count > 0 || bytes > segment_bytes_of(s, next_number) - SECTOR_BYTES) {
            /* It fits into no ordinary segment. While a segment with the next number is being
             * made, that number is taken. */
            if (s->ready_count == 0 && s->prepare.is_in_flight) {
                return false;
            }
            job->is_oversized = true;
            job->oversized.file = NULL;
            job->oversized.head.number = next_number;
            job->oversized.head.bytes = SECTOR_BYTES + bytes;
            io_random(s->io, &job->oversized.head.salt, sizeof job->oversized.head.salt);
            job->offset = SECTOR_BYTES;
            job->limit = job->oversized.head.bytes;
            return true;
        } else {
            return false;
        }
    }
    job->offset = s->write_at;
    job->limit = s->current.head.bytes;
    if (job->limit - job->offset > JOB_BYTES_MAX && bytes <= JOB_BYTES_MAX) {
        job->limit = job->offset + JOB_BYTES_MAX;
    }
    return true;
}

/* --- batches --- */

static uint64_t batch_plan_bytes(uint32_t entry_count, uint64_t records)
{
    return batch_head_bytes(entry_count) + sectors_round_up(records);
}

/* Begins a batch that will take at least `bytes`. */
static bool begin_batch(struct store *s, uint64_t bytes, uint64_t first_index)
{
    struct wal_job *job = &s->job;

    if (job->batch_count == 0) {
        if (!place_job(s, bytes)) {
            return false;
        }
    } else if (job->is_large || bytes > job->limit - job->offset - job->bytes) {
        return false;
    }
    if (job->batch_count == job->batch_capacity) {
        job->batch_capacity = job->batch_capacity == 0 ? 16 : job->batch_capacity * 2;
        job->batches = memory_resize(job->batches, job->batch_capacity * sizeof *job->batches);
    }
    job->batches[job->batch_count++] = (struct batch_plan){
        .first_index = first_index,
        .bytes = batch_head_bytes(0),
    };
    job->bytes += batch_head_bytes(0);
    return true;
}

static void take_entry(struct store *s, struct batch_plan *batch, struct entry *e)
{
    struct wal_job *job = &s->job;
    uint64_t bytes = 0;

    if (job->entry_count == job->entry_capacity) {
        job->entry_capacity = job->entry_capacity == 0 ? 256 : job->entry_capacity * 2;
        job->entries = memory_resize(job->entries, job->entry_capacity * sizeof(struct entry *));
    }
    job->entries[job->entry_count++] = e;
    batch->entry_count++;
    batch->record_bytes += record_bytes(e->size);
    bytes = batch_plan_bytes(batch->entry_count, batch->record_bytes);
    job->bytes += bytes - batch->bytes;
    batch->bytes = bytes;
    s->queue.entry_head++;
    s->queue.bytes -= record_bytes(e->size) + BATCH_IDENTITY_BYTES;
}

/* Puts the next entry of the queue into the last batch, or into a new one. */
static bool plan_entry(struct store *s, struct entry *e)
{
    struct wal_job *job = &s->job;

    if (job->batch_count > 0) {
        struct batch_plan *batch = &job->batches[job->batch_count - 1];
        uint64_t bytes =
            batch_plan_bytes(batch->entry_count + 1, batch->record_bytes + record_bytes(e->size));

        if (job->is_large || e->size >= LARGE_BYTES) {
            return false;
        }
        if (batch->entry_count < BATCH_ENTRIES_MAX &&
            bytes - batch->bytes <= job->limit - job->offset - job->bytes) {
            take_entry(s, batch, e);
            return true;
        }
    }
    if (!begin_batch(s, batch_bytes_of_one(e->size), e->index)) {
        return false;
    }
    job->is_large = e->size >= LARGE_BYTES || job->is_oversized;
    take_entry(s, &job->batches[job->batch_count - 1], e);
    return true;
}

/* Takes what fits of one write. True: all of it. */
static bool plan_write(struct store *s, struct pending_write *w)
{
    struct wal_job *job = &s->job;

    if (w->truncate_from != 0) {
        if (!begin_batch(s, batch_head_bytes(0), w->truncate_from)) {
            return false;
        }
        job->batches[job->batch_count - 1].truncate_from = w->truncate_from;
        w->truncate_from = 0;
    }
    while (w->entries_left > 0) {
        if (!plan_entry(s, s->queue.entries[s->queue.entry_head])) {
            break;
        }
        w->entries_left--;
    }
    if (job->batch_count > 0) {
        struct batch_plan *batch = &job->batches[job->batch_count - 1];
        uint64_t last_index = batch->first_index + batch->entry_count - 1;
        uint64_t hint = w->commit_index < last_index ? w->commit_index : last_index;

        MUTANT_DO(commit_hint_too_high, hint = last_index);

        /* A hint never points beyond the end of the log up to here. */
        batch->commit_index = hint > batch->commit_index ? hint : batch->commit_index;
    }
    return w->entries_left == 0;
}

bool wal_plan(struct store *s)
{
    struct wal_queue *q = &s->queue;
    struct wal_job *job = &s->job;

    CHECK(!job->is_in_flight);
    CHECK(job->entry_count == 0);
    job->write_vote = false;
    job->batch_count = 0;
    job->bytes = 0;
    job->is_large = false;
    job->is_oversized = false;
    job->write_count = 0;
    while (q->write_head < q->write_end) {
        struct pending_write *w = &q->writes[q->write_head];

        if (job->write_count == 0) {
            job->queued_ns = w->queued_ns;
        }
        if (w->write_vote) {
            job->write_vote = true;
            job->current_term = w->current_term;
            job->voted_for = w->voted_for;
            w->write_vote = false;
        }
        if (!plan_write(s, w)) {
            break;
        }
        job->write_count++;
        job->durable_seq = w->seq;
        q->write_head++;
    }
    return job->write_vote || job->batch_count > 0 || job->write_count > 0;
}
