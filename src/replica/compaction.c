/* compaction.c - after a snapshot: drops the part of the log that it replaces, except for a tail
 * that slow followers may need, and older snapshots. */
#include "base/check.h"
#include "base/mutant.h"
#include "replica/state.h"

enum { KEEP_LOGS_MAX = 8 };

static const uint64_t RETRY_NS = 1000 * 1000 * 1000ull;

static void move_done(struct store_move *move, int error);

void compaction_init(struct replica *r)
{
    r->compaction = (struct compaction){.move.done = move_done};
}

void compaction_begin(struct replica *r)
{
    r->compaction.is_due = true;
}

static raft_index smaller(raft_index a, raft_index b)
{
    return a < b ? a : b;
}

/* The oldest snapshot to keep, with the log after it: one that is being fetched, here or of a
 * follower, unless the log grows too much meanwhile, or the disk is full. */
static uint64_t kept_snapshot(const struct replica *r)
{
    const struct snapshotter *s = &r->snapshotter;
    uint64_t bytes =
        s->newest.bytes > s->options.after_bytes ? s->newest.bytes : s->options.after_bytes;
    raft_index named = holders_named(r);
    uint64_t oldest = serving_oldest(&r->serving);

    if (store_log_bytes(r->store) > KEEP_LOGS_MAX * bytes || store_is_full(r->store)) {
        return UINT64_MAX;
    }
    return named != 0 && named < oldest ? named : oldest;
}

/* The last entry to drop: of those after it, as many stay in memory as fit into the tail. */
static raft_index find_origin(const struct replica *r)
{
    uint64_t tail_bytes = r->compaction.is_pressed ? 0 : r->options.log_tail_bytes;
    raft_index low = r->window.first - 1;
    raft_index high = smaller(smaller(r->snapshotter.newest.index, kept_snapshot(r)),
                              smaller(r->applied_index, raft_durable_index(r->raft)));

    if (low >= high) {
        return high;
    }
    while (low < high) {
        raft_index middle = low + (high - low) / 2;

        if (log_window_bytes_after(&r->window, middle) <= tail_bytes) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static uint64_t time_of(const struct replica *r, raft_index index)
{
    const struct store_snapshot *found = snapshot_find(r->store, index);

    return found != NULL ? found->time_us : log_window_time_us(&r->window, index);
}

/* The newest replaces all others. */
static const struct store_snapshot *find_dispensable(const struct replica *r)
{
    const struct store_snapshot *list;
    size_t count = snapshot_list(r->store, &list);
    bool keeps = kept_snapshot(r) != UINT64_MAX;

    for (size_t i = 0; i + 1 < count; i++) {
        if (!keeps || !serving_has(&r->serving, list[i].index)) {
            return &list[i];
        }
    }
    return NULL;
}

void compaction_drop_snapshots(struct replica *r)
{
    const struct store_snapshot *dispensable;

    while ((dispensable = find_dispensable(r)) != NULL) {
        snapshot_remove(r->store, dispensable->index);
    }
}

static void move_done(struct store_move *move, int error)
{
    struct replica *r = container_of(move, struct replica, compaction.move);

    r->compaction.is_moving = false;
    if (error != 0) { /* There is no room for a sector. */
        if (!r->compaction.has_failed) {
            log_write(r->log, LOG_WARN, "the log could not be cut yet", "index=%llu reason=" LOG_Q,
                      (unsigned long long)move->origin.index, "the disk is full");
        }
        r->compaction.has_failed = true;
        r->compaction.retry_ns = io_now_ns(r->io) + RETRY_NS;
        compaction_drop_snapshots(r); /* They take room, and a start prefers the newest. */
        return;
    }
    r->compaction.has_failed = false;
    snapshotter_note_log(&r->snapshotter);
    compaction_drop_snapshots(r);
    io_turn_soon(r->io);
}

/* Then the tail is dropped, without another snapshot. */
static void look_at_disk(struct replica *r)
{
    bool is_pressed = store_is_pressed(r->store);

    r->compaction.is_due = r->compaction.is_due || (is_pressed && !r->compaction.is_pressed);
    r->compaction.is_pressed = is_pressed;
}

/* Whether there is something to do now. */
static bool is_time(const struct replica *r)
{
    const struct compaction *c = &r->compaction;

    if (c->has_failed && !MUTANT(cut_not_tried_again)) {
        return io_now_ns(r->io) >= c->retry_ns;
    }
    return c->is_due;
}

/* After a failure the core has dropped what the disk still has. */
static struct store_origin choose_origin(const struct replica *r)
{
    const struct store_origin *last = &r->compaction.move.origin;
    raft_index origin = find_origin(r);

    origin = origin < raft_origin(r->raft) ? raft_origin(r->raft) : origin;
    if (origin == last->index) {
        return *last;
    }
    return (struct store_origin){
        .index = origin, .term = raft_term_at(r->raft, origin), .time_us = time_of(r, origin)};
}

void compaction_look(struct replica *r)
{
    struct compaction *c = &r->compaction;
    struct store_origin origin;

    look_at_disk(r);
    if (c->is_moving || !is_time(r)) {
        return;
    }
    c->is_due = kept_snapshot(r) != UINT64_MAX; /* Again, until no node fetches one. */
    origin = choose_origin(r);
    /* What others need may end where the log time is not known any more; that is soon over. */
    if (origin.index <= store_origin_index(r->store) || origin.time_us == 0) {
        c->has_failed = false;
        compaction_drop_snapshots(r);
        return;
    }
    c->is_moving = true;
    c->move.origin = origin;
    /* The core first, so that nothing asks for entries that are being dropped. */
    raft_compact(r->raft, origin.index);
    probe_call(r->probe, compacted, origin.index);
    store_move_origin(r->store, &c->move);
}
