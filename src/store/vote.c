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
    head_init(sector, MAGIC_VOTE, identity->cluster_id, identity->node_id);
    put_u64(sector + HEAD_FIELDS_AT, vote->generation);
    put_u64(sector + HEAD_FIELDS_AT + 8, vote->current_term);
    put_u64(sector + HEAD_FIELDS_AT + 16, vote->voted_for);
    put_u64(sector + HEAD_FIELDS_AT + 24, vote->synced_batch);
    put_u64(sector + HEAD_FIELDS_AT + 32, vote->last_segment);
    head_seal(sector);
}

/* Reads one copy. 1: a good one. 0: missing or damaged. Negative: a store_error. */
static int vote_read_copy(struct io_file *file, const char *path,
                          const struct store_identity *identity, struct vote *ret_vote,
                          struct complaint *c)
{
    char sector[SECTOR_BYTES];
    int64_t size = io_file_read(file, 0, sector, sizeof sector);

    if (size < SECTOR_BYTES) {
        return 0; /* An unreadable sector counts as a damaged copy. */
    }
    switch (head_check(sector, MAGIC_VOTE)) {
    case HEAD_VERSION:
        return complain(c, STORE_EFORMAT,
                        "%s has format version %u, and this program knows only version %d", path,
                        get_u32(sector + 8), FORMAT_VERSION);
    case HEAD_BAD:
        return 0;
    case HEAD_OK:
        break;
    }
    if ((get_u64(sector + 16) != identity->cluster_id ||
         get_u64(sector + 24) != identity->node_id) &&
        !MUTANT(mixed_directories_accepted)) {
        return complain(c, STORE_EDAMAGED,
                        "%s belongs to another node or cluster; the files of two data directories "
                        "were mixed up",
                        path);
    }
    ret_vote->generation = get_u64(sector + HEAD_FIELDS_AT);
    ret_vote->current_term = get_u64(sector + HEAD_FIELDS_AT + 8);
    ret_vote->voted_for = get_u64(sector + HEAD_FIELDS_AT + 16);
    ret_vote->synced_batch = get_u64(sector + HEAD_FIELDS_AT + 24);
    ret_vote->last_segment = get_u64(sector + HEAD_FIELDS_AT + 32);
    return 1;
}

/* Takes the newer of the good copies. */
static int vote_choose(const int *found, const struct vote *votes, struct vote_files *files,
                       struct vote *ret_vote, const char *dir, struct complaint *c)
{
    if (found[0] == 0 && found[1] == 0) {
        return complain(c, STORE_EDAMAGED,
                        "both copies of the vote (vote-a and vote-b in %s) are damaged or missing, "
                        "so this node cannot know whom it voted for; remove it from the cluster "
                        "and join anew with an empty data directory",
                        dir);
    }

    int newest = found[0] == 1 ? 0 : 1;

    if (found[0] == 1 && found[1] == 1 && votes[1].generation > votes[0].generation &&
        !MUTANT(vote_generation_ignored)) {
        newest = 1;
    }
    *ret_vote = votes[newest];
    files->newest = newest;
    files->copy_lost = found[0] != 1 || found[1] != 1;
    return STORE_OK;
}

int vote_open(struct io *io, const char *dir, const struct store_identity *identity,
              struct vote_files *files, struct vote *ret_vote, struct complaint *c)
{
    struct vote votes[2] = {0};
    int found[2] = {0, 0};
    int rv = STORE_OK;

    memset(files, 0, sizeof *files);
    for (int i = 0; i < 2 && rv == STORE_OK; i++) {
        char path[PATH_BYTES_MAX];

        store_path(path, dir, vote_names[i]);

        int status = io_file_open(io, path, 0, &files->copies[i]);

        if (status == -ENOENT) {
            continue;
        }
        if (status != 0) {
            rv = complain(c, STORE_EIO, "cannot open %s (error %d)", path, -status);
            break;
        }
        found[i] = vote_read_copy(files->copies[i], path, identity, &votes[i], c);
        rv = found[i] < 0 ? found[i] : STORE_OK;
    }
    if (rv == STORE_OK) {
        rv = vote_choose(found, votes, files, ret_vote, dir, c);
    }
    if (rv != STORE_OK) {
        vote_close(files);
    }
    return rv;
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
