/* snapshotter.c - see snapshotter.h. */
#include "replica/snapshotter.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mutant.h"
#include "kv/sum.h"
#include "kv/walk.h"
#include "replica/snapshot_state.h"
#include "resp/errors.h"

enum {
    UNWRITTEN_MAX = 8 * 1024 * 1024, /* The walk waits for the disk if more than this is
                                      * unwritten. */
    BEHIND_BYTES = 64 * 1024 * 1024, /* Applying waits for the disk if more than this is
                                      * unwritten. */
    CHANCE_MAX = 256,                /* The number of values of `chance`. */
};

static const uint64_t RETRY_NS = 10 * 1000 * 1000 * 1000ull;
static const uint64_t CHECK_AFTER_NS = 6ull * 3600 * 1000 * 1000 * 1000ull;

/* If the disk is nearly full, so that snapshots follow each other, they take half of the time. */
enum { PRESSED_PAUSE = 1 };

static void draw(struct snapshotter *s)
{
    uint8_t chance;

    io_random(s->options.io, &chance, sizeof chance);
    s->chance = chance;
}

void snapshotter_init(struct snapshotter *s, const struct snapshotter_options *options)
{
    *s = (struct snapshotter){.options = *options, .checked_ns = io_now_ns(options->io)};
    if (s->options.check_after_ns == 0) {
        s->options.check_after_ns = CHECK_AFTER_NS;
    }
    list_init(&s->asked);
    list_init(&s->waiting);
    draw(s);
}

void snapshotter_deinit(struct snapshotter *s)
{
    if (s->is_walking) {
        keyspace_walk_end(s->keyspace);
    }
    keyspace_sum_free(s->sum);
    buffer_deinit(&s->out);
}

void snapshotter_set_newest(struct snapshotter *s, const struct store_snapshot *snapshot,
                            uint64_t items)
{
    s->newest = *snapshot;
    s->newest_items = items;
}

void snapshotter_note_entry(struct snapshotter *s, uint64_t index, uint64_t bytes)
{
    if (index > s->newest.index) {
        s->behind_bytes += bytes;
    }
}

void snapshotter_note_log(struct snapshotter *s)
{
    uint64_t log_bytes = store_log_bytes(s->options.store);

    s->base_bytes = log_bytes > s->behind_bytes ? log_bytes - s->behind_bytes : 0;
    s->behind_bytes = 0;
}

void snapshotter_ask(struct snapshotter *s, struct request *request)
{
    list_append(&s->asked, &request->link);
    io_turn_soon(s->options.io);
}

/* --- requests for one ---------------------------------------------------------------- */

static void answer_made(struct snapshotter *s)
{
    struct list *node;

    while ((node = list_first(&s->waiting)) != NULL) {
        struct request *request = container_of(node, struct request, link);

        list_remove(node);

        struct resp_writer *w = request->reply(request);

        resp_map(w, 3);
        resp_bulk_text(w, "index");
        resp_integer(w, (int64_t)s->newest.index);
        resp_bulk_text(w, "bytes");
        resp_integer(w, (int64_t)s->newest.bytes);
        resp_bulk_text(w, "milliseconds");
        resp_integer(w, (int64_t)(s->last_ns / 1000000));
        request->answered(request);
    }
}

static void answer_error(struct list *list, const char *error)
{
    struct list *node;

    while ((node = list_first(list)) != NULL) {
        struct request *request = container_of(node, struct request, link);

        list_remove(node);
        resp_error(request->reply(request), error);
        request->answered(request);
    }
}

void snapshotter_end(struct snapshotter *s, const char *error)
{
    answer_error(&s->asked, error);
    answer_error(&s->waiting, error);
}

/* --- when ---------------------------------------------------------------------------- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Between three and five quarters of the limit. */
static uint64_t with_chance(const struct snapshotter *s, uint64_t limit)
{
    return limit - limit / 4 + limit / 2 / CHANCE_MAX * s->chance;
}

static bool is_pressing(const struct snapshotter *s, uint64_t pressed_bytes, uint64_t grown)
{
    return pressed_bytes > 0 && grown >= pressed_bytes &&
           io_now_ns(s->options.io) >= s->made_ns + PRESSED_PAUSE * s->last_ns;
}

static bool is_due(const struct snapshotter *s, uint64_t index, uint64_t pressed_bytes)
{
    const struct snapshotter_options *o = &s->options;
    uint64_t log_bytes = store_log_bytes(o->store);
    uint64_t grown = log_bytes > s->base_bytes ? log_bytes - s->base_bytes : 0;

    if (io_now_ns(o->io) < s->not_before_ns) {
        return false;
    }
    return is_pressing(s, pressed_bytes, grown) ||
           grown >= with_chance(s, larger(o->after_bytes, s->newest.bytes)) ||
           index - s->newest.index >= with_chance(s, larger(o->after_entries, s->newest_items));
}

