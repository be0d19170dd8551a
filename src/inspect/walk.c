#include "inspect/walk.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "inspect/key_filter.h"
#include "store/log_reader.h"

/* Bytes of a segment. */
struct stretch {
    uint64_t segment;
    uint64_t from;
    uint64_t to;
};

struct walk {
    struct recovery_watch watch;
    const struct survey *found;
    const struct walk_filter *filter;
    struct view *view;
    struct recovery_segment segment;
    bool is_segment_shown;
    bool is_batch_shown;
    bool is_cut; /* The log has ended. */
    struct membership *members;
    struct stretch *cut; /* Batches after the end of the log that were shown, by place. */
    size_t cut_count;
    struct walk_rest rest; /* Being collected; 0 bytes: none. */
    uint64_t shown_count;
};

bool walk_filter_is_empty(const struct walk_filter *filter)
{
    return filter->from <= 1 && filter->to == UINT64_MAX && filter->key == NULL;
}

const char *entry_state_name(enum entry_state state)
{
    static const char *const names[] = {
        [ENTRY_LIVE] = "live",       [ENTRY_DROPPED] = "dropped", [ENTRY_PAST] = "compacted",
        [ENTRY_DAMAGED] = "damaged", [ENTRY_CUT_OFF] = "cut-off",
    };

    return names[state];
}

const char *batch_state_name(enum batch_state state)
{
    static const char *const names[] = {
        [BATCH_GOOD] = "good",
        [BATCH_DAMAGED] = "damaged",
        [BATCH_SENSELESS] = "senseless",
        [BATCH_CUT_OFF] = "cut-off",
    };

    return names[state];
}

/* --- segments and batches ---------------------------------------------------------------- */

static void show_segment(struct walk *w)
{
    if (!w->is_segment_shown) {
        w->is_segment_shown = true;
        w->view->segment(w->view, &w->segment);
    }
}

static void walk_segment(struct recovery_watch *watch, const struct recovery_segment *segment)
{
    struct walk *w = container_of(watch, struct walk, watch);

    w->segment = *segment;
    w->is_segment_shown = false;
    if (walk_filter_is_empty(w->filter)) {
        show_segment(w);
    }
}

static void show_batch(struct walk *w, const struct walk_batch *batch)
{
    if (!w->is_batch_shown) {
        show_segment(w);
        w->is_batch_shown = true;
        w->view->batch(w->view, batch);
    }
}

static bool has_bad_record(struct log_reader *reader, const struct walk_batch *batch,
                           const char *data)
{
    struct entry_identity id;

    for (uint32_t i = 0; data != NULL && i < batch->head.entry_count; i++) {
        batch_identity_at(data, &batch->head, i, &id);
        if (batch_payload(data, &batch->head, &reader->place, &id).data == NULL) {
            return true;
        }
    }
    return data == NULL;
}

static enum batch_state judge_batch(const struct walk *w, struct log_reader *reader,
                                    const struct walk_batch *batch, const char *data)
{
    if (has_bad_record(reader, batch, data)) {
        return BATCH_DAMAGED;
    }
    return w->is_cut ? BATCH_CUT_OFF : BATCH_SENSELESS;
}

/* --- entries ----------------------------------------------------------------------------- */

static enum entry_state judge_entry(const struct walk *w, const struct walk_entry *e)
{
    const struct store *store = w->found->store;
    const struct log_run *run = log_index_find(&store->index, e->id.index);
    const struct walk_batch *batch = e->batch;

    if (e->payload.data == NULL) {
        return ENTRY_DAMAGED;
    }
    if (batch->state != BATCH_GOOD) {
        return ENTRY_CUT_OFF;
    }
    if (e->id.index <= store->origin.entry.index) {
        return ENTRY_PAST;
    }
    bool is_in_run = run != NULL && run->segment == batch->segment &&
                     run->offset <= batch->offset && batch->offset < run->end;

    return is_in_run || MUTANT(dropped_shown_as_live) ? ENTRY_LIVE : ENTRY_DROPPED;
}

static bool is_wanted(const struct walk_filter *filter, const struct walk_entry *e)
{
    if (e->id.index < filter->from || e->id.index > filter->to) {
        return false;
    }
    return filter->key == NULL ||
           (e->id.kind == RAFT_COMMAND && e->payload.data != NULL &&
            key_filter_matches(filter->commands, slice_str(filter->key), e->payload));
}

