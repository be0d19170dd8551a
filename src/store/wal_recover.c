/* wal_recover.c - prepares the log for writing after a start has judged it.
 *
 * The remains of a torn job are zeroed, so that they can never be taken for anything. The last
 * job is written once more, the same bytes to the same place, and synced, because what was read
 * may be only in the page cache, even marked as clean there after a failed sync. A crash may
 * interrupt this at any point; the next start then does it again. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "store/repair.h"

enum { WINDOW_BYTES = 1024 * 1024 };

/* Zeroes everything after the end of the chain; with `is_repair` also what can't be read. */
static int wipe_rest(struct io_file *file, const struct recovery_segment *segment, bool is_repair)
{
    char *data = memory_take(WINDOW_BYTES);
    int rv = 0;

    for (uint64_t at = segment->end; at < segment->head.bytes && rv == 0; at += WINDOW_BYTES) {
        uint64_t left = segment->head.bytes - at;
        uint64_t size = left < WINDOW_BYTES ? left : WINDOW_BYTES;
        uint64_t low = size;
        uint64_t high = 0;
        int64_t count = io_file_read(file, at, data, size);

        if (count < 0 && is_repair) {
            memset(data, 1, size);
            count = (int64_t)size;
        }
        rv = count < 0 ? (int)count : 0;
        for (uint64_t i = 0; rv == 0 && i < (uint64_t)count; i += SECTOR_BYTES) {
            if (!sector_is_zero(data + i)) {
                low = i < low ? i : low;
                high = i + SECTOR_BYTES;
            }
        }
        if (rv == 0 && low < high) {
            memset(data, 0, high - low);
            rv = io_file_write(file, at + low, data, high - low);
        }
    }
    free(data);
    return rv;
}

/* Writes the bytes from `from` up to `to` once more. */
static int write_again(struct io_file *file, uint64_t from, uint64_t to)
{
    char *data = memory_take(WINDOW_BYTES);
    int rv = 0;

    while (from < to && rv == 0) {
        uint64_t left = to - from;
        uint64_t size = left < WINDOW_BYTES ? left : WINDOW_BYTES;
        int64_t count = io_file_read(file, from, data, size);

        rv = count < 0 ? (int)count : 0;
        if (rv == 0) {
            rv = io_file_write(file, from, data, size);
        }
        from += size;
    }
    free(data);
    return rv;
}

/* Opens a segment from the tail on for writing, clean and synced. */
static int ready_segment(struct recovery *r, const struct recovery_segment *found,
                         struct segment *segment, struct complaint *c)
{
    struct store *s = r->store;
    char path[PATH_BYTES_MAX];
    int rv = 0;

    segment_path(s->dir, found->head.number, path);
    segment->head = found->head;
    rv = io_file_open(s->io, path, 0, &segment->file);
    if (rv == 0 && found->is_torn && !MUTANT(torn_tail_left)) {
        rv = wipe_rest(segment->file, found, r->repair_case != NULL);
    }
    if (rv == 0 && found->end > SECTOR_BYTES && !MUTANT(recovery_not_rewritten)) {
        rv = write_again(segment->file, r->job_at, found->end);
    }
    if (rv == 0 && !MUTANT(recovery_not_synced)) {
        rv = io_file_sync(segment->file);
    }
    return rv == 0 ? STORE_OK : complain(c, STORE_EIO, "cannot write %s (error %d)", path, -rv);
}

static int prepare_writing(struct recovery *r, struct complaint *c)
{
    struct store *s = r->store;
    size_t next = r->facts.segment_count == 0 ? 0 : r->tail;
    int rv = STORE_OK;

    /* The names first: later steps rely on the files that they lead to. */
    rv = io_dir_sync(s->io, s->dir);
    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot sync %s (error %d)", s->dir, -rv);
    }
    for (size_t i = 0; i < r->below_count && rv == STORE_OK; i++) {
        rv = wal_remove_segment(s, r->below[i]);
        if (rv != 0) {
            return complain(c, STORE_EIO, "cannot remove segment %" PRIu64 " in %s (error %d)",
                            r->below[i], s->dir, -rv);
        }
    }
    if (s->chain.batch > 0) {
        rv = ready_segment(r, &r->segments[next], &s->current, c);
        s->write_at = r->segments[next].end;
        next++;
    } else {
        s->current.head.number = r->facts.origin.first_segment - 1;
    }
    for (; next < r->facts.segment_count && rv == STORE_OK; next++) {
        rv = ready_segment(r, &r->segments[next], &s->ready[s->ready_count], c);
        s->ready_count += s->ready[s->ready_count].file != NULL;
    }
    return rv;
}

