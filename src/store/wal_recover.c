/* wal_recover.c - finds what the log holds, after whatever end the last run had.
 *
 * First it only reads. From segment 1 on it follows the chain of batches: each must
 * be whole, belong to its place and name the one before. Where the chain ends,
 * there is the tail, or damage. The tail is what one unsynced job left: of its
 * sectors any may be missing, and nothing of it was acknowledged. It is damage if
 * anything still readable, a later batch or the vote, says that more than the chain
 * was durable once: then the node refuses to start.
 *
 * Only then it writes: what the torn job left is zeroed, so that it can never be
 * taken for anything; and the last job is written once more, the same bytes to the
 * same place, and synced, because what was read may stand in the system's cache
 * alone, even marked there as clean after a sync that failed. All this may be cut
 * short by the next crash at any point and begins anew then. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/log_reader.h"
#include "store/store_state.h"

enum { RECOVER_WINDOW_BYTES = 1024 * 1024 };

struct recover_segment {
    struct segment_head head;
    uint64_t end; /* Behind the last good batch; a sector in where there is none. */
    bool is_torn; /* Something stands behind it. */
};

struct recovery {
    struct store *store;
    struct complaint *complaint;
    struct recover_segment *segments;
    size_t count;
    size_t tail;      /* The segment with the last good batch. */
    uint64_t job_at;  /* Where in it the batches of the last good job begin. */
    uint64_t max_job; /* Of anything that bears a job's number. */
    uint64_t torn_bytes;
    uint64_t commit_index;
    uint64_t vote_generation; /* The highest that a batch names. */
    /* Where the chain broke upon a head that belonged to it; for the complaint. */
    struct batch_head broken;
    bool has_broken;
};

/* --- following the chain --- */

/* Whether a batch is what must come next. */
static bool is_next(const struct recovery *r, const struct batch_head *head)
{
    const struct chain *chain = &r->store->chain;

    if (MUTANT(batch_chain_ignored)) {
        return true;
    }
    return head->number == chain->batch + 1 && head->previous_checksum == chain->checksum &&
           head->job >= chain->job && head->synced_batch <= chain->batch;
}

/* Whether all entries of a batch are good. */
static bool has_good_entries(struct log_reader *reader, uint64_t offset,
                             const struct batch_head *head)
{
    const char *data = log_reader_view(reader, offset, head->batch_bytes);

    for (uint32_t i = 0; data != NULL && i < head->entry_count; i++) {
        struct entry_identity id;

        batch_identity_at(data, head, i, &id);
        if (batch_payload(data, head, &reader->place, &id).data == NULL) {
            return false;
        }
    }
    return data != NULL;
}

/* A good batch changes what the log is. Its sense is checked too: what makes none
 * was never written. */
static int accept_batch(struct recovery *r, uint64_t segment, uint64_t offset,
                        const struct batch_head *head)
{
    struct store *s = r->store;
    uint64_t last_index = log_index_last(&s->index);

    if (head->truncate_from != 0) {
        if (head->truncate_from > last_index + 1 || head->truncate_from <= r->commit_index) {
            return complain(r->complaint, STORE_EDAMAGED,
                            "batch %" PRIu64 " of the log in %s drops entries from %" PRIu64
                            " on, where committed ones stand; " RESTORE_ADVICE,
                            head->number, s->dir, head->truncate_from);
        }
        log_index_truncate(&s->index, head->truncate_from);
        last_index = head->truncate_from - 1;
    }
    if (head->first_index != last_index + 1 ||
        head->commit_index > last_index + head->entry_count) {
        return complain(r->complaint, STORE_EDAMAGED,
                        "batch %" PRIu64 " of the log in %s does not follow entry %" PRIu64
                        ": entries are missing; " RESTORE_ADVICE,
                        head->number, s->dir, last_index);
    }
    if (head->entry_count > 0) {
        log_index_append(&s->index, segment, offset, head->batch_bytes, head->first_index,
                         head->entry_count);
    }
    if (head->commit_index > r->commit_index) {
        r->commit_index = head->commit_index;
    }
    if (head->vote_generation > r->vote_generation) {
        r->vote_generation = head->vote_generation;
    }
    s->chain.batch = head->number;
    s->chain.checksum = head->checksum;
    s->chain.job = head->job;
    return STORE_OK;
}