static void walk_entry(struct walk *w, struct walk_entry *e)
{
    struct membership *members = NULL;

    e->state = judge_entry(w, e);
    if (e->id.kind == RAFT_CONFIGURATION && e->payload.data != NULL) {
        members = membership_decode(e->payload);
        e->members = members;
        e->members_before = w->members;
    }
    if (is_wanted(w->filter, e)) {
        show_batch(w, e->batch);
        w->view->entry(w->view, e);
        w->shown_count++;
    }
    if (members != NULL && (e->state == ENTRY_LIVE || e->state == ENTRY_PAST)) {
        membership_free(w->members);
        w->members = members;
    } else {
        membership_free(members);
    }
}

static void note_cut(struct walk *w, const struct walk_batch *batch)
{
    struct stretch *last = w->cut_count == 0 ? NULL : &w->cut[w->cut_count - 1];
    uint64_t end = batch->offset + batch->head.batch_bytes;

    w->is_cut = true;
    if (last != NULL && last->segment == batch->segment && last->to == batch->offset) {
        last->to = end;
        return;
    }
    w->cut = memory_resize(w->cut, (w->cut_count + 1) * sizeof *w->cut);
    w->cut[w->cut_count++] =
        (struct stretch){.segment = batch->segment, .from = batch->offset, .to = end};
}

static void walk_batch(struct recovery_watch *watch, struct log_reader *reader, uint64_t offset,
                       const struct batch_head *head, bool is_taken)
{
    struct walk *w = container_of(watch, struct walk, watch);
    const char *data = log_reader_view(reader, offset, head->batch_bytes);
    struct walk_batch batch = {
        .head = *head, .segment = w->segment.head.number, .offset = offset, .state = BATCH_GOOD};

    if (!is_taken) {
        batch.state = judge_batch(w, reader, &batch, data);
        note_cut(w, &batch);
    }
    w->is_batch_shown = false;
    if (walk_filter_is_empty(w->filter)) {
        show_batch(w, &batch);
    }
    for (uint32_t i = 0; data != NULL && i < head->entry_count; i++) {
        struct walk_entry e = {.batch = &batch};

        batch_identity_at(data, head, i, &e.id);
        e.payload = batch_payload(data, head, &reader->place, &e.id);
        walk_entry(w, &e);
    }
}

/* --- behind the end ---------------------------------------------------------------------- */

static void show_rest(struct walk *w)
{
    if (w->rest.bytes > 0 && walk_filter_is_empty(w->filter)) {
        w->view->rest(w->view, &w->rest);
    }
    w->rest = (struct walk_rest){0};
}

/* Whether it was shown as part of a batch. */
static bool is_shown(const struct walk *w, uint64_t segment, uint64_t offset)
{
    for (size_t i = 0; i < w->cut_count; i++) {
        const struct stretch *cut = &w->cut[i];

        if (cut->segment == segment && offset >= cut->from && offset < cut->to) {
            return true;
        }
    }
    return false;
}

static void walk_rest(struct recovery_watch *watch, struct log_reader *reader, uint64_t offset,
                      const struct batch_head *head, bool is_astray)
{
    struct walk *w = container_of(watch, struct walk, watch);
    uint64_t segment = reader->place.segment;
    bool goes_on = w->rest.bytes > 0 && head == NULL && w->rest.segment == segment &&
                   offset == w->rest.offset + w->rest.bytes;

    if (!is_astray && is_shown(w, segment, offset)) {
        return;
    }
    if (goes_on) {
        w->rest.bytes += SECTOR_BYTES;
        return;
    }
    show_rest(w);
    w->rest = (struct walk_rest){
        .segment = segment, .offset = offset, .bytes = SECTOR_BYTES, .is_astray = is_astray};
    if (head != NULL) {
        w->rest.has_head = true;
        w->rest.head = *head;
    }
}

uint64_t walk_log(struct io *io, const char *dir, const struct survey *found,
                  const struct walk_filter *filter, struct view *view)
{
    struct walk w = {
        .watch = {.segment = walk_segment, .batch = walk_batch, .rest = walk_rest},
        .found = found,
        .filter = filter,
        .view = view,
    };
    struct survey *again = NULL;

    if (survey_take(io, dir, &w.watch, &again) == 0) {
        show_rest(&w);
    }
    survey_free(again);
    membership_free(w.members);
    free(w.cut);
    return w.shown_count;
}
