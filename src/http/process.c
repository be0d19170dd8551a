#include "http/process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Fields of /proc/self/stat behind the name of the program, which is the second. */
enum {
    STAT_USER = 11,
    STAT_SYSTEM = 12,
    STAT_THREADS = 17,
    STAT_START = 19,
    STAT_MEMORY = 20,
    STAT_PAGES = 21,
    STAT_FIELDS = 22
};

static void put(struct buffer *out, const char *name, const char *type, const char *help,
                double value)
{
    buffer_printf(out, "# HELP process_%s %s.\n# TYPE process_%s %s\nprocess_%s %.17g\n", name,
                  help, name, type, name, value);
}

static bool read_file(const char *path, char *text, size_t text_size)
{
    FILE *file = fopen(path, "re");
    size_t size = file == NULL ? 0 : fread(text, 1, text_size - 1, file);

    if (file != NULL) {
        fclose(file);
    }
    text[size] = '\0';
    return size > 0;
}

static bool read_stat(double fields[STAT_FIELDS])
{
    char text[2048];
    char *at = read_file("/proc/self/stat", text, sizeof text) ? strrchr(text, ')') : NULL;

    for (int i = 0; i < STAT_FIELDS; i++) {
        at = at == NULL ? NULL : strchr(at + 1, ' ');
        fields[i] = at == NULL ? 0 : strtod(at, NULL); /* The first one is a letter. */
    }
    return at != NULL;
}

/* When the machine was started, in seconds since 1970; 0: unknown. */
static double boot_time_s(void)
{
    char line[256];
    double time_s = 0;
    FILE *file = fopen("/proc/stat", "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "btime ", 6) == 0) {
            time_s = strtod(line + 6, NULL);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return time_s;
}

static void put_files(struct buffer *out)
{
    struct rlimit limit;
    DIR *dir = opendir("/proc/self/fd");
    int count = -3; /* Its own and the entries of each folder do not count. */

    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
        put(out, "open_fds", "gauge", "Open file descriptors", count);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        put(out, "max_fds", "gauge", "Limit on open file descriptors", (double)limit.rlim_cur);
    }
}

void process_put_metrics(struct buffer *out)
{
    double fields[STAT_FIELDS];
    double ticks = (double)sysconf(_SC_CLK_TCK);

    if (read_stat(fields)) {
        put(out, "cpu_seconds_total", "counter", "Processor time that the process has used",
            (fields[STAT_USER] + fields[STAT_SYSTEM]) / ticks);
        put(out, "resident_memory_bytes", "gauge", "Memory that the process has in pages",
            fields[STAT_PAGES] * (double)sysconf(_SC_PAGESIZE));
        put(out, "virtual_memory_bytes", "gauge", "Addresses that the process has reserved",
            fields[STAT_MEMORY]);
        put(out, "start_time_seconds", "gauge", "When the process was started, since 1970",
            boot_time_s() + fields[STAT_START] / ticks);
        put(out, "threads", "gauge", "Threads of the process", fields[STAT_THREADS]);
    }
    put_files(out);
}