static int complain_unreadable(struct recovery *r, const struct recover_segment *segment, int error)
{
    return complain(r->complaint, STORE_EIO,
                    "cannot read segment %" PRIu64 " of the log in %s (error %d)",
                    segment->head.number, r->store->dir, -error);
}

/* Follows the chain through one segment as far as it goes. */
static int follow_segment(struct recovery *r, struct log_reader *reader,
                          struct recover_segment *segment)
{
    struct batch_head head;
    uint64_t job = 0; /* A job stays within one segment. */

    while (log_reader_head(reader, segment->end, &head) != NULL && is_next(r, &head)) {
        if (!has_good_entries(reader, segment->end, &head)) {
            r->broken = head;
            r->has_broken = true;
            break;
        }

        int rv = accept_batch(r, segment->head.number, segment->end, &head);

        if (rv != STORE_OK) {
            return rv;
        }
        if (head.job != job) {
            job = head.job;
            r->job_at = segment->end;
        }
        segment->end += head.batch_bytes;
        r->tail = (size_t)(segment - r->segments);
    }
    return reader->error != 0 ? complain_unreadable(r, segment, reader->error) : STORE_OK;
}

/* --- behind the chain --- */

static int complain_damaged(struct recovery *r, const char *evidence)
{
    static const struct recover_segment none;
    const struct recover_segment *tail = r->count == 0 ? &none : &r->segments[r->tail];
    char range[64];

    if (r->has_broken && r->broken.entry_count > 0) {
        snprintf(range, sizeof range, "%" PRIu64 " to %" PRIu64, r->broken.first_index,
                 r->broken.first_index + r->broken.entry_count - 1);
    } else {
        snprintf(range, sizeof range, "from %" PRIu64 " on", log_index_last(&r->store->index) + 1);
    }
    return complain(r->complaint, STORE_EDAMAGED,
                    "the log in %s is damaged at byte %" PRIu64 " of segment %" PRIu64
                    " (log-%016" PRIx64 ".seg): entries %s cannot be read, and %s that they had "
                    "been stored; " RESTORE_ADVICE,
                    r->store->dir, tail->end, tail->head.number, tail->head.number, range,
                    evidence);
}

static bool is_zero(const char *sector)
{
    return sector[0] == 0 && memcmp(sector, sector + 1, SECTOR_BYTES - 1) == 0;
}

/* A good head, wherever it stands: only we can have written one, for the salt of its own
 * segment is in its checksum. In another place than its own it is astray: the disk has put
 * a write there, maybe over older batches, and then nothing else may tell of those. */
static bool read_head(const struct recovery *r, struct log_reader *reader, uint64_t at,
                      struct batch_head *ret_head, bool *ret_is_astray)
{
    const char *data = log_reader_view(reader, at, SECTOR_BYTES);
    uint64_t head_bytes = data == NULL ? 0 : batch_head_expect(data);
    struct batch_place place = {.identity = r->store->identity};

    *ret_is_astray = false;
    data = head_bytes == 0 ? NULL : log_reader_view(reader, at, head_bytes);
    if (data == NULL) {
        return false;
    }
    batch_head_claims(data, &place.segment, &place.offset);
    if (place.segment == reader->place.segment && place.offset == at) {
        return log_reader_head(reader, at, ret_head) != NULL;
    }
    if (place.segment == 0 || place.segment > r->count || MUTANT(astray_batch_ignored)) {
        return false;
    }
    *ret_is_astray = true;
    place.salt = r->segments[place.segment - 1].head.salt;
    return batch_head_decode(data, &place, ret_head);
}

