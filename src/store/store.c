/* store.c - opening, closing and queries: everything in the store except writing the log
 * (wal_*.c) and the formats of its files. */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/cluster_key.h"
#include "store/directory.h"
#include "store/identity.h"
#include "store/store_state.h"

/* --- trouble --- */

/* Files are opened by name only if they must exist. */
static const char text_gone[] = "the directory, or a file in it, was removed, moved or covered by "
                                "a mount while the node ran, so "
                                "nothing more can be stored safely. Put it back and start the node "
                                "again; if it is gone for good, "
                                "remove this member and let it join anew with an empty directory";

void store_fail(struct store *s, int error, const char *what)
{
    char text[PATH_BYTES_MAX + sizeof text_gone + 128];

    if (s->has_failed) {
        return;
    }
    s->has_failed = true;
    snprintf(text, sizeof text, "%s in %s: %s", what, s->dir,
             error == -ENOENT ? text_gone : strerror(-error));
    log_write(s->options.log, LOG_ERROR, "store failed", "error=%d reason=" LOG_Q, -error, text);
    s->options.failed(s->options.context, error, text);
}

/* --- opening --- */

static int refuse_second(struct store *s, struct complaint *c)
{
    char path[PATH_BYTES_MAX];
    char holder[32] = "";
    struct io_file *file = NULL;

    store_path(path, s->dir, "lock");
    if (io_file_open(s->io, path, IO_READ_ONLY, &file) == 0) {
        int64_t size = io_file_read(file, 0, holder, sizeof holder - 1);

        io_file_close(file);
        holder[size < 0 ? 0 : strcspn(holder, "\n")] = '\0';
    }
    return complain(c, STORE_ELOCKED,
                    "the data directory %s is in use by process %s; stop that one first, or "
                    "choose another directory with --data",
                    s->dir, holder[0] == '\0' ? "(unknown)" : holder);
}

/* Locks the directory itself: a file can be removed by name, and a second server would then lock
 * a new one. If the file system can't lock directories (NFS), there is only the file `lock`. */
static int lock_directory(struct store *s, struct complaint *c)
{
    int rv = io_file_open(s->io, s->dir, IO_READ_ONLY, &s->dir_lock);

    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot open %s: %s", s->dir, strerror(-rv));
    }
    rv = MUTANT(directory_not_locked) ? 0 : io_file_lock(s->dir_lock);
    if (rv == -EWOULDBLOCK) {
        return refuse_second(s, c);
    }
    if (rv != 0) {
        log_write(s->options.log, LOG_WARN,
                  "the data directory cannot be locked: never remove the file lock in it",
                  "dir=" LOG_Q " error=%d", s->dir, -rv);
    }
    return STORE_OK;
}

static int lock_file(struct store *s, struct complaint *c)
{
    char path[PATH_BYTES_MAX];
    char own[32];

    store_path(path, s->dir, "lock");

    int rv = io_file_open(s->io, path, IO_CREATE, &s->lock);

    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot open %s: %s", path, strerror(-rv));
    }
    rv = io_file_lock(s->lock);
    if (rv == -EWOULDBLOCK) {
        return refuse_second(s, c);
    }
    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot lock %s: %s", path, strerror(-rv));
    }
    snprintf(own, sizeof own, "%ld\n", (long)getpid());
    rv = io_file_truncate(s->lock, 0);
    if (rv == 0) {
        rv = io_file_write(s->lock, 0, own, strlen(own));
    }
    return rv == 0 || store_is_no_room(rv)
               ? STORE_OK
               : complain(c, STORE_EIO, "cannot write %s: %s", path, strerror(-rv));
}

static int take_locks(struct store *s, struct complaint *c)
{
    int rv = lock_directory(s, c);

    return rv == STORE_OK ? lock_file(s, c) : rv;
}

/* Makes the directory's own name durable. */
static int sync_parent(struct store *s)
{
    char path[PATH_BYTES_MAX];
    char *slash = NULL;

    snprintf(path, sizeof path, "%s", s->dir);
    slash = strrchr(path, '/');
    while (slash != NULL && slash[1] == '\0' && slash > path) {
        *slash = '\0';
        slash = strrchr(path, '/');
    }
    if (slash == NULL) {
        return io_dir_sync(s->io, ".");
    }
    slash[slash == path] = '\0';
    return io_dir_sync(s->io, path);
}