/* --- deciding --- */

static int judge_votes(struct recovery *r, struct store_recovered *recovered, struct complaint *c)
{
    struct store *s = r->store;

    vote_open(s->io, s->dir, &s->identity, 0, &s->vote_files, &s->vote);

    const struct recovery_row *row = recovery_decide(&r->facts, RECOVERY_VOTES);

    recovered->vote_case = row->id;
    recovered->vote_copy_lost = row->verdict == RECOVERY_MEND;
    return recovery_explain(row, &r->facts, c);
}

/* What comes after damage is given up, if other members may have it. */
static bool may_give_up(struct recovery *r, const struct recovery_row *row)
{
    if (row->verdict != RECOVERY_REPAIR || !repair_is_possible(r)) {
        return false;
    }
    r->repair_case = r->repair_case == NULL ? row->id : r->repair_case;
    return true;
}

/* Nothing of the log can be kept: no batch is whole, or nobody knows where it begins. */
static bool has_no_beginning(const struct recovery_facts *f)
{
    return f->origin_state == FILE_DAMAGED || f->end.batch == f->origin.batch ||
           f->end.batch < f->origin.dropped_batch;
}

/* A snapshot beyond the origin is judged as one that replaces the log. */
static void drop_log(struct recovery *r)
{
    r->drops_log = true;
    log_index_truncate(&r->store->index, 1);
    r->facts.last_index = r->facts.origin.entry.index;
    r->facts.commit_index = r->facts.origin.entry.index;
}

static int judge_log(struct recovery *r, struct store_recovered *recovered, struct complaint *c)
{
    struct store *s = r->store;
    int rv = recovery_observe_log(r);

    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot list %s (error %d)", s->dir, -rv);
    }

    const struct recovery_row *row = recovery_decide(&r->facts, RECOVERY_LOG);

    recovered->log_case = row->id;
    if (!may_give_up(r, row)) {
        return recovery_explain(row, &r->facts, c);
    }
    if (has_no_beginning(&r->facts)) {
        drop_log(r);
    }
    return STORE_OK;
}

static int judge_snapshots(struct recovery *r, struct store_recovered *recovered,
                           struct complaint *c)
{
    struct store *s = r->store;
    int rv = recovery_observe_snapshots(r);

    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot read %s, or the log in it (error %d)", s->dir, -rv);
    }
    r->snapshot_row = recovery_decide(&r->facts, RECOVERY_SNAPSHOTS);
    recovered->snapshot_case = r->snapshot_row->id;
    recovered->snapshot = r->facts.snapshots.newest;
    if (!may_give_up(r, r->snapshot_row)) {
        return recovery_explain(r->snapshot_row, &r->facts, c);
    }
    r->drops_log = true; /* Without the state before it, the log is of no use. */
    return STORE_OK;
}

/* Where a log begins that is given up as a whole. */
static struct store_origin new_origin(const struct recovery *r)
{
    const struct recovery_facts *f = &r->facts;
    struct store_snapshot snapshot = f->snapshots.newest;

    if (r->snapshot_row->verdict == RECOVERY_REPAIR) {
        snapshot = snapshot_newest(r->store); /* An older one, or none. */
    } else if (snapshot.index <= f->origin.entry.index) {
        return f->origin.entry;
    }
    return (struct store_origin){
        .index = snapshot.index, .term = snapshot.term, .time_us = snapshot.time_us};
}

static int repair(struct recovery *r, struct store_recovered *recovered, struct complaint *c)
{
    struct store_origin origin = new_origin(r);
    int rv = STORE_OK;

    r->mark = r->earlier;
    if (r->repair_case != NULL) {
        rv = repair_give_up(r, r->drops_log, &origin, c);
    }
    recovered->lacks_entries = r->mark.is_there;
    recovered->lost_first_index = r->mark.first_index;
    recovered->lost_last_index = r->mark.last_index;
    recovered->lost_last_term = r->mark.last_term;
    return rv;
}

