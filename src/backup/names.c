#include "backup/names.h"

#include <stdio.h>
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

void backup_directory(char *path, const char *file)
{
    const char *slash = strrchr(file, '/');

    if (slash == NULL) {
        snprintf(path, PATH_BYTES_MAX, ".");
    } else {
        snprintf(path, PATH_BYTES_MAX, "%.*s", slash == file ? 1 : (int)(slash - file), file);
    }
}