/* Looks at everything behind the end of the chain in one segment. */
static int inspect_rest(struct recovery *r, struct log_reader *reader,
                        struct recover_segment *segment)
{
    for (uint64_t at = segment->end; at < segment->head.bytes; at += SECTOR_BYTES) {
        const char *sector = log_reader_view(reader, at, SECTOR_BYTES);
        struct batch_head head;
        bool is_astray;

        if (sector == NULL) {
            return complain_unreadable(r, segment, reader->error);
        }
        if (is_zero(sector)) {
            continue;
        }
        segment->is_torn = true;
        r->torn_bytes += SECTOR_BYTES;
        if (!read_head(r, reader, at, &head, &is_astray)) {
            continue;
        }
        if (head.job > r->max_job) {
            r->max_job = head.job;
        }
        if (head.synced_batch > r->store->chain.batch && !MUTANT(damage_taken_for_torn)) {
            return complain_damaged(r, "a later part of the log shows");
        }
        /* It is missing in its own place; that is no crash, and it may have been acknowledged. */
        if (is_astray && head.number > r->store->chain.batch) {
            return complain_damaged(r, "a part of it that stands in a wrong place shows");
        }
    }
    return STORE_OK;
}

static int open_reader(struct recovery *r, size_t i, uint64_t number, struct log_reader *reader)
{
    struct store *s = r->store;
    int rv = log_reader_open(reader, s->io, s->dir, &s->identity, number, RECOVER_WINDOW_BYTES,
                             r->complaint);

    if (rv == STORE_OK) {
        r->segments[i].head = (struct segment_head){
            .number = number, .bytes = reader->file_bytes, .salt = reader->place.salt};
    }
    return rv;
}

/* Everything that only reads. */
static int examine(struct recovery *r)
{
    struct store *s = r->store;
    struct log_reader reader;
    int rv = STORE_OK;

    for (size_t i = 0; i < r->count && rv == STORE_OK; i++) {
        rv = open_reader(r, i, r->segments[i].head.number, &reader);
        if (rv == STORE_OK) {
            r->segments[i].end = SECTOR_BYTES;
            rv = follow_segment(r, &reader, &r->segments[i]);
            log_reader_close(&reader);
        }
    }
    r->max_job = s->chain.job;
    for (size_t i = r->tail; i < r->count && rv == STORE_OK; i++) {
        rv = open_reader(r, i, r->segments[i].head.number, &reader);
        if (rv == STORE_OK) {
            rv = inspect_rest(r, &reader, &r->segments[i]);
            log_reader_close(&reader);
        }
    }
    if (rv != STORE_OK) {
        return rv;
    }
    if (s->vote.synced_batch > s->chain.batch && !MUTANT(damage_taken_for_torn)) {
        return complain_damaged(r, "the vote file shows");
    }
    if (s->vote.generation < r->vote_generation && !MUTANT(old_vote_accepted)) {
        return complain(
            r->complaint, STORE_EDAMAGED,
            "the vote files in %s are older than the log: a vote was lost; " RESTORE_ADVICE,
            s->dir);
    }
    return STORE_OK;
}

/* --- putting it right --- */

