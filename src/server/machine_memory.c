#include "server/machine_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The number in a file; UINT64_MAX if there is none: "max", or the file is missing. */
static uint64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[32] = "";
    unsigned long long value;
    char *end;

    if (file == NULL) {
        return UINT64_MAX;
    }
    if (fgets(line, sizeof line, file) == NULL) {
        line[0] = '\0';
    }
    fclose(file);
    value = strtoull(line, &end, 10);
    return end == line ? UINT64_MAX : value;
}

/* The smallest limit of the group and of those that contain it. In a container, the path may
 * begin above what is mounted there: then only the last step finds a file. */
static uint64_t limit_of_group(const char *mount, char *group, const char *name)
{
    uint64_t bytes = UINT64_MAX;
    char path[2 * PATH_BYTES];
    char *slash;

    do {
        snprintf(path, sizeof path, "%s%s/%s", mount, group, name);
        bytes = least(bytes, read_limit(path));
        slash = strrchr(group, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    } while (slash != NULL);
    return bytes;
}

static bool names_memory(const char *controllers)
{
    const char *at = strstr(controllers, "memory");

    return at != NULL && (at == controllers || at[-1] == ',') &&
           (at[strlen("memory")] == '\0' || at[strlen("memory")] == ',');
}

/* For a line "number:controllers:group", which it changes. With version 2 of control groups, the
 * line names no controllers. */
static uint64_t limit_of_line(const char *root, char *line)
{
    char mount[PATH_BYTES];
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');

    if (group == NULL) {
        return UINT64_MAX;
    }
    *group++ = '\0';
    controllers++;
    group[strcspn(group, "\n")] = '\0';
    if (controllers[0] == '\0') {
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
        return limit_of_group(mount, group, "memory.max");
    }
    if (!names_memory(controllers)) {
        return UINT64_MAX;
    }
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/memory", root);
    return limit_of_group(mount, group, "memory.limit_in_bytes");
}

uint64_t cgroup_memory_bytes(const char *root)
{
    char path[PATH_BYTES];
    char line[PATH_BYTES];
    uint64_t bytes = UINT64_MAX;

    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);

    FILE *file = fopen(path, "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        bytes = least(bytes, limit_of_line(root, line));
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

static uint64_t resource_limit(int resource)
{
    struct rlimit limit;

    return getrlimit((__rlimit_resource_t)resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY
               ? UINT64_MAX
               : limit.rlim_cur;
}

uint64_t machine_memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t bytes =
        pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;

    bytes = least(bytes, cgroup_memory_bytes(""));
    bytes = least(bytes, resource_limit(RLIMIT_AS));
    bytes = least(bytes, resource_limit(RLIMIT_DATA));
    return bytes == UINT64_MAX ? 0 : bytes;
}
