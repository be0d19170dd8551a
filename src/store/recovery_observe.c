/* recovery_observe.c - reads the log as a start finds it, and writes nothing.
 *
 * From the first segment on it follows the chain of batches: each has its place and names the
 * previous one. While all are complete, they are the log. After the first one that is not, only
 * the heads are followed, because they show which entries existed. Then everything after the end
 * of the complete chain is read, for references to missing batches. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "store/log_reader.h"
#include "store/recovery.h"

enum {
    WINDOW_BYTES = 256 * 1024, /* So much stays in the cache of a processor. */
    CONFIGURATION_KIND = 3,    /* docs/DISK_FORMAT.md, "Batch". */
};

/* --- the segments there are --- */

static void note_below(struct recovery *r, uint64_t number)
{
    r->below = memory_resize(r->below, (r->below_count + 1) * sizeof *r->below);
    r->below[r->below_count++] = number;
}

static void note_name(void *context, const char *name)
{
    struct recovery *r = context;
    uint64_t number = segment_number_of(name);

    if (number != 0 && number < r->facts.origin.first_segment) {
        note_below(r, number);
    } else if (number != 0) {
        uint64_t count = ++r->facts.segment_count;

        r->segments = memory_resize(r->segments, count * sizeof *r->segments);
        r->segments[count - 1] =
            (struct recovery_segment){.head.number = number, .end = SECTOR_BYTES};
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = ((const struct recovery_segment *)a)->head.number;
    uint64_t right = ((const struct recovery_segment *)b)->head.number;

    return left < right ? -1 : left > right;
}

static void list_segments(struct recovery *r)
{
    struct recovery_facts *f = &r->facts;

    f->error = io_dir_list(r->store->io, r->store->dir, note_name, r);
    if (f->segment_count > 0) {
        qsort(r->segments, f->segment_count, sizeof *r->segments, by_number);
    }
    for (uint64_t i = 0; i < f->segment_count && f->gap == 0; i++) {
        uint64_t number = f->origin.first_segment + i;

        f->gap = r->segments[i].head.number == number ? 0 : number;
        f->usable_count += f->gap == 0;
    }
}

static void note_bad_segment(struct recovery_facts *f, uint64_t number, enum file_state state,
                             const struct log_reader *reader)
{
    f->bad_segment = number;
    f->bad_state = state;
    f->error = reader->error;
    f->version = reader->version;
    f->found_bytes = reader->found_bytes;
    f->wanted_bytes = reader->file_bytes;
}

static bool open_segment(struct recovery *r, struct recovery_segment *segment,
                         struct log_reader *reader)
{
    struct store *s = r->store;
    uint64_t number = segment->head.number;
    enum file_state state =
        log_reader_open(reader, s->io, s->dir, &s->identity, number, WINDOW_BYTES);

    if (state != FILE_GOOD) {
        note_bad_segment(&r->facts, number, state, reader);
        return false;
    }
    segment->head.bytes = reader->file_bytes;
    segment->head.salt = reader->place.salt;
    return true;
}

/* --- the chain --- */

/* Whether a batch is the expected next one. */
static bool is_next(const struct chain *chain, const struct batch_head *head)
{
    MUTANT_DO(batch_chain_ignored, return true);
    return head->number == chain->batch + 1 && head->previous_checksum == chain->checksum &&
           head->job >= chain->job && head->synced_batch <= chain->batch;
}

static void note_lost(struct recovery_facts *f, uint64_t batch, uint64_t index)
{
    struct recovery_lost *last = f->lost_count == 0 ? NULL : &f->lost[f->lost_count - 1];

    if (last != NULL && last->batch == batch && last->last_index + 1 == index) {
        last->last_index = index;
    } else if (f->lost_count < RECOVERY_LOST_MAX) {
        f->lost[f->lost_count++] =
            (struct recovery_lost){.batch = batch, .first_index = index, .last_index = index};
    }
}

/* The newest membership of the log so far, to see whether there are other members. */
static void note_members(struct recovery *r, struct slice payload)
{
    buffer_consume(&r->members, buffer_size(&r->members));
    buffer_append_slice(&r->members, payload);
}

/* Compares the records of a batch with their identities; returns whether all are good. */
static bool judge_records(struct recovery *r, struct log_reader *reader, uint64_t offset,
                          const struct batch_head *head)
{
    const char *data = log_reader_view(reader, offset, head->batch_bytes);
    bool is_whole = data != NULL;

    for (uint32_t i = 0; data != NULL && i < head->entry_count; i++) {
        struct entry_identity id;

        batch_identity_at(data, head, i, &id);

        struct slice payload = batch_payload(data, head, &reader->place, &id);

        if (payload.data == NULL) {
            note_lost(&r->facts, head->number, id.index);
            is_whole = false;
        } else if (id.kind == CONFIGURATION_KIND && is_whole) {
            note_members(r, payload);
        }
    }
    return is_whole;
}

static void advance(struct chain *chain, const struct batch_head *head)
{
    chain->batch = head->number;
    chain->checksum = head->checksum;
    chain->job = head->job;
}

/* Indexes the entries of a batch that are after the origin. */
static void index_batch(struct log_index *index, const struct recovery_segment *segment,
                        const struct batch_head *head)
{
    uint64_t first_index = head->first_index;
    uint64_t behind = first_index + head->entry_count;

    if (head->truncate_from != 0) {
        log_index_truncate(index, head->truncate_from);
    }
    if (first_index <= index->origin) {
        first_index = index->origin + 1;
    }
    if (behind > first_index) {
        log_index_append(index, segment->head.number, segment->end, head->batch_bytes, first_index,
                         (uint32_t)(behind - first_index));
    }
}

/* Whether the batch belongs to a log that was replaced. */
static bool is_dropped(const struct recovery_facts *f, const struct batch_head *head)
{
    return head->number <= f->origin.dropped_batch;
}

static void take_entries(struct recovery *r, const struct recovery_segment *segment,
                         const struct batch_head *head)
{
    struct recovery_facts *f = &r->facts;

    index_batch(&r->store->index, segment, head);
    f->last_index = head->first_index + head->entry_count - 1;
    f->commit_index = head->commit_index > f->commit_index ? head->commit_index : f->commit_index;
}

/* Appends a complete batch, the next of the log. */
static void take_batch(struct recovery *r, struct recovery_segment *segment,
                       const struct batch_head *head)
{
    struct recovery_facts *f = &r->facts;

    if (!is_dropped(f, head)) {
        take_entries(r, segment, head);
    }
    if (head->vote_generation > f->vote_generation) {
        f->vote_generation = head->vote_generation;
    }
    if (segment->end == SECTOR_BYTES) {
        log_segments_add(&r->store->segments,
                         &(struct log_segment){
                             .number = segment->head.number,
                             .first_index = is_dropped(f, head) ? 0 : head->first_index,
                             .batch_before = f->end.batch,
                             .checksum_before = f->end.checksum,
                         });
    }
    log_segments_grow(&r->store->segments, head->batch_bytes);
    if (head->job != f->end.job || segment->end == SECTOR_BYTES) {
        r->job_at = segment->end; /* A job stays within one segment. */
    }
    advance(&f->end, head);
    segment->end += head->batch_bytes;
    r->tail = (size_t)(segment - r->segments);
}

static void show_batch(const struct recovery *r, struct log_reader *reader, uint64_t offset,
                       const struct batch_head *head, bool is_taken)
{
    if (r->watch != NULL) {
        r->watch->batch(r->watch, reader, offset, head, is_taken);
    }
}

/* A good head at its own place, with its table. */
static void note_top(struct recovery_facts *f, const char *data, const struct batch_head *head)
{
    struct entry_identity id = {.term = 0};

    if (head->number <= f->top.batch) {
        return;
    }
    if (head->entry_count > 0) {
        batch_identity_at(data, head, head->entry_count - 1, &id);
    }
    f->top = (struct recovery_top){.batch = head->number,
                                   .last_index = head->first_index + head->entry_count - 1,
                                   .last_term = id.term};
}

/* Follows the chain through one segment as far as it goes. */
static void follow_segment(struct recovery *r, struct log_reader *reader,
                           struct recovery_segment *segment)
{
    struct recovery_facts *f = &r->facts;
    struct batch_head head;
    uint64_t at = SECTOR_BYTES;
    const char *data;

    if (r->watch != NULL) {
        r->watch->segment(r->watch, segment);
    }
    while ((data = log_reader_head(reader, at, &head)) != NULL && is_next(&f->heads, &head)) {
        note_top(f, data, &head);

        bool is_whole = judge_records(r, reader, at, &head) && f->heads.batch == f->end.batch;

        if (reader->error != 0) {
            break;
        }
        bool is_senseless = is_whole && !is_dropped(f, &head) &&
                            (recovery_drops_committed(f, &head) || recovery_leaves_gap(f, &head));

        show_batch(r, reader, at, &head, is_whole && !is_senseless);
        if (is_senseless) {
            f->senseless = head;
            return;
        }
        if (is_whole) {
            take_batch(r, segment, &head);
        }
        advance(&f->heads, &head);
        f->heads_last_index = is_dropped(f, &head) ? 0 : head.first_index + head.entry_count - 1;
        at += head.batch_bytes;
    }
    if (reader->error != 0) {
        note_bad_segment(f, segment->head.number, FILE_UNREADABLE, reader);
    }
}

/* --- behind the chain --- */

/* Reads a good head at any place. Only this node can have written it, because its checksum
 * includes the salt of its own segment. If it is at another place than its own, it went astray:
 * the disk has written it there, maybe over older batches, which nothing else may record. */
static bool read_head(struct recovery *r, struct log_reader *reader, uint64_t at,
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
        data = log_reader_head(reader, at, ret_head);
        if (data != NULL) {
            note_top(&r->facts, data, ret_head);
        }
        return data != NULL;
    }

    /* The salt of a dropped segment is unknown, and its content is not needed. */
    uint64_t first = r->facts.origin.first_segment;

    if (place.segment < first || place.segment - first >= r->facts.segment_count ||
        MUTANT(astray_batch_ignored)) {
        return false;
    }
    *ret_is_astray = true;
    place.salt = r->segments[place.segment - first].head.salt;
    return batch_head_decode(data, &place, ret_head);
}

