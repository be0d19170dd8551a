#include "backup/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void backup_path(char *path, const char *file, uint32_t number)
{
    CHECK(strlen(file) <= BACKUP_NAME_MAX);
    if (number == 0) {
        snprintf(path, PATH_BYTES_MAX, "%s", file);
    } else {
        snprintf(path, PATH_BYTES_MAX, "%s.%u", file, (unsigned)number);
    }
}

void backup_part_path(char *path, const char *file, uint32_t number)
{
    backup_path(path, file, number);
    memcpy(path + strlen(path), ".part", sizeof ".part");
}

struct search {
    const char *name; /* Of FILE, without its directory. */
    uint32_t last;
};

static void note_name(void *context, const char *name)
{
    struct search *search = context;
    char again[PATH_BYTES_MAX];
    size_t size = strlen(search->name);
    unsigned long number;

    if (strncmp(name, search->name, size) != 0 || name[size] != '.') {
        return;
    }
    number = strtoul(name + size + 1, NULL, 10);
    if (number == 0 || number > UINT32_MAX) {
        return;
    }
    backup_path(again, search->name, (uint32_t)number);
    if (strcmp(again, name) == 0 && number > search->last) {
        search->last = (uint32_t)number;
    }
}

int backup_find_last(struct io *io, const char *file, uint32_t *ret_number)
{
    const char *slash = strrchr(file, '/');
    struct search search = {.name = slash == NULL ? file : slash + 1};
    char directory[PATH_BYTES_MAX];
    int rv;

    backup_directory(directory, file);
    rv = io_dir_list(io, directory, note_name, &search);
    *ret_number = search.last;
    return rv;
}

void backup_directory(char *path, const char *file)
{
    const char *slash = strrchr(file, '/');

    if (slash == NULL) {
        snprintf(path, PATH_BYTES_MAX, ".");
    } else {
        snprintf(path, PATH_BYTES_MAX, "%.*s", slash == file ? 1 : (int)(slash - file), file);
    }
}
