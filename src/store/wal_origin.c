/* wal_origin.c - moves the beginning of the log. The file `origin` is durable before a segment
 * below it is removed; a crash in between leaves segments that the next start removes. Both
 * happen while the log's jobs go on: the segments that those write to stay. */
#include <errno.h>

#include "base/check.h"
#include "base/mutant.h"
#include "store/store_state.h"

static struct store *store_of(struct wal_move *move)
{
    return container_of(move, struct store, move);
}

/* --- on workers --- */

int wal_remove_segment(struct store *s, uint64_t number)
{
    char path[PATH_BYTES_MAX];

    segment_path(s->dir, number, path);

    int rv = io_unlink(s->io, path);

    return rv == -ENOENT ? 0 : rv;
}

static void run_drop(struct io_job *job)
{
    struct wal_move *move = container_of(job, struct wal_move, drop_job);
    struct store *s = store_of(move);

    for (uint64_t number = move->drop_from; number < move->next.first_segment; number++) {
        int rv =
            number < move->keep_from ? wal_remove_segment(s, number) : wal_keep_spare(s, number);

        move->error = move->error != 0 ? move->error : rv;
    }
}

static void run_move(struct io_job *job)
{
    struct wal_move *move = container_of(job, struct wal_move, job);
    struct store *s = store_of(move);

    MUTANT_DO(segments_removed_first, run_drop(&move->drop_job));
    move->error = origin_write(s->io, s->dir, &s->identity, &move->next);
}

/* --- on the loop --- */

static void end_move(struct wal_move *move, int error)
{
    struct store_move *owner = move->owner;

    move->owner = NULL;
    owner->done(owner, error);
}

/* Chooses how many of the dropped segments to keep: the last ones. */
static void choose_spares(struct store *s, struct wal_move *move)
{
    uint64_t dropped = move->next.first_segment - move->drop_from;
    uint64_t room = store_is_pressed(s) ? 0 : SPARES_MAX - s->spares.count;

    move->keep_from = move->next.first_segment - (dropped < room ? dropped : room);
}

/* One may have been given back meanwhile, because there was no room to make a segment of it. The
 * next start removes what is then too many. */
static void take_spares(struct store *s, const struct wal_move *move)
{
    for (uint64_t number = move->keep_from;
         number < move->next.first_segment && s->spares.count < SPARES_MAX; number++) {
        s->spares.numbers[s->spares.count++] = number;
    }
}

/* What could not be removed is removed by the next start. */
static void finish_drop(struct io_job *job)
{
    struct wal_move *move = container_of(job, struct wal_move, drop_job);
    struct store *s = store_of(move);

    if (move->error != 0) {
        log_write(s->options.log, LOG_WARN, "cannot remove segments that the log needs no more",
                  "dir=" LOG_Q " error=%d", s->dir, -move->error);
    }
    if (s->has_failed) {
        return; /* The node ends. */
    }
    take_spares(s, move);
    wal_retry_now(s);
    end_move(move, 0);
}

static void take_origin(struct store *s, const struct origin *origin, bool drops_log)
{
    uint64_t index = origin->entry.index;

    s->origin = *origin;
    if (drops_log) {
        log_index_truncate(&s->index, 1);
        log_segments_void(&s->segments);
        s->queued_last_index = index;
    }
    log_index_begin(&s->index, index);
    s->log_bytes -= log_segments_drop(&s->segments, origin->first_segment);
    if (s->queued_last_index < index) {
        s->queued_last_index = index;
    }
    if (s->queued_commit_index < index) {
        s->queued_commit_index = index;
    }
}

static void finish_move(struct io_job *job)
{
    struct wal_move *move = container_of(job, struct wal_move, job);
    struct store *s = store_of(move);

    if (s->has_failed) {
        return;
    }
    if (move->error != 0 && store_is_no_room(move->error)) {
        MUTANT_DO(full_disk_keeps_spares, end_move(move, move->error); return;);
        wal_release_spares(s);
        end_move(move, move->error);
        return;
    }
    if (move->error != 0) {
        store_fail(s, move->error, "cannot write the origin of the log");
        return;
    }
    take_origin(s, &move->next, move->drops_log);
    io_worker_submit(s->read_worker, &move->drop_job); /* After reads of what is removed. */
}

/* The log begins with the next segment if none holds a batch. If the log is dropped, the last
 * segment with a batch is kept, because the chain of checksums continues from it. */
static void choose_segment(const struct store *s, struct origin *origin, bool drops_log)
{
    uint64_t index = drops_log ? UINT64_MAX - 1 : origin->entry.index;
    const struct log_segment *first = log_segments_needed(&s->segments, index);

    origin->dropped_batch =
        drops_log && !MUTANT(dropped_log_believed) ? s->chain.batch : s->origin.dropped_batch;

    if (first == NULL) {
        CHECK(s->chain.batch == 0);
        origin->first_segment = s->origin.first_segment;
        return;
    }
    origin->first_segment = first->number;
    origin->batch = first->batch_before;
    origin->checksum = first->checksum_before;
}

uint64_t store_origin_index(const struct store *s)
{
    return s->origin.entry.index;
}

void store_move_origin(struct store *s, struct store_move *owner)
{
    struct wal_move *move = &s->move;
    uint64_t index = owner->origin.index;
    bool is_idle =
        !s->job.is_in_flight && !s->job.is_blocked && s->queue.write_head == s->queue.write_end;

    CHECK(s->identity.cluster_id != 0);
    CHECK(move->owner == NULL);
    CHECK(index > s->origin.entry.index);
    CHECK(index <= log_index_last(&s->index) || (is_idle && index > s->queued_last_index));
    CHECK(!owner->drops_log || is_idle);
    if (s->has_failed) {
        return;
    }
    move->owner = owner;
    move->error = 0;
    move->next = (struct origin){.entry = owner->origin};
    move->drops_log = owner->drops_log || index > log_index_last(&s->index);
    choose_segment(s, &move->next, move->drops_log);
    move->drop_from = s->origin.first_segment;
    choose_spares(s, move);
    move->job.run = run_move;
    move->job.done = finish_move;
    move->drop_job.run = run_drop;
    move->drop_job.done = finish_drop;
    io_worker_submit(s->prepare_worker, &move->job);
}

int wal_restart_log(struct store *s, const struct store_origin *entry)
{
    struct origin next = {.entry = *entry};
    uint64_t drop_from = s->origin.first_segment;
    int rv = 0;

    choose_segment(s, &next, true);
    rv = origin_write(s->io, s->dir, &s->identity, &next);
    if (rv != 0) {
        return rv;
    }
    take_origin(s, &next, true);
    for (uint64_t number = drop_from; number < next.first_segment && rv == 0; number++) {
        rv = wal_remove_segment(s, number);
    }
    return rv;
}
