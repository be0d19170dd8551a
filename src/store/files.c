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

void head_init(char *sector, const char *magic, uint64_t cluster_id, uint64_t node_id)
{
    memset(sector, 0, SECTOR_BYTES);
    memcpy(sector, magic, 8);
    put_u32(sector + 8, FORMAT_VERSION);
    put_u64(sector + 16, cluster_id);
    put_u64(sector + 24, node_id);
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
    /* Before the checksum: another version may keep it elsewhere. */
    if (get_u32(sector + 8) != FORMAT_VERSION && !MUTANT(unknown_version_accepted)) {
        return HEAD_VERSION;
    }
    return get_u64(sector + HEAD_CHECKSUM_AT) == checksum(sector, HEAD_CHECKSUM_AT) ? HEAD_OK
                                                                                    : HEAD_BAD;
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