static int write_identity(struct store *s, struct complaint *c)
{
    int rv = identity_write(s->io, s->dir, &s->identity);

    return rv == 0 ? STORE_OK
                   : complain(c, STORE_EIO, "cannot write to %s: %s", s->dir, strerror(-rv));
}

/* For a node without a cluster. A directory made to join one founds none by itself: the user has
 * probably forgotten the contact. */
static int settle_purpose(struct store *s, struct complaint *c)
{
    if (s->options.is_joining && !s->identity.is_joining) {
        s->identity.is_joining = true;
        return write_identity(s, c);
    }
    if (s->identity.is_joining && !s->options.is_joining && !s->options.is_new_cluster &&
        !MUTANT(joiner_founds)) {
        return complain(c, STORE_EJOINS,
                        "the data directory %s was made to join a cluster and has not joined one "
                        "yet: name a contact, or start with --new-cluster to make a new cluster",
                        s->dir);
    }
    return STORE_OK;
}

static bool may_restore(const struct store *s, const struct directory *directory)
{
    return !directory->has_identity || s->identity.is_restoring || MUTANT(restored_over_a_node);
}

/* Reads the identity, or makes one in an empty directory. */
static int find_identity(struct store *s, const struct directory *directory, uint64_t new_node_id,
                         struct store_recovered *recovered, struct complaint *c)
{
    int rv = directory_read_identity(s->io, s->dir, directory, &s->identity, c);

    if (rv == STORE_OK && s->options.is_restoring && !may_restore(s, directory)) {
        return complain(
            c, STORE_EJOINS,
            "the data directory %s is a node's already: --restore makes a new cluster in "
            "an empty one. If this one was restored before, start it without --restore",
            s->dir);
    }
    if (rv == STORE_OK && !s->options.is_recovery && !s->options.is_restoring &&
        !MUTANT(half_recovered_starts)) {
        rv = directory_check_recovery(s->dir, &s->identity, c);
    }
    if (rv != STORE_OK || s->identity.cluster_id != 0) {
        return rv;
    }
    if (directory->has_identity) {
        return s->options.is_restoring ? STORE_OK : settle_purpose(s, c);
    }
    s->identity.node_id = new_node_id;
    s->identity.is_joining = s->options.is_joining;
    s->identity.is_restoring = s->options.is_restoring;
    recovered->is_new = true;
    return write_identity(s, c);
}

/* Writes the vote again, because it may have been read only from the system's cache. From now
 * on, a log that ends before its present end is known to be damaged. If a snapshot has replaced
 * the log, its term may be higher than the vote's: then there was no vote in that term yet. */
static int renew_vote(struct store *s)
{
    int rv = vote_mend(s->io, s->dir, &s->vote_files);
    struct vote vote = s->vote;

    if (s->chain.batch > 0) {
        vote.last_segment = s->current.head.number;
    }
    if (vote.current_term < s->origin.entry.term) {
        vote.current_term = s->origin.entry.term;
        vote.voted_for = 0;
    }
    s->queued_term = vote.current_term;
    return rv != 0 ? rv : wal_put_vote(s, vote);
}

/* Key, vote and log of a node that belongs to a cluster. */
static int recover_member(struct store *s, struct store_recovered *recovered, struct complaint *c)
{
    bool is_key_missing = false;
    int rv = cluster_key_find(s->io, s->dir, s->identity.cluster_id, s->options.key,
                              &recovered->key, &is_key_missing, c);

    if (rv == STORE_OK) {
        rv = wal_recover(s, recovered, c);
    }
    if (rv != STORE_OK) {
        return rv;
    }
    if (is_key_missing) {
        rv = cluster_key_write(s->io, s->dir, s->identity.cluster_id, &recovered->key);
    }
    if (rv == 0) {
        rv = renew_vote(s);
    }
    recovered->current_term = s->vote.current_term;
    recovered->voted_for = s->vote.voted_for;
    recovered->vote_generation = s->vote.generation;
    return rv == 0 ? STORE_OK
                   : complain(c, STORE_EIO, "cannot write to %s: %s", s->dir, strerror(-rv));
}