static void note_head(struct recovery_facts *f, const struct batch_head *head, bool is_astray)
{
    f->max_job = head->job > f->max_job ? head->job : f->max_job;
    if (head->synced_batch > f->synced_batch) {
        f->synced_batch = head->synced_batch;
    }
    /* It is missing at its own place. */
    if (is_astray && head->number > f->stray_batch) {
        f->stray_batch = head->number;
    }
}

static void show_rest(const struct recovery *r, struct log_reader *reader, uint64_t offset,
                      const struct batch_head *head, bool is_astray)
{
    if (r->watch != NULL) {
        r->watch->rest(r->watch, reader, offset, head, is_astray);
    }
}

/* How many bytes a torn job has left, judged by a sector that is not zero. In a reused segment
 * such a sector may be older, unless it has a head. */
static uint64_t torn_bytes(const struct log_reader *reader, const struct batch_head *head)
{
    if (!reader->is_reused || MUTANT(leftovers_taken_for_torn)) {
        return SECTOR_BYTES;
    }
    return head == NULL ? 0 : head->batch_bytes;
}

/* Reads everything after the end of the chain in one segment. */
static void inspect_rest(struct recovery *r, struct log_reader *reader,
                         struct recovery_segment *segment)
{
    for (uint64_t at = segment->end; at < segment->head.bytes; at += SECTOR_BYTES) {
        const char *sector = log_reader_view(reader, at, SECTOR_BYTES);
        struct batch_head head;
        bool is_astray;

        if (sector == NULL) {
            note_bad_segment(&r->facts, segment->head.number, FILE_UNREADABLE, reader);
            return;
        }
        if (sector_is_zero(sector)) {
            continue;
        }
        segment->is_torn = true;

        bool is_head = read_head(r, reader, at, &head, &is_astray);

        r->facts.torn_bytes += torn_bytes(reader, is_head && !is_astray ? &head : NULL);
        if (is_head || !reader->is_reused) {
            show_rest(r, reader, at, is_head ? &head : NULL, is_head && is_astray);
        }
        if (is_head) {
            note_head(&r->facts, &head, is_astray);
        }
    }
}

