#include "server/machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mutant.h"

enum { TEXT_BYTES = 4096 };

/* Reads "first-last", or "first" alone, and moves *at past it. False if there is none. */
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

uint64_t machine_disk_bytes(const char *data_dir)
{
    struct statvfs found;
    char parent[4096];
    char *slash;

    snprintf(parent, sizeof parent, "%s", data_dir);
    slash = strrchr(parent, '/');
    if (slash != NULL && slash > parent) {
        *slash = '\0';
    }
    if (statvfs(data_dir, &found) != 0 && statvfs(slash == NULL ? "." : parent, &found) != 0) {
        return 0;
    }
    return (uint64_t)found.f_blocks * found.f_frsize;
}

/* A new file system has lost+found in it; hidden names do not count either. */
static bool is_content(const char *name)
{
    return name[0] != '.' && strcmp(name, "lost+found") != 0;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* If one of these exists, a node has used the directory, and the store checks what is missing. */
static bool is_of_a_node(const char *name)
{
    static const char *const names[] = {"identity", "cluster-key", "vote-a", "vote-b"};

    return is_one_of(name, names, sizeof names / sizeof *names) ||
           (strncmp(name, "log-", 4) == 0 && strstr(name, ".seg") != NULL);
}

/* Files that remain of a first start that was interrupted early. */
static bool is_of_a_start(const char *name)
{
    static const char *const names[] = {"lock", "identity.tmp"};

    return is_one_of(name, names, sizeof names / sizeof *names);
}

struct contents {
    bool has_node;
    bool has_start;
    char stranger[256]; /* A file that no node has created; "": none. */
};

/* False if the directory does not exist or can't be read, which the store then reports. */
static bool look_into(const char *path, struct contents *ret_contents)
{
    DIR *dir = opendir(path);
    struct dirent *found;

    *ret_contents = (struct contents){0};
    if (dir == NULL) {
        return false;
    }
    while ((found = readdir(dir)) != NULL) {
        if (is_of_a_node(found->d_name)) {
            ret_contents->has_node = true;
        } else if (is_of_a_start(found->d_name)) {
            ret_contents->has_start = true;
        } else if (is_content(found->d_name)) {
            snprintf(ret_contents->stranger, sizeof ret_contents->stranger, "%s", found->d_name);
        }
    }
    closedir(dir);
    return true;
}

bool machine_may_begin(const char *data_dir, bool has_contact, char *text, size_t text_size)
{
    struct contents contents;

    if (!look_into(data_dir, &contents) || contents.has_node) {
        return true;
    }
    if (contents.stranger[0] != '\0' && !MUTANT(strangers_directory_taken)) {
        snprintf(text, text_size,
                 "the directory %s is no data directory of a node: %s is in it. Name another one "
                 "with --data%s",
                 data_dir, contents.stranger,
                 has_contact
                     ? ""
                     : "; to make a new cluster in it all the same, start with --new-cluster");
        return false;
    }
    if (has_contact || contents.has_start) {
        return true;
    }
    snprintf(text, text_size,
             "the data directory %s is there, but empty. If a volume belongs there, mount it. To "
             "make a new cluster in it, start with --new-cluster; to join one, name a contact",
             data_dir);
    return false;
}