static bool is_wanted(const struct snapshotter *s, uint64_t index)
{
    return s->wanted_index > s->newest.index && index >= s->wanted_index &&
           io_now_ns(s->options.io) >= s->not_before_ns;
}

/* --- how it ends --------------------------------------------------------------------- */

static void stop_walking(struct snapshotter *s)
{
    if (s->is_walking) {
        keyspace_walk_end(s->keyspace);
        s->is_walking = false;
    }
    buffer_trim(&s->out, 0);
}

static void note_failure(struct snapshotter *s, int error)
{
    s->failed_count++;
    s->not_before_ns = io_now_ns(s->options.io) + RETRY_NS;
    log_write(s->options.log, LOG_WARN, "a snapshot could not be made",
              "index=%llu reason=" LOG_Q " advice=" LOG_Q, (unsigned long long)s->making.index,
              strerror(-error),
              error == -ENOSPC || error == -EDQUOT
                  ? "make room on the disk: the log grows until a snapshot can be made"
                  : "look at the disk: the log grows until a snapshot can be made");
}

static void note_made(struct snapshotter *s, const struct store_snapshot *snapshot)
{
    s->newest = *snapshot;
    s->newest_items = s->items;
    s->made_count++;
    if (!MUTANT(snapshots_in_a_row)) {
        snapshotter_note_log(s); /* Though nothing may be cut: the tail has all of it. */
    }
    s->made_ns = io_now_ns(s->options.io);
    s->last_ns = s->made_ns - s->begun_ns;
    log_write(s->options.log, LOG_INFO, "a snapshot was made", "index=%llu bytes=%llu ms=%llu",
              (unsigned long long)s->newest.index, (unsigned long long)s->newest.bytes,
              (unsigned long long)(s->last_ns / 1000000));
    s->options.made(s->options.context);
    answer_made(s);
}

static void end_snapshot(struct snapshotter *s, const struct snapshot_making *making, int error)
{
    if (error == 0 && making->snapshot.index > s->newest.index) {
        note_made(s, &making->snapshot);
    } else if (error != 0 && error != -ECANCELED) {
        note_failure(s, error);
        answer_error(&s->waiting, ERROR_SNAPSHOT_FAILED);
    } else {
        list_move_all(&s->asked, &s->waiting); /* They get the next one. */
    }
    draw(s);
}

static void end_sum(struct snapshotter *s, int error)
{
    if (error == 0 && s->sum != NULL) {
        s->checked_ns = io_now_ns(s->options.io);
    }
    keyspace_sum_free(s->sum);
    s->sum = NULL;
}

static void making_done(struct snapshot_making *making, int error)
{
    struct snapshotter *s = container_of(making, struct snapshotter, making);

    stop_walking(s);
    s->is_under_way = false;
    end_sum(s, error);
    if (s->is_mismatched) {
        answer_error(&s->waiting, ERROR_SNAPSHOT_FAILED);
        s->options.mismatch(s->options.context);
    } else if (making->purpose == SNAPSHOT_AS_EVIDENCE) {
        s->options.kept(s->options.context, error);
    } else if (making->purpose == SNAPSHOT_TO_KEEP) {
        end_snapshot(s, making, error);
    }
    io_turn_soon(s->options.io);
}

/* --- on the worker ------------------------------------------------------------------- */

static int inspect(struct snapshot_making *making, const char *section, struct slice content)
{
    struct snapshotter *s = container_of(making, struct snapshotter, making);

    s->is_mismatched = s->is_mismatched || (strcmp(section, SNAPSHOT_ITEMS) == 0 &&
                                            !keyspace_sum_take(s->sum, content));
    return 0;
}

static int judge(struct snapshot_making *making)
{
    struct snapshotter *s = container_of(making, struct snapshotter, making);

    s->is_mismatched = s->is_mismatched || !keyspace_sum_is(s->sum, s->digest);
    MUTANT_DO(memory_not_compared, s->is_mismatched = false);
    return s->is_mismatched ? -EBADMSG : 0;
}

/* --- how it goes on ------------------------------------------------------------------ */

/* Something was written: the next turn continues the walk. */
static void making_wrote(struct snapshot_making *making, int error)
{
    struct snapshotter *s = container_of(making, struct snapshotter, making);

    if (error != 0) {
        snapshotter_abandon(s);
    }
}

void snapshotter_abandon(struct snapshotter *s)
{
    if (s->is_under_way) {
        stop_walking(s);
        if (!s->making.is_ending) {
            snapshot_abandon(&s->making);
        }
    }
}

/* --- how it is made ------------------------------------------------------------------ */

static void put(struct snapshotter *s, const char *section, struct buffer *content)
{
    snapshot_put(&s->making, section, 0, content);
}

