/* scrub.c - see scrub.h. What is read may change meanwhile: what has left the log, or is no
 * snapshot any more, can't be damaged. */
#include "store/scrub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/cluster_key.h"
#include "store/identity.h"
#include "store/log_reader.h"
#include "store/snapshot_reader.h"
#include "store/store_state.h"

enum {
    WINDOW_BYTES = 256 * 1024,
    PIECE_BYTES = 512 * 1024, /* Of a snapshot, at least one chunk. */
    FILES_BYTES = 5 * SECTOR_BYTES,
};

_Static_assert((int)SCRUB_NAME_BYTES == (int)NAME_BYTES_MAX, "the name of any file has room");

static void submit(struct store_scrub *scrub, struct io_worker *worker,
                   void (*run)(struct io_job *job), void (*done)(struct io_job *job))
{
    scrub->piece_bytes = 0;
    scrub->result = 0;
    scrub->job.run = run;
    scrub->job.done = done;
    io_worker_submit(worker, &scrub->job);
}

static bool is_damage(int error)
{
    return error == -EBADMSG || error == -EIO;
}

static void finish(struct store_scrub *scrub, int error, const char *file)
{
    scrub->error = is_damage(error) ? error : 0;
    snprintf(scrub->file, sizeof scrub->file, "%s", scrub->error == 0 ? "" : file);
    scrub->done(scrub);
}

/* Otherwise what is read may come from the system's cache, where it is good. */
static void drop_cache(struct store *s, const char *path)
{
    struct io_file *file = NULL;

    if (io_file_open(s->io, path, IO_READ_ONLY | IO_FROM_DISK, &file) == 0) {
        io_file_close(file);
    }
}

/* --- the log --- */

static int drop_entry(void *context, struct entry *e)
{
    (void)context;
    entry_release(e);
    return 0;
}

static void run_log(struct io_job *job)
{
    struct store_scrub *scrub = container_of(job, struct store_scrub, job);
    struct store *s = scrub->store;
    struct log_reader reader;
    char path[PATH_BYTES_MAX];

    segment_path(s->dir, scrub->runs[0].segment, path);
    if (scrub->segment != scrub->runs[0].segment) {
        scrub->segment = scrub->runs[0].segment;
        drop_cache(s, path);
    }

    enum file_state state =
        log_reader_open(&reader, s->io, s->dir, &s->identity, scrub->segment, WINDOW_BYTES);

    scrub->result = state == FILE_GOOD ? 0 : reader.error != 0 ? reader.error : -EBADMSG;
    for (uint32_t i = 0; i < scrub->run_count && scrub->result == 0; i++) {
        const struct log_run *run = &scrub->runs[i];

        scrub->result = log_read_run(&reader, run, run->first_index,
                                     run->first_index + run->count - 1, drop_entry, NULL);
        scrub->piece_bytes += run->end - run->offset;
    }
    if (state == FILE_GOOD) {
        log_reader_close(&reader);
    }
}

/* All that was read is still part of the log. */
static bool is_still_there(const struct store_scrub *scrub)
{
    for (uint32_t i = 0; i < scrub->run_count; i++) {
        const struct log_run *was = &scrub->runs[i];
        const struct log_run *run = log_index_find(&scrub->store->index, was->first_index);

        if (run == NULL || run->segment != was->segment || run->offset != was->offset ||
            run->count < was->count) {
            return false;
        }
    }
    return true;
}

static void log_done(struct io_job *job)
{
    struct store_scrub *scrub = container_of(job, struct store_scrub, job);
    const struct log_run *last = &scrub->runs[scrub->run_count - 1];
    char name[NAME_BYTES_MAX];
    bool is_real = scrub->result != 0 && (is_still_there(scrub) || MUTANT(scrub_blames_dropped));

    segment_name(name, scrub->segment);
    scrub->next_index = last->first_index + last->count;
    finish(scrub, is_real && !MUTANT(scrub_sees_nothing) ? scrub->result : 0, name);
}

/* Runs of one segment. False: there are none any more. */
static bool take_runs(struct store_scrub *scrub)
{
    const struct log_index *index = &scrub->store->index;
    const struct log_run *run;

    if (scrub->next_index <= index->origin) {
        scrub->next_index = index->origin + 1;
    }
    run = log_index_find(index, scrub->next_index);
    scrub->run_count = 0;
    while (run != NULL && run < index->runs + index->count && scrub->run_count < SCRUB_RUNS_MAX &&
           (scrub->run_count == 0 || run->segment == scrub->runs[0].segment)) {
        scrub->runs[scrub->run_count++] = *run++;
    }
    return scrub->run_count > 0;
}

/* --- snapshots --- */

static void run_snapshot(struct io_job *job)
{
    struct store_scrub *scrub = container_of(job, struct store_scrub, job);
    struct store *s = scrub->store;
    char path[PATH_BYTES_MAX];
    uint64_t from;
    int rv = SNAPSHOT_HAS_CHUNK;

    if (scrub->reader->file == NULL) {
        snapshot_path(s->dir, scrub->snapshot.index, path);
        drop_cache(s, path);
        if (snapshot_reader_open(scrub->reader, s->io, path, &s->identity) != FILE_GOOD) {
            scrub->result = scrub->reader->error != 0 ? scrub->reader->error : -EBADMSG;
            return;
        }
    }
    from = scrub->reader->at;
    while (rv == SNAPSHOT_HAS_CHUNK && scrub->reader->at - from < PIECE_BYTES) {
        rv = snapshot_reader_skip(scrub->reader);
    }
    scrub->piece_bytes = scrub->reader->at - from;
    if (rv == SNAPSHOT_AT_END && !snapshot_is_same(&scrub->reader->snapshot, &scrub->snapshot)) {
        rv = -EBADMSG;
    }
    scrub->result = rv;
}

