/* wal_watch.c - sees that the store's files keep their names. A directory can be removed, moved
 * away or covered by a mount while a server runs on it: all writes go on well, and the next start
 * finds none of them. So each job looks before it is acknowledged, and now and then this does. */
#include <errno.h>

#include "base/check.h"
#include "base/mutant.h"
#include "store/store_state.h"

static const uint64_t WATCH_NS = 500 * 1000 * 1000ull;

int wal_find_files(struct store *s, const struct segment *segment, bool with_votes)
{
    char path[PATH_BYTES_MAX];
    char temporary[PATH_BYTES_MAX];

    if (MUTANT(files_not_watched)) {
        return 0;
    }
    if (segment->file != NULL) {
        segment_paths(s->dir, segment->head.number, path, temporary);
        if (!io_file_is_at(segment->file, path)) {
            return -ENOENT;
        }
    }
    return !with_votes || vote_is_at(s->dir, &s->vote_files) ? 0 : -ENOENT;
}

static void run_watch(struct io_job *job)
{
    struct wal_watch *watch = container_of(job, struct wal_watch, job);
    struct store *s = container_of(watch, struct store, watch);

    watch->error = wal_find_files(s, &watch->segment, true);
}

static void finish_watch(struct io_job *job)
{
    struct wal_watch *watch = container_of(job, struct wal_watch, job);
    struct store *s = container_of(watch, struct store, watch);

    if (watch->error != 0) {
        store_fail(s, watch->error, "a file is missing");
    } else if (!s->has_failed) {
        wal_watch_start(s);
    }
}

/* A job that is in flight looks itself. */
static void timer_fired(struct io_timer *timer)
{
    struct wal_watch *watch = container_of(timer, struct wal_watch, timer);
    struct store *s = container_of(watch, struct store, watch);

    if (s->has_failed) {
        return;
    }
    if (s->job.is_in_flight || s->identity.cluster_id == 0 ||
        io_now_ns(s->io) - s->found_ns < WATCH_NS) {
        wal_watch_start(s);
        return;
    }
    s->found_ns = io_now_ns(s->io);
    watch->segment = s->current; /* The next job may change that. Files are closed behind us. */
    io_worker_submit(s->log_worker, &watch->job);
}

void wal_watch_start(struct store *s)
{
    s->watch.timer.fired = timer_fired;
    s->watch.job.run = run_watch;
    s->watch.job.done = finish_watch;
    io_timer_start(s->io, &s->watch.timer, io_now_ns(s->io) + WATCH_NS);
}

void wal_watch_stop(struct store *s)
{
    io_timer_stop(s->io, &s->watch.timer);
}
