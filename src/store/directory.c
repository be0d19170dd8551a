#include "store/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "store/identity.h"
#include "store/origin.h"
#include "store/snapshot_format.h"

static bool begins_with(const char *name, const char *beginning)
{
    return strncmp(name, beginning, strlen(beginning)) == 0;
}

static bool is_leftover(const char *name)
{
    size_t size = strlen(name);
    bool is_ours = begins_with(name, "log-") || begins_with(name, "vote-") ||
                   begins_with(name, "identity") || begins_with(name, CLUSTER_KEY_NAME) ||
                   begins_with(name, ORIGIN_NAME) || begins_with(name, "snapshot-") ||
                   begins_with(name, "repair");

    return is_ours && size > 4 && size < NAME_BYTES_MAX && strcmp(name + size - 4, ".tmp") == 0;
}

enum directory_file directory_file_of(const char *name)
{
    if (is_leftover(name)) {
        return DIRECTORY_LEFTOVER;
    }
    if (begins_with(name, "vote-")) {
        return DIRECTORY_VOTE;
    }
    if (segment_number_of(name) != 0) {
        return DIRECTORY_SEGMENT;
    }
    if (snapshot_index_of(name) != 0) {
        return DIRECTORY_SNAPSHOT;
    }

    static const struct {
        const char *name;
        enum directory_file file;
    } known[] = {
        {"lock", DIRECTORY_LOCK},
        {"identity", DIRECTORY_IDENTITY},
        {CLUSTER_KEY_NAME, DIRECTORY_KEY},
        {ORIGIN_NAME, DIRECTORY_ORIGIN},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].file;
        }
    }
    return DIRECTORY_OTHER;
}

static void keep_leftover(struct directory *d, const char *name)
{
    d->leftovers = memory_resize(d->leftovers, (d->leftover_count + 1) * sizeof *d->leftovers);
    memcpy(d->leftovers[d->leftover_count++], name, strlen(name) + 1);
}

static void note_name(void *context, const char *name)
{
    struct directory *d = context;

    switch (directory_file_of(name)) {
    case DIRECTORY_LEFTOVER:
        keep_leftover(d, name);
        break;
    case DIRECTORY_IDENTITY:
        d->has_identity = true;
        break;
    case DIRECTORY_KEY:
    case DIRECTORY_VOTE:
        d->has_data = true;
        break;
    case DIRECTORY_ORIGIN:
    case DIRECTORY_SEGMENT:
    case DIRECTORY_SNAPSHOT:
        d->has_data = true;
        d->has_log = true;
        break;
    case DIRECTORY_LOCK:
    case DIRECTORY_OTHER:
        break;
    }
}

int directory_list(struct io *io, const char *dir, struct directory *ret_directory)
{
    *ret_directory = (struct directory){0};
    return io_dir_list(io, dir, note_name, ret_directory);
}

void directory_deinit(struct directory *d)
{
    free(d->leftovers);
    *d = (struct directory){0};
}

int directory_read_identity(struct io *io, const char *dir, const struct directory *d,
                            struct store_identity *ret_identity, struct complaint *c)
{
    *ret_identity = (struct store_identity){0};
    if (d->has_identity) {
        int rv = identity_read(io, dir, ret_identity, c);

        if (rv == STORE_OK && ret_identity->cluster_id == 0 && d->has_log &&
            !ret_identity->is_restoring) {
            return complain(c, STORE_EDAMAGED,
                            "%s holds a log, but its identity file knows no cluster; the files of "
                            "two data directories were mixed up",
                            dir);
        }
        return rv;
    }
    return d->has_data ? complain(c, STORE_EDAMAGED,
                                  "the identity file is missing in %s, and other files of a node "
                                  "are there; " RESTORE_ADVICE,
                                  dir)
                       : STORE_OK;
}

int directory_check_recovery(const char *dir, const struct store_identity *identity,
                             struct complaint *c)
{
    if (identity->is_restoring && !MUTANT(half_restored_starts)) {
        return complain(
            c, STORE_ERECOVERS,
            "restoring a backup into %s was interrupted, so it is no node's yet: repeat "
            "the command (rakit-server HOST PORT --restore FILE), which begins anew, or "
            "empty the directory",
            dir);
    }
    return !identity->is_recovering
               ? STORE_OK
               : complain(c, STORE_ERECOVERS,
                          "a recovery of %s was interrupted, so it belongs neither to the old "
                          "cluster nor to a new one: repeat the command (rakit-server HOST PORT "
                          "--recover), which completes it",
                          dir);
}

int directory_remove_leftovers(struct io *io, const char *dir, const struct directory *d,
                               struct complaint *c)
{
    for (size_t i = 0; i < d->leftover_count; i++) {
        char path[PATH_BYTES_MAX];

        store_path(path, dir, d->leftovers[i]);

        int rv = io_unlink(io, path);

        if (rv != 0 && rv != -ENOENT) {
            return complain(c, STORE_EIO, "cannot remove %s (error %d)", path, -rv);
        }
    }
    return STORE_OK;
}