static void close_reader(struct store_scrub *scrub)
{
    if (scrub->reader != NULL) {
        snapshot_reader_close(scrub->reader);
        free(scrub->reader);
        scrub->reader = NULL;
    }
}

static void snapshot_done(struct io_job *job)
{
    struct store_scrub *scrub = container_of(job, struct store_scrub, job);
    int result = scrub->result;
    char name[NAME_BYTES_MAX];

    snapshot_name(name, scrub->snapshot.index);
    if (result != SNAPSHOT_HAS_CHUNK) {
        close_reader(scrub);
    }
    if (result < 0 && !snapshots_have(&scrub->store->snapshots, &scrub->snapshot)) {
        result = 0; /* It was removed. */
    }
    finish(scrub, result < 0 ? result : 0, name);
}

/* The one after the last one that was read. */
static bool take_snapshot(struct store_scrub *scrub)
{
    const struct snapshots *all = &scrub->store->snapshots;

    if (scrub->reader != NULL) {
        return true;
    }
    for (size_t i = 0; i < all->count; i++) {
        if (all->list[i].index > scrub->snapshot.index) {
            scrub->snapshot = all->list[i];
            scrub->reader = memory_take_zeroed(1, sizeof *scrub->reader);
            return true;
        }
    }
    return false;
}

/* --- small files --- */

static int check_votes(struct store *s, char *file)
{
    struct vote_files files;
    struct vote vote;
    int bad = -1;

    vote_open(s->io, s->dir, &s->identity, IO_READ_ONLY, &files, &vote);
    vote_close(&files);
    for (int i = 0; i < 2; i++) {
        bad = files.found[i] == FILE_DAMAGED ? i : bad;
    }
    if (bad >= 0) {
        snprintf(file, NAME_BYTES_MAX, "%s", vote_name(bad));
    }
    return bad >= 0 ? -EBADMSG : 0;
}

static int check_origin(struct store *s, char *file)
{
    struct origin origin;
    uint32_t version;
    int error;
    bool is_bad =
        origin_read(s->io, s->dir, &s->identity, &origin, &error, &version) == FILE_DAMAGED;

    if (is_bad) {
        snprintf(file, NAME_BYTES_MAX, "%s", ORIGIN_NAME);
    }
    return is_bad ? -EBADMSG : 0;
}

/* It is known, so it is written again. */
static int check_identity(struct store_scrub *scrub)
{
    struct store *s = scrub->store;
    struct store_identity identity;
    struct complaint c = {.text = NULL};

    if (identity_read(s->io, s->dir, &identity, &c) == STORE_OK) {
        return 0;
    }
    snprintf(scrub->file, sizeof scrub->file, "identity");
    scrub->is_mended = identity_write(s->io, s->dir, &s->identity) == 0;
    return -EBADMSG;
}

static int check_key(struct store_scrub *scrub)
{
    struct store *s = scrub->store;
    struct complaint c = {.text = NULL};
    struct store_key key;
    bool is_missing;

    if (cluster_key_find(s->io, s->dir, s->identity.cluster_id, NULL, &key, &is_missing, &c) ==
        STORE_OK) {
        return 0;
    }
    snprintf(scrub->file, sizeof scrub->file, "%s", CLUSTER_KEY_NAME);
    scrub->is_mended = cluster_key_write(s->io, s->dir, s->identity.cluster_id, scrub->key) == 0 &&
                       io_dir_sync(s->io, s->dir) == 0;
    return -EBADMSG;
}

/* On the log's worker, which writes some of them. */
static void run_files(struct io_job *job)
{
    struct store_scrub *scrub = container_of(job, struct store_scrub, job);
    struct store *s = scrub->store;

    scrub->piece_bytes = FILES_BYTES;
    scrub->result = check_identity(scrub);
    if (scrub->result == 0) {
        scrub->result = check_key(scrub);
    }
    if (scrub->result == 0) {
        scrub->result = check_votes(s, scrub->file);
    }
    if (scrub->result == 0) {
        scrub->result = check_origin(s, scrub->file);
    }
}

static void files_done(struct io_job *job)
{
    struct store_scrub *scrub = container_of(job, struct store_scrub, job);
    char name[NAME_BYTES_MAX];

    memcpy(name, scrub->file, sizeof name);
    scrub->phase = SCRUB_OVER;
    finish(scrub, scrub->result, name);
}

/* --- a pass --- */

void store_scrub_begin(struct store *s, struct store_scrub *scrub)
{
    scrub->store = s;
    scrub->next_index = 1;
    scrub->phase = SCRUB_LOG;
    store_scrub_next(scrub);
}

void store_scrub_next(struct store_scrub *scrub)
{
    struct store *s = scrub->store;

    if (scrub->phase == SCRUB_LOG) {
        if (take_runs(scrub)) {
            submit(scrub, s->read_worker, run_log, log_done);
            return;
        }
        scrub->phase = SCRUB_SNAPSHOTS;
    }
    if (scrub->phase == SCRUB_SNAPSHOTS && take_snapshot(scrub)) {
        submit(scrub, s->snapshots.worker, run_snapshot, snapshot_done);
        return;
    }
    scrub->phase = SCRUB_FILES;
    submit(scrub, s->log_worker, run_files, files_done);
}

void store_scrub_end(struct store_scrub *scrub)
{
    close_reader(scrub);
}
