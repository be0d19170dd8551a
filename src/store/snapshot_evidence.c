/* snapshot_evidence.c - snapshots of states that were found to be wrong, for a person who looks
 * for the cause. No start ever reads them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "store/store_state.h"

enum { KEPT = 2, FOUND_MAX = 64 };

struct found {
    char names[FOUND_MAX][NAME_BYTES_MAX];
    uint32_t count;
    uint32_t last; /* The highest number. */
};

static void directory_path(const struct store *s, char *path)
{
    store_path(path, s->dir, "evidence");
}

static void file_path(const struct store *s, const char *name, char *path)
{
    char directory[PATH_BYTES_MAX];

    directory_path(s, directory);
    store_path(path, directory, name);
}

void snapshot_evidence_path(const struct store *s, uint32_t number, bool is_temporary, char *path)
{
    char name[NAME_BYTES_MAX];

    snprintf(name, sizeof name, "state-%08" PRIu32 "%s", number, is_temporary ? ".tmp" : ".snap");
    file_path(s, name, path);
}

static uint32_t number_of(const char *name)
{
    return strncmp(name, "state-", 6) == 0 ? (uint32_t)strtoul(name + 6, NULL, 10) : 0;
}

static void note_name(void *context, const char *name)
{
    struct found *found = context;
    uint32_t number = number_of(name);

    if (number == 0 || strlen(name) >= NAME_BYTES_MAX) {
        return;
    }
    found->last = number > found->last ? number : found->last;
    if (found->count < FOUND_MAX) {
        snprintf(found->names[found->count++], NAME_BYTES_MAX, "%s", name);
    }
}

/* Removes those below that number. A file that remains does no harm. */
static void remove_below(struct store *s, const struct found *found, uint32_t number)
{
    for (uint32_t i = 0; i < found->count; i++) {
        char path[PATH_BYTES_MAX];

        if (number_of(found->names[i]) < number) {
            file_path(s, found->names[i], path);
            io_unlink(s->io, path);
        }
    }
}

static int list(struct store *s, struct found *ret_found)
{
    char path[PATH_BYTES_MAX];

    *ret_found = (struct found){.count = 0};
    directory_path(s, path);
    return io_dir_list(s->io, path, note_name, ret_found);
}

int snapshot_evidence_begin(struct store *s, uint32_t *ret_number)
{
    struct found found;
    char path[PATH_BYTES_MAX];
    int rv;

    *ret_number = 0;
    directory_path(s, path);
    rv = io_dir_make(s->io, path);
    rv = rv != 0 ? rv : io_dir_sync(s->io, s->dir);
    rv = rv != 0 ? rv : list(s, &found);
    if (rv == 0) {
        *ret_number = found.last + 1;
        MUTANT_DO(evidence_overwritten, *ret_number = 1);
    }
    return rv;
}

int snapshot_evidence_publish(struct store *s, uint32_t number)
{
    struct found found;
    char temporary[PATH_BYTES_MAX];
    char path[PATH_BYTES_MAX];
    int rv;

    snapshot_evidence_path(s, number, true, temporary);
    snapshot_evidence_path(s, number, false, path);
    rv = io_rename(s->io, temporary, path);
    directory_path(s, path);
    rv = rv != 0 ? rv : io_dir_sync(s->io, path);
    rv = rv != 0 ? rv : list(s, &found);
    if (rv == 0 && number > KEPT) {
        remove_below(s, &found, number - KEPT + 1);
    }
    return rv;
}