static int open_files(struct store *s, uint64_t new_node_id, struct store_recovered *recovered,
                      struct complaint *c)
{
    struct directory directory = {0};
    int rv = io_dir_make(s->io, s->dir);

    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot make the data directory %s: %s", s->dir,
                        strerror(-rv));
    }
    rv = MUTANT(directory_shared) ? STORE_OK : take_locks(s, c);
    if (rv != STORE_OK) {
        return rv;
    }
    rv = directory_list(s->io, s->dir, &directory);
    if (rv != 0) {
        rv = complain(c, STORE_EIO, "cannot list %s: %s", s->dir, strerror(-rv));
    }
    if (rv == STORE_OK) {
        rv = find_identity(s, &directory, new_node_id, recovered, c);
    }
    if (rv == STORE_OK && s->identity.cluster_id != 0) {
        rv = recover_member(s, recovered, c);
    }
    if (rv == STORE_OK) {
        rv = directory_remove_leftovers(s->io, s->dir, &directory, c);
    }
    /* At each start, because the process that made the directory may have died before this. */
    if (rv == STORE_OK && (io_dir_sync(s->io, s->dir) != 0 || sync_parent(s) != 0)) {
        rv = complain(c, STORE_EIO, "cannot sync the directory %s, or the one it is in", s->dir);
    }
    directory_deinit(&directory);
    recovered->identity = s->identity;
    return rv;
}

static void close_file(struct io_file **file)
{
    if (*file != NULL) {
        io_file_close(*file);
        *file = NULL;
    }
}

static void close_files(struct store *s)
{
    vote_close(&s->vote_files);
    wal_close_files(s);
    close_file(&s->lock); /* Last, because another server may start after that. */
    close_file(&s->dir_lock);
}

static void free_memory(struct store *s)
{
    wal_queue_deinit(&s->queue);
    wal_job_deinit(&s->job);
    wal_reads_drop(s);
    free(s->repair_end);
    snapshots_deinit(&s->snapshots);
    log_index_deinit(&s->index);
    log_segments_deinit(&s->segments);
    free(s->dir);
    free(s);
}

int store_open(struct io *io, const struct store_options *options, uint64_t new_node_id,
               struct store **ret_store, struct store_recovered *ret_recovered, char *text,
               size_t text_size)
{
    struct complaint c = {.text = text, .size = text_size};

    CHECK(options->segment_bytes % 4096 == 0);
    CHECK(options->segment_bytes >= 8192);
    if (text_size > 0) {
        text[0] = '\0';
    }
    if (strlen(options->dir) == 0 || strlen(options->dir) > PATH_BYTES_MAX - NAME_BYTES_MAX) {
        return complain(&c, STORE_EIO, "the name of the data directory is empty or too long");
    }

    struct store *s = memory_take_zeroed(1, sizeof *s);

    memset(ret_recovered, 0, sizeof *ret_recovered);
    s->io = io;
    s->options = *options;
    s->dir = memory_copy(options->dir, strlen(options->dir) + 1);
    s->options.dir = s->dir;
    s->room_timer.fired = room_timer_fired;
    s->origin.first_segment = 1;
    list_init(&s->reads);
    snapshots_init(&s->snapshots);

    int rv = open_files(s, new_node_id, ret_recovered, &c);

    if (rv != STORE_OK) {
        close_files(s);
        free_memory(s);
        return rv;
    }
    room_look(io, s->dir, &s->room);
    s->log_worker = io_worker_start(io, "log");
    s->prepare_worker = io_worker_start(io, "prepare");
    s->read_worker = io_worker_start(io, "read");
    s->snapshots.worker = io_worker_start(io, "snapshot");
    wal_prepare_start(s);
    wal_watch_start(s);
    *ret_store = s;
    return STORE_OK;
}

int store_set_cluster(struct store *s, uint64_t cluster_id, uint64_t epoch,
                      const struct store_key *key)
{
    struct store_identity identity = {
        .cluster_id = cluster_id, .node_id = s->identity.node_id, .epoch = epoch};
    struct vote first = {.generation = 1};

    CHECK(cluster_id != 0);
    CHECK(s->identity.cluster_id == 0);

    /* Key and votes first: if the identity names a cluster, they must exist. */
    int rv = MUTANT(key_after_identity) ? 0 : cluster_key_write(s->io, s->dir, cluster_id, key);

    if (rv == 0) {
        rv = vote_create(s->io, s->dir, &identity, &s->vote_files, &first);
    }

    if (rv == 0) {
        rv = identity_write(s->io, s->dir, &identity);
    }
    MUTANT_DO(key_after_identity, rv = cluster_key_write(s->io, s->dir, cluster_id, key));
    if (rv != 0) {
        return STORE_EIO;
    }
    s->vote = first;
    s->identity = identity;
    wal_prepare_start(s);
    return STORE_OK;
}

