#include "store/origin.h"

#include <errno.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/mutant.h"

/* No log ever reaches such numbers. */
static bool is_number(uint64_t number)
{
    return number > 0 && number >> 48 == 0;
}

static enum file_state decode(const char *sector, const struct store_identity *identity,
                              struct origin *ret_origin, uint32_t *ret_version)
{
    switch (head_check(sector, MAGIC_ORIGIN)) {
    case HEAD_VERSION:
        *ret_version = head_version(sector);
        return FILE_VERSION;
    case HEAD_BAD:
        return FILE_DAMAGED;
    case HEAD_OK:
        break;
    }
    if (!head_belongs(sector, identity)) {
        return FILE_FOREIGN;
    }
    *ret_origin = (struct origin){
        .entry = {.index = get_u64(sector + HEAD_FIELDS_AT),
                  .term = get_u64(sector + HEAD_FIELDS_AT + 8),
                  .time_us = get_u64(sector + HEAD_FIELDS_AT + 16)},
        .first_segment = get_u64(sector + HEAD_FIELDS_AT + 24),
        .batch = get_u64(sector + HEAD_FIELDS_AT + 32),
        .checksum = get_u64(sector + HEAD_FIELDS_AT + 40),
        .dropped_batch = get_u64(sector + HEAD_FIELDS_AT + 48),
    };
    bool is_beginning = ret_origin->entry.index == 0 && ret_origin->entry.term == 0;

    return (is_number(ret_origin->entry.index) || is_beginning) &&
                   is_number(ret_origin->first_segment)
               ? FILE_GOOD
               : FILE_DAMAGED;
}

enum file_state origin_read(struct io *io, const char *dir, const struct store_identity *identity,
                            struct origin *ret_origin, int *ret_error, uint32_t *ret_version)
{
    char path[PATH_BYTES_MAX];
    char sector[SECTOR_BYTES];
    struct io_file *file = NULL;

    *ret_origin = (struct origin){.first_segment = 1};
    store_path(path, dir, ORIGIN_NAME);
    *ret_error = io_file_open(io, path, IO_READ_ONLY, &file);
    if (*ret_error != 0) {
        bool is_missing = *ret_error == -ENOENT;

        *ret_error = is_missing ? 0 : *ret_error;
        return is_missing ? FILE_MISSING : FILE_UNREADABLE;
    }

    int64_t size = io_file_read(file, 0, sector, sizeof sector);

    io_file_close(file);
    if (size < 0) {
        *ret_error = (int)size;
        return FILE_UNREADABLE;
    }
    return size < SECTOR_BYTES ? FILE_DAMAGED : decode(sector, identity, ret_origin, ret_version);
}

int origin_write(struct io *io, const char *dir, const struct store_identity *identity,
                 const struct origin *origin)
{
    char sector[SECTOR_BYTES];

    head_init(sector, MAGIC_ORIGIN, identity);
    put_u64(sector + HEAD_FIELDS_AT, origin->entry.index);
    put_u64(sector + HEAD_FIELDS_AT + 8, origin->entry.term);
    put_u64(sector + HEAD_FIELDS_AT + 16, origin->entry.time_us);
    put_u64(sector + HEAD_FIELDS_AT + 24, origin->first_segment);
    put_u64(sector + HEAD_FIELDS_AT + 32, origin->batch);
    put_u64(sector + HEAD_FIELDS_AT + 40, origin->checksum);
    put_u64(sector + HEAD_FIELDS_AT + 48, origin->dropped_batch);
    head_seal(sector);

    int rv = file_replace(io, dir, ORIGIN_NAME, sector, sizeof sector);

    if (rv != 0 || MUTANT(origin_name_not_synced)) {
        return rv;
    }
    rv = io_dir_sync(io, dir);
    /* It has been renamed already, so this must not be tried again. */
    return rv == -ENOSPC || rv == -EDQUOT ? -EIO : rv;
}
