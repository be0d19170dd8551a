#include "server/machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TEXT_BYTES = 4096 };

/* Reads "first-last", or "first" alone, and moves on behind it. False if there is none. */
static bool take_range(const char **at, char separator, unsigned long *ret_first,
                       unsigned long *ret_last)
{
    char *end;

    *ret_first = strtoul(*at, &end, 10);
    if (end == *at) {
        return false;
    }
    *ret_last = *ret_first;
    if (*end == separator) {
        const char *second = end + 1;

        *ret_last = strtoul(second, &end, 10);
        if (end == second) {
            return false;
        }
    }
    *at = end;
    return true;
}

static bool is_reserved(uint16_t port, const char *reserved)
{
    unsigned long first;
    unsigned long last;

    while (take_range(&reserved, '-', &first, &last)) {
        if (port >= first && port <= last) {
            return true;
        }
        if (*reserved == ',') {
            reserved++;
        }
    }
    return false;
}

bool machine_port_is_ephemeral(uint16_t port, const char *range, const char *reserved)
{
    unsigned long first;
    unsigned long last;

    return take_range(&range, '\t', &first, &last) && port >= first && port <= last &&
           !is_reserved(port, reserved);
}

/* An empty text if the file can't be read. */
static void read_text(const char *path, char text[TEXT_BYTES])
{
    FILE *file = fopen(path, "re");
    size_t size = 0;

    if (file != NULL) {
        size = fread(text, 1, TEXT_BYTES - 1, file);
        fclose(file);
    }
    text[size] = '\0';
}

static void check_port(const char *whose, uint16_t port, const char *range, const char *reserved,
                       const struct log *log)
{
    if (machine_port_is_ephemeral(port, range, reserved)) {
        log_write(log, LOG_WARN,
                  "the system may give this port to another program while this node is down",
                  "port=%u for=%s advice=" LOG_Q, (unsigned)port, whose,
                  "choose one outside net.ipv4.ip_local_port_range, or name it in "
                  "net.ipv4.ip_local_reserved_ports");
    }
}

static void check_directory(const char *path, const struct log *log)
{
    struct stat found;

    if (stat(path, &found) == 0 && (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        log_write(log, LOG_WARN, "other users may write to the data directory",
                  "directory=" LOG_Q " mode=%04o advice=" LOG_Q, path,
                  (unsigned)(found.st_mode & 07777), "chmod 700");
    }
}

void machine_check(const struct server_config *config, const struct log *log)
{
    char range[TEXT_BYTES];
    char reserved[TEXT_BYTES];

    read_text("/proc/sys/net/ipv4/ip_local_port_range", range);
    read_text("/proc/sys/net/ipv4/ip_local_reserved_ports", reserved);
    check_port("clients", config->address.port, range, reserved, log);
    check_port("peers", config->peer_port, range, reserved, log);
    check_directory(config->data_dir, log);
}

/* A new file system has a lost+found of its own. */
static bool is_content(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lost+found") != 0;
}

bool machine_may_found(const char *data_dir, char *text, size_t text_size)
{
    DIR *dir = opendir(data_dir);
    struct dirent *found = NULL;

    if (dir == NULL) {
        return true; /* It is not there, or the store reports what is wrong with it. */
    }
    do {
        found = readdir(dir);
    } while (found != NULL && !is_content(found->d_name));
    closedir(dir);
    if (found != NULL) {
        return true;
    }
    snprintf(text, text_size,
             "the data directory %s is there, but empty. If a volume belongs there, mount it. To "
             "make a new cluster in it, start with --new-cluster; to join one, name a contact",
             data_dir);
    return false;
}