static int set_epoch(struct store *s, uint64_t epoch, bool is_recovering)
{
    struct store_identity identity = s->identity;

    CHECK(identity.cluster_id != 0);
    identity.epoch = epoch;
    identity.is_recovering = is_recovering;

    int rv = identity_write(s->io, s->dir, &identity);

    if (rv == 0) {
        s->identity = identity;
    }
    return rv;
}

int store_begin_epoch(struct store *s, uint64_t epoch)
{
    return set_epoch(s, epoch, true);
}

int store_end_epoch(struct store *s)
{
    return set_epoch(s, s->identity.epoch, false);
}

/* Without a cluster there are no votes and no log: these two files are everything. */
void store_discard(struct store *s)
{
    static const char *const names[] = {"identity", "lock"};

    CHECK(s->identity.cluster_id == 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_BYTES_MAX];

        store_path(path, s->dir, names[i]);

        int rv = io_unlink(s->io, path);

        if (rv != 0) {
            log_write(s->options.log, LOG_WARN, "a file of the start that failed stays behind",
                      "path=" LOG_Q " error=%d", path, -rv);
        }
    }
}

/* --- writing and asking --- */

void store_write(struct store *s, const struct store_write *w)
{
    if (!s->has_failed) {
        wal_queue_push(s, w);
    }
}

void store_flush(struct store *s)
{
    wal_submit(s);
}

uint64_t store_last_write_ns(const struct store *s)
{
    return s->last_write_ns;
}

uint64_t store_log_bytes(const struct store *s)
{
    return s->log_bytes;
}

const struct durations *store_sync_times(const struct store *s)
{
    return &s->all_sync_times;
}

void store_get_stats(const struct store *s, struct store_stats *ret_stats)
{
    *ret_stats = (struct store_stats){
        .first_index = s->index.count == 0 ? 0 : s->index.origin + 1,
        .last_index = log_index_last(&s->index),
        .log_bytes = s->log_bytes,
        .segment_count = s->current.head.number + 1 - s->origin.first_segment + s->ready_count,
        .sync_count = s->sync_count,
        .sync_p50_ns = histogram_percentile(&s->sync_times, 50),
        .sync_p99_ns = histogram_percentile(&s->sync_times, 99),
        .sync_max_ns = histogram_max(&s->sync_times),
        .sync_pending_ns = s->job.is_in_flight ? io_now_ns(s->io) - s->job.submitted_ns : 0,
        .written_bytes = s->written_bytes,
        .is_full = s->is_full,
        .used_bytes = s->room.space.used_bytes,
        .free_bytes = s->room.space.free_bytes,
        .bytes_max = s->options.bytes_max,
    };
}

/* --- closing --- */

/* The last job of the log worker: it uses files, and the loop waits for it. */
struct finish {
    struct io_job job;
    struct store *store;
};

static void run_finish(struct io_job *job)
{
    struct finish *finish = container_of(job, struct finish, job);

    if (finish->store->identity.cluster_id != 0) {
        wal_finish(finish->store);
    }
    close_files(finish->store);
}

static void finish_done(struct io_job *job)
{
    CHECK(job == NULL); /* The worker has ended by then. */
}

void store_close(struct store *s)
{
    struct io_worker *log_worker = s->log_worker;
    struct finish finish = {.job = {.run = run_finish, .done = finish_done}, .store = s};

    s->is_closing = true;
    io_timer_stop(s->io, &s->room_timer);
    wal_watch_stop(s);
    io_worker_stop(s->snapshots.worker);
    io_worker_stop(s->read_worker);
    io_worker_stop(s->prepare_worker);
    wal_prepare_finish(s);
    io_worker_submit(log_worker, &finish.job);
    io_worker_stop(log_worker);
    free_memory(s);
}