/* Zeroes what stands behind the end of the chain. */
static int wipe_rest(struct io_file *file, const struct recover_segment *segment)
{
    char *data = memory_take(RECOVER_WINDOW_BYTES);
    int rv = 0;

    for (uint64_t at = segment->end; at < segment->head.bytes && rv == 0;
         at += RECOVER_WINDOW_BYTES) {
        uint64_t left = segment->head.bytes - at;
        uint64_t size = left < RECOVER_WINDOW_BYTES ? left : RECOVER_WINDOW_BYTES;
        uint64_t low = size;
        uint64_t high = 0;
        int64_t count = io_file_read(file, at, data, size);

        rv = count < 0 ? (int)count : 0;
        for (uint64_t i = 0; rv == 0 && i < (uint64_t)count; i += SECTOR_BYTES) {
            if (!is_zero(data + i)) {
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

/* Writes what stands at `from` up to `to` once more. */
static int write_again(struct io_file *file, uint64_t from, uint64_t to)
{
    char *data = memory_take(RECOVER_WINDOW_BYTES);
    int rv = 0;

    while (from < to && rv == 0) {
        uint64_t left = to - from;
        uint64_t size = left < RECOVER_WINDOW_BYTES ? left : RECOVER_WINDOW_BYTES;
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
static int ready_segment(struct recovery *r, const struct recover_segment *found,
                         struct segment *segment)
{
    struct store *s = r->store;
    char path[PATH_BYTES_MAX];
    int rv = 0;

    segment_path(s->dir, found->head.number, path);
    segment->head = found->head;
    rv = io_file_open(s->io, path, 0, &segment->file);
    if (rv == 0 && found->is_torn && !MUTANT(torn_tail_left)) {
        rv = wipe_rest(segment->file, found);
    }
    if (rv == 0 && found->end > SECTOR_BYTES && !MUTANT(recovery_not_rewritten)) {
        rv = write_again(segment->file, r->job_at, found->end);
    }
    if (rv == 0 && !MUTANT(recovery_not_synced)) {
        rv = io_file_sync(segment->file);
    }
    return rv == 0 ? STORE_OK
                   : complain(r->complaint, STORE_EIO, "cannot write %s (error %d)", path, -rv);
}

static int prepare_writing(struct recovery *r)
{
    struct store *s = r->store;
    size_t next = r->tail;
    int rv = STORE_OK;

    if (r->count - next > READY_MAX) {
        return complain(r->complaint, STORE_EDAMAGED,
                        "%s holds %zu log segments from the end of the log on; " RESTORE_ADVICE,
                        s->dir, r->count - next);
    }
    /* The names first: later steps rely on what they led to. */
    rv = io_dir_sync(s->io, s->dir);
    if (rv != 0) {
        return complain(r->complaint, STORE_EIO, "cannot sync %s (error %d)", s->dir, -rv);
    }
    if (s->chain.batch > 0) {
        rv = ready_segment(r, &r->segments[next], &s->current);
        s->write_at = r->segments[next].end;
        next++;
    }
    for (; next < r->count && rv == STORE_OK; next++) {
        rv = ready_segment(r, &r->segments[next], &s->ready[s->ready_count]);
        s->ready_count += s->ready[s->ready_count].file != NULL;
    }
    return rv;
}

/* --- the segments there are --- */

static void note_name(void *context, const char *name)
{
    struct recovery *r = context;
    uint64_t number = segment_number_of(name);

    if (number != 0) {
        r->segments = memory_resize(r->segments, (r->count + 1) * sizeof *r->segments);
        r->segments[r->count++] = (struct recover_segment){.head.number = number};
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = ((const struct recover_segment *)a)->head.number;
    uint64_t right = ((const struct recover_segment *)b)->head.number;

    return left < right ? -1 : left > right;
}

static int complain_missing(struct recovery *r, uint64_t number)
{
    char name[NAME_BYTES_MAX];

    segment_name(name, number);
    return complain(r->complaint, STORE_EDAMAGED,
                    "segment %" PRIu64 " of the log (%s) is missing in %s, with entries that this "
                    "node has promised to keep; " RESTORE_ADVICE,
                    number, name, r->store->dir);
}

static int find_segments(struct recovery *r)
{
    struct store *s = r->store;
    int rv = io_dir_list(s->io, s->dir, note_name, r);

    if (rv != 0) {
        return complain(r->complaint, STORE_EIO, "cannot list %s (error %d)", s->dir, -rv);
    }
    if (r->count > 0) {
        qsort(r->segments, r->count, sizeof *r->segments, by_number);
    }
    for (size_t i = 0; i < r->count; i++) {
        if (r->segments[i].head.number != i + 1) {
            return complain_missing(r, i + 1);
        }
    }
    return r->count < s->vote.last_segment && !MUTANT(damage_taken_for_torn)
               ? complain_missing(r, r->count + 1)
               : STORE_OK;
}

int wal_recover(struct store *s, struct store_recovered *ret_recovered, struct complaint *c)
{
    struct recovery r = {.store = s, .complaint = c};
    int rv = find_segments(&r);

    if (rv == STORE_OK) {
        rv = examine(&r);
    }
    if (rv == STORE_OK) {
        rv = prepare_writing(&r);
    }
    if (rv == STORE_OK) {
        for (size_t i = 0; i < r.count; i++) {
            s->log_bytes += r.segments[i].end - SECTOR_BYTES;
        }
        s->chain.job = r.max_job;
        s->queued_last_index = log_index_last(&s->index);
        s->queued_commit_index = r.commit_index;
        s->queued_term = s->vote.current_term;
        ret_recovered->last_index = s->queued_last_index;
        ret_recovered->commit_index = r.commit_index;
        ret_recovered->log_bytes = s->log_bytes;
        ret_recovered->torn_bytes = r.torn_bytes;
    }
    free(r.segments);
    return rv;
}