/* --- all of it --- */

static void observe_from(struct recovery *r, size_t first,
                         void (*look)(struct recovery *r, struct log_reader *reader,
                                      struct recovery_segment *segment))
{
    const struct recovery_facts *f = &r->facts;
    struct log_reader reader;

    for (size_t i = first; i < f->usable_count && f->bad_segment == 0 && f->senseless.number == 0;
         i++) {
        if (open_segment(r, &r->segments[i], &reader)) {
            look(r, &reader, &r->segments[i]);
            log_reader_close(&reader);
        }
    }
}

/* Determines where the log begins. */
static void observe_origin(struct recovery *r)
{
    struct recovery_facts *f = &r->facts;
    struct store *s = r->store;

    f->origin_state = origin_read(s->io, s->dir, &s->identity, &f->origin, &f->error, &f->version);
    f->end = (struct chain){.batch = f->origin.batch, .checksum = f->origin.checksum};
    f->heads = f->end;
    s->origin = f->origin;
    log_index_begin(&s->index, f->origin.entry.index);
}

/* Everything at or below the origin is committed, whatever the batches after it say. */
static void raise_to_origin(struct recovery_facts *f)
{
    uint64_t index = f->origin.entry.index;

    f->last_index = f->last_index > index ? f->last_index : index;
    f->heads_last_index = f->heads_last_index > index ? f->heads_last_index : index;
    f->commit_index = f->commit_index > index ? f->commit_index : index;
}

int recovery_observe_log(struct recovery *r)
{
    struct recovery_facts *f = &r->facts;

    observe_origin(r);
    if (f->origin_state == FILE_DAMAGED) {
        list_segments(r); /* They may have to be given up. */
        return f->error;
    }
    if (f->origin_state != FILE_GOOD && f->origin_state != FILE_MISSING) {
        return 0;
    }
    list_segments(r);
    if (f->error != 0) {
        return f->error;
    }
    observe_from(r, 0, follow_segment);
    f->max_job = f->end.job;
    observe_from(r, r->tail, inspect_rest);
    if (f->usable_count > 0) {
        f->end_segment = r->segments[r->tail].head.number;
        f->end_offset = r->segments[r->tail].end;
        f->used_count = f->segment_count - r->tail;
    }
    raise_to_origin(f);
    return 0;
}

void recovery_observe_on(struct recovery *r)
{
    struct recovery_facts *f = &r->facts;
    uint64_t bad = f->bad_segment;

    if (bad <= f->vote->last_segment || bad < f->origin.first_segment) {
        return; /* It held acknowledged batches, or there is no bad one. */
    }
    f->bad_segment = 0;
    f->usable_count = bad - f->origin.first_segment;
    observe_from(r, r->tail, inspect_rest);
}
