#include "store/files.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/mutant.h"
#include "store/basics.h"

int complain(struct complaint *c, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (c->size > 0 && c->text[0] == '\0') {
        vsnprintf(c->text, c->size, format, arguments);
    }
    va_end(arguments);
    return code;
}

void store_path(char *path, const char *dir, const char *name)
{
    int size = snprintf(path, PATH_BYTES_MAX, "%s/%s", dir, name);

    CHECK(size > 0 && size < PATH_BYTES_MAX);
}

void segment_name(char *name, uint64_t number)
{
    snprintf(name, NAME_BYTES_MAX, "log-%016" PRIx64 ".seg", number);
}

void segment_path(const char *dir, uint64_t number, char *path)
{
    char name[NAME_BYTES_MAX];

    segment_name(name, number);
    store_path(path, dir, name);
}

void segment_paths(const char *dir, uint64_t number, char *path, char *temporary)
{
    char name[NAME_BYTES_MAX];

    segment_name(name, number);
    store_path(path, dir, name);
    strcat(name, ".tmp");
    store_path(temporary, dir, name);
}

uint64_t segment_number_of(const char *name)
{
    char again[NAME_BYTES_MAX];
    uint64_t number = 0;

    if (strncmp(name, "log-", 4) != 0) {
        return 0;
    }
    number = strtoull(name + 4, NULL, 16);
    segment_name(again, number);
    return strcmp(again, name) == 0 ? number : 0;
}

/* Offsets in each first sector; docs/DISK_FORMAT.md, "Files". */
enum { AT_VERSION = 8, AT_GROUP = 12, AT_CLUSTER = 16, AT_NODE = 24 };

void head_init(char *sector, const char *magic, const struct store_identity *identity)
{
    memset(sector, 0, SECTOR_BYTES);
    memcpy(sector, magic, 8);
    put_u32(sector + AT_VERSION, FORMAT_VERSION);
    put_u32(sector + AT_GROUP, identity->group);
    put_u64(sector + AT_CLUSTER, identity->cluster_id);
    put_u64(sector + AT_NODE, identity->node_id);
}

void head_seal(char *sector)
{
    put_u64(sector + HEAD_CHECKSUM_AT, checksum(sector, HEAD_CHECKSUM_AT));
}

enum head_verdict head_check(const char *sector, const char *magic)
{
    if (memcmp(sector, magic, 8) != 0) {
        return HEAD_BAD;
    }
    /* Checked before the checksum, which another version may have elsewhere. */
    if (head_version(sector) != FORMAT_VERSION && !MUTANT(unknown_version_accepted)) {
        return HEAD_VERSION;
    }
    return get_u64(sector + HEAD_CHECKSUM_AT) == checksum(sector, HEAD_CHECKSUM_AT) ? HEAD_OK
                                                                                    : HEAD_BAD;
}

struct store_identity head_identity(const char *sector)
{
    return (struct store_identity){
        .cluster_id = get_u64(sector + AT_CLUSTER),
        .node_id = get_u64(sector + AT_NODE),
        .group = get_u32(sector + AT_GROUP),
    };
}

bool identity_is_of_cluster(const struct store_identity *found,
                            const struct store_identity *identity)
{
    return found->cluster_id == identity->cluster_id &&
           (found->group == identity->group || MUTANT(group_ignored));
}

bool head_belongs(const char *sector, const struct store_identity *identity)
{
    struct store_identity found = head_identity(sector);

    return identity_is_of_cluster(&found, identity) && found.node_id == identity->node_id;
}

uint32_t head_version(const char *sector)
{
    return get_u32(sector + AT_VERSION);
}

const char *version_advice(uint32_t version)
{
    return version < FORMAT_VERSION
               ? "nothing was changed; a directory of an older version cannot be taken over: give "
                 "this node an empty directory and let it join its cluster, or, for a whole "
                 "cluster, copy the data with a client from the older program (docs/OPERATIONS.md, "
                 "\"Upgrade\")"
               : "nothing was changed; start it with the program that wrote it";
}

bool sector_is_zero(const char *sector)
{
    return sector[0] == 0 && memcmp(sector, sector + 1, SECTOR_BYTES - 1) == 0;
}

int file_replace(struct io *io, const char *dir, const char *name, const void *data, size_t size)
{
    char temporary_name[NAME_BYTES_MAX];
    char temporary[PATH_BYTES_MAX];
    char path[PATH_BYTES_MAX];
    struct io_file *file = NULL;
    int rv = 0;

    snprintf(temporary_name, sizeof temporary_name, "%s.tmp", name);
    store_path(temporary, dir, temporary_name);
    store_path(path, dir, name);
    rv = io_file_open(io, temporary, IO_CREATE, &file);
    if (rv != 0) {
        return rv;
    }
    rv = io_file_truncate(file, 0);
    if (rv == 0) {
        rv = io_file_write(file, 0, data, size);
    }
    if (rv == 0) {
        rv = io_file_sync(file);
    }
    io_file_close(file);
    if (rv == 0) {
        rv = io_rename(io, temporary, path);
    }
    return rv;
}
