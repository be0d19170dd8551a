#include "inspect/in_use.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "store/files.h"

/* "fd:01:5678": major and minor number of the device, inode. */
static bool is_place_of(const char *text, const struct stat *file)
{
    char *end = NULL;
    unsigned long device_major = strtoul(text, &end, 16);
    unsigned long device_minor = *end == ':' ? strtoul(end + 1, &end, 16) : ULONG_MAX;
    unsigned long inode = *end == ':' ? strtoul(end + 1, &end, 10) : ULONG_MAX;

    return *end == '\0' && major(file->st_dev) == device_major &&
           minor(file->st_dev) == device_minor && file->st_ino == inode;
}

/* "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF" */
static bool is_lock_of(char *line, const struct stat *file)
{
    enum { FIELD_KIND = 1, FIELD_PLACE = 5 };
    char *rest = line;
    int count = 0;

    for (char *field; (field = strsep(&rest, " \n")) != NULL;) {
        if (field[0] == '\0') {
            continue;
        }
        if (count == FIELD_KIND && strcmp(field, "FLOCK") != 0) {
            return false;
        }
        if (count == FIELD_PLACE) {
            return is_place_of(field, file);
        }
        count++;
    }
    return false;
}

static bool is_locked(const struct stat *file, FILE *locks)
{
    char line[256];

    while (fgets(line, sizeof line, locks) != NULL) {
        if (is_lock_of(line, file)) {
            return true;
        }
    }
    return false;
}

static bool path_is_locked(const char *path)
{
    struct stat file;
    FILE *locks = fopen("/proc/locks", "re");
    bool result = locks != NULL && stat(path, &file) == 0 && is_locked(&file, locks);

    if (locks != NULL) {
        (void)fclose(locks);
    }
    return result;
}

bool directory_is_in_use(const char *dir)
{
    char path[PATH_BYTES_MAX];

    store_path(path, dir, "lock");
    return path_is_locked(dir) || path_is_locked(path);
}
