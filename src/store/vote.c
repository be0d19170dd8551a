#include "store/vote.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mutant.h"

static const char *const vote_names[2] = {"vote-a", "vote-b"};

static void vote_encode(char *sector, const struct store_identity *identity,
                        const struct vote *vote)
{
    head_init(sector, MAGIC_VOTE, identity);
    put_u64(sector + HEAD_FIELDS_AT, vote->generation);
    put_u64(sector + HEAD_FIELDS_AT + 8, vote->current_term);
    put_u64(sector + HEAD_FIELDS_AT + 16, vote->voted_for);
    put_u64(sector + HEAD_FIELDS_AT + 24, vote->synced_batch);
    put_u64(sector + HEAD_FIELDS_AT + 32, vote->last_segment);
    head_seal(sector);
}

static enum file_state read_copy(struct vote_files *files, int copy,
                                 const struct store_identity *identity, struct vote *ret_vote)
{
    char sector[SECTOR_BYTES];
    int64_t size = io_file_read(files->copies[copy], 0, sector, sizeof sector);

    if (size < SECTOR_BYTES) {
        return FILE_DAMAGED; /* So is a sector that can't be read. */
    }
    switch (head_check(sector, MAGIC_VOTE)) {
    case HEAD_VERSION:
        files->version = head_version(sector);
        return FILE_VERSION;
    case HEAD_BAD:
        return FILE_DAMAGED;
    case HEAD_OK:
        break;
    }
    if (!head_belongs(sector, identity) && !MUTANT(mixed_directories_accepted)) {
        return FILE_FOREIGN;
    }
    ret_vote->generation = get_u64(sector + HEAD_FIELDS_AT);
    ret_vote->current_term = get_u64(sector + HEAD_FIELDS_AT + 8);
    ret_vote->voted_for = get_u64(sector + HEAD_FIELDS_AT + 16);
    ret_vote->synced_batch = get_u64(sector + HEAD_FIELDS_AT + 24);
    ret_vote->last_segment = get_u64(sector + HEAD_FIELDS_AT + 32);
    return FILE_GOOD;
}

static enum file_state open_copy(struct io *io, const char *dir, struct vote_files *files, int copy,
                                 const struct store_identity *identity, int flags)
{
    char path[PATH_BYTES_MAX];

    store_path(path, dir, vote_names[copy]);

    int rv = io_file_open(io, path, flags, &files->copies[copy]);

    if (rv == -ENOENT) {
        return FILE_MISSING;
    }
    if (rv != 0) {
        files->error = rv;
        return FILE_UNREADABLE;
    }
    return read_copy(files, copy, identity, &files->votes[copy]);
}

const char *vote_name(int copy)
{
    return vote_names[copy];
}

void vote_open(struct io *io, const char *dir, const struct store_identity *identity, int flags,
               struct vote_files *files, struct vote *ret_vote)
{
    memset(files, 0, sizeof *files);
    for (int i = 0; i < 2; i++) {
        files->found[i] = open_copy(io, dir, files, i, identity, flags);
    }
    files->newest = files->found[0] == FILE_GOOD ? 0 : 1;
    if (files->found[0] == FILE_GOOD && files->found[1] == FILE_GOOD &&
        files->votes[1].generation > files->votes[0].generation &&
        !MUTANT(vote_generation_ignored)) {
        files->newest = 1;
    }
    *ret_vote = files->votes[files->newest];
}

int vote_create(struct io *io, const char *dir, const struct store_identity *identity,
                struct vote_files *files, const struct vote *vote)
{
    char sector[SECTOR_BYTES];
    int rv = 0;

    vote_encode(sector, identity, vote);
    vote_close(files);
    for (int i = 0; i < 2 && rv == 0; i++) {
        char path[PATH_BYTES_MAX];

        store_path(path, dir, vote_names[i]);
        rv = file_replace(io, dir, vote_names[i], sector, sizeof sector);
        if (rv == 0) {
            rv = io_file_open(io, path, 0, &files->copies[i]);
        }
    }
    return rv != 0 ? rv : io_dir_sync(io, dir);
}

int vote_mend(struct io *io, const char *dir, struct vote_files *files)
{
    static const char zeros[SECTOR_BYTES];

    for (int i = 0; i < 2; i++) {
        char path[PATH_BYTES_MAX];
        int rv = 0;

        if (files->copies[i] != NULL) {
            continue;
        }
        store_path(path, dir, vote_names[i]);
        rv = file_replace(io, dir, vote_names[i], zeros, sizeof zeros);
        if (rv == 0) {
            rv = io_file_open(io, path, 0, &files->copies[i]);
        }
        if (rv == 0) {
            rv = io_dir_sync(io, dir);
        }
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

void vote_close(struct vote_files *files)
{
    for (int i = 0; i < 2; i++) {
        if (files->copies[i] != NULL) {
            io_file_close(files->copies[i]);
            files->copies[i] = NULL;
        }
    }
}

bool vote_is_at(const char *dir, const struct vote_files *files)
{
    for (int i = 0; i < 2; i++) {
        char path[PATH_BYTES_MAX];

        store_path(path, dir, vote_names[i]);
        if (files->copies[i] != NULL && !io_file_is_at(files->copies[i], path)) {
            return false;
        }
    }
    return true;
}

int vote_write(struct vote_files *files, const struct store_identity *identity,
               const struct vote *vote)
{
    char sector[SECTOR_BYTES];

    vote_encode(sector, identity, vote);
    for (int i = 0; i < 2; i++) {
        int copy = i == 0 && !MUTANT(vote_in_one_copy) ? !files->newest : files->newest;

        CHECK(files->copies[copy] != NULL);

        int rv = io_file_write(files->copies[copy], 0, sector, sizeof sector);

        if (rv == 0 && !MUTANT(vote_not_synced)) {
            rv = io_file_sync(files->copies[copy]);
        }
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}