static void put_head(struct snapshotter *s, const struct snapshot_source *source)
{
    struct buffer content = {0};

    snapshot_encode_members(&content, source->members);
    put(s, SNAPSHOT_MEMBERS, &content);
    snapshot_encode_level(&content, source->level);
    put(s, SNAPSHOT_LEVEL, &content);
    snapshot_encode_digest(&content, s->digest);
    put(s, SNAPSHOT_DIGEST, &content);
    buffer_deinit(&content);
}

static void begin(struct snapshotter *s, const struct snapshot_source *source,
                  enum snapshot_purpose purpose)
{
    bool is_compared = purpose != SNAPSHOT_AS_EVIDENCE;

    s->is_under_way = true;
    s->is_walking = true;
    s->begun_ns = io_now_ns(s->options.io);
    s->keyspace = source->keyspace;
    s->items = keyspace_count_all(source->keyspace);
    s->digest = keyspace_digest(source->keyspace);
    s->is_mismatched = false;
    s->sum = is_compared ? keyspace_sum_new(source->keyspace) : NULL;
    s->making = (struct snapshot_making){
        .purpose = purpose,
        .index = source->index,
        .term = source->term,
        .time_us = keyspace_time_us(source->keyspace),
        .wrote = making_wrote,
        .inspect = is_compared ? inspect : NULL,
        .judge = is_compared ? judge : NULL,
        .done = making_done,
    };
    snapshot_begin(s->options.store, &s->making);
    put_head(s, source);
    keyspace_walk_begin(source->keyspace, &s->out);
    io_turn_soon(s->options.io);
}

static void begin_snapshot(struct snapshotter *s, const struct snapshot_source *source)
{
    list_move_all(&s->waiting, &s->asked);
    log_write(s->options.log, LOG_INFO, "a snapshot is being made", "index=%llu keys=%llu",
              (unsigned long long)source->index,
              (unsigned long long)keyspace_count_all(source->keyspace));
    begin(s, source, SNAPSHOT_TO_KEEP);
}

/* Gives what was walked to the store, in chunks; the incomplete last one only with `all`. */
static void hand_over(struct snapshotter *s, bool all)
{
    while (buffer_size(&s->out) >= SNAPSHOT_CHUNK_BYTES || (all && buffer_size(&s->out) > 0)) {
        struct buffer chunk = {0};

        if (buffer_size(&s->out) <= SNAPSHOT_CHUNK_MAX) {
            chunk = s->out;
            s->out = (struct buffer){0};
        } else {
            buffer_append(&chunk, buffer_begin(&s->out), SNAPSHOT_CHUNK_BYTES);
            buffer_consume(&s->out, SNAPSHOT_CHUNK_BYTES);
        }
        put(s, SNAPSHOT_ITEMS, &chunk);
        buffer_deinit(&chunk);
    }
}

static void go_on(struct snapshotter *s, uint64_t bytes)
{
    bool is_over = false;

    if (s->making.unwritten_bytes <= UNWRITTEN_MAX) {
        is_over = keyspace_walk_step(s->keyspace, bytes);
        io_turn_soon(s->options.io);
    }
    hand_over(s, is_over);
    if (is_over) {
        stop_walking(s);
        snapshot_finish(&s->making);
    }
}

void snapshotter_run(struct snapshotter *s, const struct snapshot_source *source, uint64_t bytes)
{
    if (s->is_walking) {
        go_on(s, bytes);
        return;
    }
    if (s->is_under_way) {
        return;
    }
    if (!list_is_empty(&s->asked) && source->index == s->newest.index && source->index > 0) {
        list_move_all(&s->waiting, &s->asked);
        answer_made(s); /* Nothing has changed since that one. */
        return;
    }
    if (source->members == NULL || source->index == 0) {
        return;
    }
    if (source->index > s->newest.index &&
        (!list_is_empty(&s->asked) || is_due(s, source->index, source->pressed_bytes) ||
         is_wanted(s, source->index))) {
        begin_snapshot(s, source);
    } else if (io_now_ns(s->options.io) - s->checked_ns >= s->options.check_after_ns) {
        begin(s, source, SNAPSHOT_TO_CHECK);
    }
}

void snapshotter_want(struct snapshotter *s, uint64_t index)
{
    s->wanted_index = index;
}

bool snapshotter_keep_evidence(struct snapshotter *s, const struct snapshot_source *source)
{
    if (s->is_under_way || source->members == NULL || source->index == 0) {
        return false;
    }
    begin(s, source, SNAPSHOT_AS_EVIDENCE);
    return true;
}

bool snapshotter_is_behind(const struct snapshotter *s)
{
    return s->is_walking && !MUTANT(snapshot_fills_memory) &&
           buffer_size(&s->out) + keyspace_walk_held_bytes(s->keyspace) +
                   s->making.unwritten_bytes >
               BEHIND_BYTES;
}

uint32_t snapshotter_permille(const struct snapshotter *s)
{
    return s->is_walking ? keyspace_walk_permille(s->keyspace) : s->is_under_way ? 999 : 0;
}
