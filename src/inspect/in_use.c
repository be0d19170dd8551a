#include "inspect/in_use.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "store/files.h"

static bool is_same_file(const struct stat *file, unsigned device_major, unsigned device_minor,
                         unsigned long inode)
{
    return major(file->st_dev) == device_major && minor(file->st_dev) == device_minor &&
           file->st_ino == inode;
}

/* "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF" */
static bool is_locked(const struct stat *file, FILE *locks)
{
    char line[256];
    unsigned device_major;
    unsigned device_minor;
    unsigned long inode;

    while (fgets(line, sizeof line, locks) != NULL) {
        if (sscanf(line, "%*d: FLOCK %*s %*s %*d %x:%x:%lu", &device_major, &device_minor,
                   &inode) == 3 &&
            is_same_file(file, device_major, device_minor, inode)) {
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
