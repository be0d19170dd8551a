/* room.c - what room there is for the log: in the segments that are prepared, and for further
 * ones.
 *
 * The state may grow only as long as there is room for a snapshot of all of it, and for a few
 * segments more, in which deletes and elections go on: the store is tight otherwise. It is full if
 * the next segment could not be made. */
#include <errno.h>

#include "base/mutant.h"
#include "store/store_state.h"

enum {
    RETRY_NS = 1000 * 1000 * 1000,
    RESERVE_BYTES = 1024 * 1024, /* Room in the last segments that clients do not use. */
    RESERVE_SHARE = 8,           /* Or this part of a segment, if that is less. */
    /* Room for so many segments is left to others than clients, */
    TIGHT_SEGMENTS = 2,
    /* and there must be one more before clients may use it again. */
    RELIEF_SEGMENTS = 1,
};

bool store_is_no_room(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

uint64_t store_entry_bytes(uint32_t size)
{
    return record_bytes(size) + BATCH_IDENTITY_BYTES;
}

/* Of the job under way. */
static uint64_t job_bytes(const struct store *s)
{
    return s->job.is_in_flight || s->job.is_blocked ? s->job.bytes : 0;
}

uint64_t store_unwritten_bytes(const struct store *s)
{
    return s->queue.bytes + job_bytes(s);
}

/* --- in prepared segments ---------------------------------------------------------------- */

static uint64_t prepared_bytes(const struct store *s)
{
    uint64_t bytes = s->current.head.bytes - s->write_at;

    for (uint32_t i = 0; i < s->ready_count; i++) {
        bytes += s->ready[i].head.bytes - SECTOR_BYTES;
    }
    return bytes;
}

uint64_t store_reserve_bytes(const struct store *s)
{
    uint64_t bytes = s->options.segment_bytes / RESERVE_SHARE;

    return bytes < RESERVE_BYTES ? bytes : RESERVE_BYTES;
}

/* The room that this use must leave to others. */
static uint64_t reserve_bytes(const struct store *s, enum store_use use)
{
    uint64_t bytes = store_reserve_bytes(s);

    if (use == STORE_FOR_CLIENTS || MUTANT(elections_have_no_reserve)) {
        return bytes;
    }
    if (use == STORE_FOR_RELIEF) {
        return bytes / 4 * 3;
    }
    return use == STORE_FOR_FOLLOWERS ? bytes / 2 : 0;
}

/* With a quarter more for the heads of batches; and every write may need two sectors of its own. */
static uint64_t needed_bytes(const struct store *s, uint64_t bytes)
{
    uint64_t writes = s->queue.write_end - s->queue.write_head + 1;

    return s->queue.bytes + s->queue.bytes / 4 + job_bytes(s) + bytes + bytes / 4 +
           writes * 2 * SECTOR_BYTES;
}

/* --- beyond them -------------------------------------------------------------------------- */

/* The newest snapshot replaces the others, which are removed soon. */
static uint64_t replaced_bytes(const struct store *s)
{
    uint64_t bytes = s->snapshots.removing_bytes;

    for (size_t i = 0; i + 1 < s->snapshots.count; i++) {
        bytes += s->snapshots.list[i].bytes;
    }
    return bytes;
}

/* What the next snapshot may still take: without what was seen of the one under way. */
static uint64_t snapshot_bytes(const struct store *s)
{
    uint64_t seen_bytes = s->snapshots.making == NULL ? 0 : s->room.snapshot_bytes;

    return s->state_bytes > seen_bytes ? s->state_bytes - seen_bytes : 0;
}

/* As a last resort, what is in the log already, and deletes, take room from the next snapshot: only
 * they can end this, and that snapshot may well be smaller than reckoned. */
struct space_claim room_claim(const struct store *s, uint64_t wanted_bytes)
{
    bool is_last_resort =
        s->is_full && (s->job.is_blocked || prepared_bytes(s) < 2 * store_reserve_bytes(s));

    return (struct space_claim){
        .bytes_max = s->options.bytes_max,
        .state_bytes = is_last_resort ? 0 : snapshot_bytes(s),
        .wanted_bytes = wanted_bytes,
    };
}

void room_begin_look(const struct store *s, struct room_view *view)
{
    view->snapshot_bytes = s->snapshots.making == NULL ? 0 : s->snapshots.making->written_bytes;
}

void room_look(struct io *io, const char *dir, struct room_view *ret_view)
{
    ret_view->is_known = io_space(io, dir, &ret_view->space) == 0;
}

/* What is left beside so many segments and the next one. */
static uint64_t left_beside(const struct store *s, uint32_t segments)
{
    uint64_t segment_bytes = segment_bytes_of(s, s->current.head.number + 1);
    struct space_claim claim = room_claim(s, (segments + (s->ready_count == 0)) * segment_bytes);

    claim.state_bytes = snapshot_bytes(s);
    claim.spare_bytes = replaced_bytes(s);
    return s->room.is_known ? space_left(&s->room.space, &claim) : UINT64_MAX;
}

bool store_is_pressed(const struct store *s)
{
    return s->is_full ||
           left_beside(s, TIGHT_SEGMENTS + RELIEF_SEGMENTS) < s->options.segment_bytes;
}

/* Early enough that the log may grow by as much again while the snapshot is made. */
uint64_t store_pressed_bytes(const struct store *s)
{
    uint64_t left = left_beside(s, TIGHT_SEGMENTS + RELIEF_SEGMENTS);

    MUTANT_DO(limit_presses_nobody, return UINT64_MAX);
    if (s->is_full) {
        return store_reserve_bytes(s);
    }
    return left > s->options.segment_bytes ? left : s->options.segment_bytes;
}

/* A byte of an entry is a byte of the log and a byte of the state. */
uint64_t store_growth_bytes(const struct store *s)
{
    uint64_t left = left_beside(s, TIGHT_SEGMENTS);

    MUTANT_DO(state_grows_beyond_limit, return UINT64_MAX);
    return s->is_tight ? 0 : left / 2;
}

/* The next segment is always on its way, so this is about large entries, or many. What a leader has
 * accepted may take room from the next snapshot: see room_claim(). */
static bool has_space_beyond(const struct store *s, enum store_use use, uint64_t missing_bytes)
{
    struct space_claim claim = room_claim(s, missing_bytes);

    if (use == STORE_FOR_FOLLOWERS || use == STORE_FOR_ELECTIONS) {
        claim.state_bytes = 0;
    }
    return missing_bytes <= s->options.segment_bytes || !s->room.is_known ||
           space_left(&s->room.space, &claim) > 0 || MUTANT(large_entry_not_judged);
}

bool store_has_room(const struct store *s, enum store_use use, uint64_t bytes)
{
    uint64_t needed = needed_bytes(s, bytes);
    uint64_t prepared = prepared_bytes(s);

    if (use == STORE_FOR_CLIENTS && s->is_tight) {
        return false;
    }
    if (s->is_full) {
        return needed + reserve_bytes(s, use) <= prepared;
    }
    return needed <= prepared || has_space_beyond(s, use, needed - prepared);
}

/* --- tight, full, and not any more -------------------------------------------------------- */

bool store_is_full(const struct store *s)
{
    return s->is_full || s->is_tight;
}

/* Neither full nor tight any more. */
static void note_relief(struct store *s)
{
    if (!store_is_full(s)) {
        log_write(s->options.log, LOG_INFO, "disk has room again", "dir=" LOG_Q, s->dir);
        s->options.room(s->options.context);
    }
}

static void judge(struct store *s)
{
    uint32_t segments = TIGHT_SEGMENTS + (s->is_tight ? RELIEF_SEGMENTS : 0);
    bool is_tight = left_beside(s, segments) == 0 && !MUTANT(state_grows_beyond_limit);

    if (is_tight == s->is_tight) {
        return;
    }
    s->is_tight = is_tight;
    io_turn_soon(s->io);
    if (!is_tight) {
        note_relief(s);
        return;
    }
    log_write(s->options.log, LOG_WARN, "the disk has no room for more data",
              "next_snapshot=%llu used=%llu maxdisk=%llu free=%llu dir=" LOG_Q,
              (unsigned long long)s->state_bytes, (unsigned long long)s->room.space.used_bytes,
              (unsigned long long)s->options.bytes_max,
              (unsigned long long)s->room.space.free_bytes, s->dir);
}

void store_set_state_bytes(struct store *s, uint64_t bytes)
{
    s->state_bytes = bytes;
    judge(s);
}

void store_limit_bytes(struct store *s, uint64_t bytes_max)
{
    s->options.bytes_max = bytes_max;
    judge(s);
}

void room_seen(struct store *s, const struct room_view *view)
{
    if (view->is_known) {
        s->room = *view;
        judge(s);
    }
}

/* Until somebody looks again. */
void room_note_file(struct store *s, uint64_t bytes)
{
    struct io_space *space = &s->room.space;

    space->used_bytes += bytes;
    space->free_bytes -= space->free_bytes < bytes ? space->free_bytes : bytes;
    judge(s);
}

uint64_t store_segment_bytes(const struct store *s)
{
    return s->options.segment_bytes;
}

void room_timer_fired(struct io_timer *timer)
{
    struct store *s = container_of(timer, struct store, room_timer);

    s->is_waiting = false;
    if (!s->has_failed) {
        wal_retry(s);
    }
}

void store_wait_for_room(struct store *s, uint64_t needed)
{
    if (!s->is_full) {
        log_write(s->options.log, LOG_WARN, "no room for the next segment of the log",
                  "needs=%llu dir=" LOG_Q, (unsigned long long)needed, s->dir);
    }
    wal_release_spares(s);
    s->is_full = true;
    s->is_waiting = true;
    io_timer_start(s->io, &s->room_timer, io_now_ns(s->io) + RETRY_NS);
}

void store_has_room_again(struct store *s)
{
    s->is_full = false;
    note_relief(s);
}
