/* wal_watch.c - checks that the store's files keep their names. A directory can be removed,
 * moved away or covered by a mount while a server uses it: all writes still succeed, and the
 * next start finds none of them. So each job checks before it is acknowledged. The watch checks
 * as well, by a timer of its own, which jobs do not postpone, because only the watch checks all
 * files. */
#include <errno.h>

#include "base/check.h"
#include "base/mutant.h"
#include "store/cluster_key.h"
#include "store/store_state.h"

static const uint64_t WATCH_NS = 500 * 1000 * 1000ull;

/* A segment may have been created by name below a mount that covers the directory, so it proves
 * nothing alone; but the votes are as old as the store. */
int wal_find_files(struct store *s, const struct segment *segment)
{
    char path[PATH_BYTES_MAX];

    MUTANT_DO(files_not_watched, return 0);
    if (segment->file != NULL) {
        segment_path(s->dir, segment->head.number, path);
        if (!io_file_is_at(segment->file, path)) {
            return -ENOENT;
        }
    }
    if (!MUTANT(votes_not_looked_for) && !vote_is_at(s->dir, &s->vote_files)) {
        return -ENOENT;
    }
    return 0;
}

/* False only if there certainly is no file with that name. */
static bool is_there(struct store *s, const char *name)
{
    char path[PATH_BYTES_MAX];
    struct io_file *file = NULL;

    store_path(path, s->dir, name);

    int rv = io_file_open(s->io, path, IO_READ_ONLY, &file);

    if (rv == 0) {
        io_file_close(file);
    }
    return rv != -ENOENT && rv != -ENOTDIR;
}

/* Files that only a start reads. */
static int find_other_files(struct store *s)
{
    MUTANT_DO(files_not_watched, return 0);
    MUTANT_DO(identity_not_watched, return 0);
    return is_there(s, "identity") && is_there(s, CLUSTER_KEY_NAME) &&
                   (!s->watch.has_origin || is_there(s, ORIGIN_NAME))
               ? 0
               : -ENOENT;
}

static void run_watch(struct io_job *job)
{
    struct wal_watch *watch = container_of(job, struct wal_watch, job);
    struct store *s = container_of(watch, struct store, watch);

    room_look(s->io, s->dir, &watch->room);
    watch->error = wal_find_files(s, &watch->segment);
    if (watch->error == 0) {
        watch->error = find_other_files(s);
    }
}

static void finish_watch(struct io_job *job)
{
    struct wal_watch *watch = container_of(job, struct wal_watch, job);
    struct store *s = container_of(watch, struct store, watch);

    if (watch->error != 0) {
        store_fail(s, watch->error, "a file is missing");
    } else if (!s->has_failed) {
        room_seen(s, &watch->room);
        wal_watch_start(s);
    }
}

/* A job that is under way checks its segment itself, and may close the previous one. */
static void timer_fired(struct io_timer *timer)
{
    struct wal_watch *watch = container_of(timer, struct wal_watch, timer);
    struct store *s = container_of(watch, struct store, watch);

    if (s->has_failed) {
        return;
    }
    if (s->identity.cluster_id == 0) {
        wal_watch_start(s);
        return;
    }
    /* The next job may change that, and closes files after us. */
    watch->segment = s->current;
    watch->has_origin = s->origin.entry.index > 0;
    if (s->job.is_in_flight) {
        watch->segment.file = NULL;
    }
    room_begin_look(s, &watch->room);
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