/* The state in a snapshot is committed. */
static void raise_to_snapshot(struct recovery_facts *f)
{
    uint64_t index = f->snapshots.newest.index;

    f->commit_index = f->commit_index > index ? f->commit_index : index;
}

/* Drops the log in favour of the snapshot. */
static int restart_log(struct recovery *r, struct store_recovered *recovered, struct complaint *c)
{
    struct store *s = r->store;
    const struct store_snapshot *snapshot = &r->facts.snapshots.newest;
    struct store_origin origin = {
        .index = snapshot->index, .term = snapshot->term, .time_us = snapshot->time_us};
    int rv = wal_restart_log(s, &origin);

    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot write the origin of the log in %s (error %d)", s->dir,
                        -rv);
    }
    log_write(s->options.log, LOG_WARN, "a snapshot replaces the log, which did not reach it",
              "index=%" PRIu64 " log_last=%" PRIu64, snapshot->index, r->facts.last_index);
    recovered->origin = origin;
    recovered->last_index = origin.index;
    recovered->commit_index = origin.index;
    recovered->log_bytes = s->log_bytes;
    return STORE_OK;
}

static void report_lost_snapshot(const struct recovery *r)
{
    const struct recovery_snapshots *found = &r->facts.snapshots;

    if (found->bad_index != 0) {
        log_write(r->store->options.log, LOG_WARN,
                  "a snapshot is damaged, and the start goes on without it",
                  "index=%" PRIu64 " dir=" LOG_Q " advice=" LOG_Q, found->bad_index, r->store->dir,
                  "see whether the disk is failing");
    }
}

/* No crash does that to a copy, so somebody should check the disk. */
static void report_lost_copy(const struct store *s)
{
    MUTANT_DO(lost_copy_unreported, return;);
    log_write(s->options.log, LOG_WARN,
              "a copy of the vote was damaged or missing, and is made again",
              "file=" LOG_Q " dir=" LOG_Q " advice=" LOG_Q,
              vote_name(s->vote_files.found[0] == FILE_GOOD ? 1 : 0), s->dir,
              "the other copy was good, so nothing is lost; see whether the disk is failing");
}

/* Sets the state that the rest of the store continues from. */
static void take_over(const struct recovery *r, struct store_recovered *recovered)
{
    const struct recovery_facts *f = &r->facts;
    struct store *s = r->store;

    for (size_t i = 0; i < f->segment_count; i++) {
        s->log_bytes += r->segments[i].end - SECTOR_BYTES;
    }
    s->chain.job = f->max_job; /* A torn job's number is not reused. */
    s->queued_last_index = f->last_index;
    s->queued_commit_index = f->commit_index;
    s->queued_term = s->vote.current_term;
    recovered->origin = f->origin.entry;
    recovered->last_index = f->last_index;
    recovered->commit_index = f->commit_index;
    recovered->log_bytes = s->log_bytes;
    recovered->torn_bytes = f->torn_bytes;
}

int wal_recover(struct store *s, struct store_recovered *ret_recovered, struct complaint *c)
{
    struct recovery r = {
        .store = s,
        .facts = {.dir = s->dir, .votes = &s->vote_files, .vote = &s->vote},
    };
    int rv = judge_votes(&r, ret_recovered, c);

    repair_read_mark(s, &r.earlier);
    if (rv == STORE_OK) {
        rv = judge_log(&r, ret_recovered, c);
    }
    if (rv == STORE_OK) {
        rv = judge_snapshots(&r, ret_recovered, c);
    }
    if (rv == STORE_OK) {
        rv = repair(&r, ret_recovered, c);
    }
    if (rv == STORE_OK) {
        raise_to_snapshot(&r.facts);
        s->chain = r.facts.end;
        rv = prepare_writing(&r, c);
    }
    if (rv == STORE_OK) {
        take_over(&r, ret_recovered);
        report_lost_snapshot(&r);
    }
    if (rv == STORE_OK && r.snapshot_row->verdict == RECOVERY_RESTART && !r.drops_log) {
        rv = restart_log(&r, ret_recovered, c);
    }
    if (rv == STORE_OK && ret_recovered->vote_copy_lost) {
        report_lost_copy(s);
    }
    buffer_deinit(&r.members);
    free(r.segments);
    free(r.below);
    return rv;
}
