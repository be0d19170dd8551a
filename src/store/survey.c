#include "store/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/cluster_key.h"

/* --- who ------------------------------------------------------------------------------- */

struct borrowing {
    struct survey *survey;
    const char *dir;
};

static const char *magic_of(const char *name)
{
    switch (directory_file_of(name)) {
    case DIRECTORY_VOTE:
        return MAGIC_VOTE;
    case DIRECTORY_ORIGIN:
        return MAGIC_ORIGIN;
    case DIRECTORY_SEGMENT:
        return MAGIC_SEGMENT;
    default:
        return NULL;
    }
}

/* Takes the identity from the first good file that names a node. */
static void borrow_from(void *context, const char *name)
{
    struct borrowing *b = context;
    struct store_identity *identity = &b->survey->identity;
    const char *magic = magic_of(name);
    char sector[SECTOR_BYTES];
    char path[PATH_BYTES_MAX];
    struct io_file *file = NULL;

    if (b->survey->is_identity_borrowed || magic == NULL) {
        return;
    }
    store_path(path, b->dir, name);
    if (io_file_open(b->survey->store->io, path, IO_READ_ONLY, &file) != 0) {
        return;
    }
    if (io_file_read(file, 0, sector, sizeof sector) == SECTOR_BYTES &&
        head_check(sector, magic) == HEAD_OK) {
        *identity = head_identity(sector);
        b->survey->is_identity_borrowed = true;
    }
    io_file_close(file);
}

static void find_identity(struct survey *s, const char *dir)
{
    struct complaint c = {.text = s->identity_fault, .size = sizeof s->identity_fault};
    struct borrowing borrowing = {.survey = s, .dir = dir};
    struct io *io = s->store->io;

    if (directory_read_identity(io, dir, &s->directory, &s->identity, &c) != STORE_OK) {
        (void)io_dir_list(io, dir, borrow_from, &borrowing);
    } else {
        (void)directory_check_recovery(dir, &s->identity, &c);
    }
    s->is_member = s->identity.cluster_id != 0;
    s->store->identity = s->identity;
}

/* --- what ------------------------------------------------------------------------------ */

static void look_at_key(struct survey *s, const char *dir)
{
    struct complaint c = {.text = s->key_fault, .size = sizeof s->key_fault};
    struct store_key key;
    bool is_missing;

    (void)cluster_key_find(s->store->io, dir, s->identity.cluster_id, NULL, &key, &is_missing, &c);
}

/* A log whose vote is lost can still be read; then only the log itself shows where it ends. */
static void look_at_log(struct survey *s)
{
    struct recovery_facts *f = &s->recovery.facts;
    int error = recovery_observe_log(&s->recovery);

    f->error = error != 0 ? error : f->error;
    if (error == 0 && recovery_lets_start(s->vote_row)) {
        s->log_row = recovery_decide(f, RECOVERY_LOG);
    }
}

static void look_at_snapshots(struct survey *s)
{
    int error = recovery_observe_snapshots(&s->recovery);

    if (error == 0) {
        s->snapshot_row = recovery_decide(&s->recovery.facts, RECOVERY_SNAPSHOTS);
    } else {
        s->recovery.facts.error = error;
    }
}

/* By which survivors are compared. */
static void look_at_end(struct survey *s)
{
    struct recovery_facts *f = &s->recovery.facts;
    const struct store_snapshot *snapshot = &f->snapshots.newest;
    int error = 0;

    if (snapshot->index > 0 && f->snapshots.is_beyond_log) {
        s->last = (struct store_origin){
            .index = snapshot->index, .term = snapshot->term, .time_us = snapshot->time_us};
    } else if (f->last_index <= f->origin.entry.index) {
        s->last = f->origin.entry;
    } else {
        error = recovery_read_entry(s->store, f->last_index, &s->last);
    }
    if (error != 0) { /* A start would not be able to read it either. */
        f->error = error;
        s->snapshot_row = NULL;
    }
}

static void look_at_member(struct survey *s, const char *dir)
{
    struct store *store = s->store;

    look_at_key(s, dir);
    vote_open(store->io, dir, &store->identity, IO_READ_ONLY, &store->vote_files, &store->vote);
    vote_close(&store->vote_files);
    s->vote_row = recovery_decide(&s->recovery.facts, RECOVERY_VOTES);
    look_at_log(s);
    if (s->log_row != NULL && recovery_lets_start(s->log_row)) {
        look_at_snapshots(s);
        look_at_end(s);
    }
}

int survey_take(struct io *io, const char *dir, struct recovery_watch *watch,
                struct survey **ret_survey)
{
    struct survey *s = memory_take_zeroed(1, sizeof *s);
    struct store *store = memory_take_zeroed(1, sizeof *store);

    store->io = io;
    snapshots_init(&store->snapshots);
    store->dir = memory_copy(dir, strlen(dir) + 1);
    s->store = store;
    s->recovery = (struct recovery){
        .store = store,
        .facts = {.dir = store->dir, .votes = &store->vote_files, .vote = &store->vote},
        .watch = watch,
    };
    *ret_survey = s;

    int rv = directory_list(io, dir, &s->directory);

    if (rv != 0) {
        survey_free(s);
        *ret_survey = NULL;
        return rv;
    }
    find_identity(s, dir);
    if (s->is_member) {
        look_at_member(s, dir);
    }
    return 0;
}

void survey_free(struct survey *s)
{
    if (s == NULL) {
        return;
    }
    directory_deinit(&s->directory);
    buffer_deinit(&s->recovery.members);
    free(s->recovery.segments);
    free(s->recovery.below);
    log_index_deinit(&s->store->index);
    log_segments_deinit(&s->store->segments);
    snapshots_deinit(&s->store->snapshots);
    free(s->store->dir);
    free(s->store);
    free(s);
}

bool survey_lets_start(const struct survey *s)
{
    if (s->identity_fault[0] != '\0' || s->key_fault[0] != '\0') {
        return false;
    }
    if (!s->is_member) {
        return true;
    }
    return recovery_lets_start(s->vote_row) && s->log_row != NULL &&
           ((recovery_lets_start(s->log_row) && s->snapshot_row != NULL &&
             recovery_lets_start(s->snapshot_row)) ||
            MUTANT(survey_skips_log));
}
