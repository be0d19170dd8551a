#include "store/log_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/mutant.h"

enum { KEEP_BYTES = 8 * 1024 * 1024 }; /* A window that grew larger is freed. */

/* Checks the first sector of a segment. */
static enum file_state judge_segment(struct log_reader *reader, const char *sector,
                                     const struct store_identity *identity, uint64_t number)
{
    struct segment_head head;
    int64_t size = io_file_size(reader->file);

    switch (head_check(sector, MAGIC_SEGMENT)) {
    case HEAD_VERSION:
        reader->version = head_version(sector);
        return FILE_VERSION;
    case HEAD_BAD:
        return FILE_DAMAGED;
    case HEAD_OK:
        break;
    }
    segment_head_decode(sector, &head);
    if (!head_belongs(sector, identity) ||
        (head.number != number && !MUTANT(segment_number_ignored))) {
        return FILE_FOREIGN;
    }
    reader->file_bytes = head.bytes;
    reader->is_reused = head.reused != 0;
    reader->found_bytes = size < 0 ? 0 : (uint64_t)size;
    reader->place.identity = *identity;
    reader->place.segment = number;
    reader->place.salt = head.salt;
    return reader->found_bytes < head.bytes ? FILE_SHORT : FILE_GOOD;
}

static enum file_state read_first_sector(struct log_reader *reader,
                                         const struct store_identity *identity, uint64_t number)
{
    char sector[SECTOR_BYTES];
    int64_t size = io_file_read(reader->file, 0, sector, sizeof sector);

    if (size < 0) {
        reader->error = (int)size;
        return FILE_UNREADABLE;
    }
    memset(sector + size, 0, sizeof sector - (size_t)size);
    return judge_segment(reader, sector, identity, number);
}

enum file_state log_reader_open(struct log_reader *reader, struct io *io, const char *dir,
                                const struct store_identity *identity, uint64_t number,
                                uint64_t window_bytes)
{
    char path[PATH_BYTES_MAX];

    memset(reader, 0, sizeof *reader);
    reader->window_bytes = window_bytes;
    segment_path(dir, number, path);
    reader->error = io_file_open(io, path, IO_READ_ONLY, &reader->file);
    if (reader->error != 0) {
        return FILE_UNREADABLE;
    }

    enum file_state state = read_first_sector(reader, identity, number);

    if (state != FILE_GOOD) {
        log_reader_close(reader);
    }
    return state;
}

void log_reader_close(struct log_reader *reader)
{
    if (reader->file != NULL) {
        io_file_close(reader->file);
        reader->file = NULL;
    }
    free(reader->data);
    reader->data = NULL;
    reader->capacity = 0;
    reader->size = 0;
}

/* The window begins at `offset` from now on, and has room for so many bytes, more than it has from
 * there; it keeps these. */
static void move_window(struct log_reader *reader, uint64_t offset, uint64_t bytes)
{
    uint64_t passed = offset - reader->start;
    bool overlaps = offset >= reader->start && passed < reader->size;
    uint64_t kept = overlaps ? reader->size - passed : 0;
    const char *from = overlaps ? reader->data + passed : NULL;

    if (bytes > reader->capacity || (reader->capacity > KEEP_BYTES && bytes <= KEEP_BYTES)) {
        char *data = memory_take(bytes);

        if (kept > 0) {
            memcpy(data, from, kept);
        }
        free(reader->data);
        reader->data = data;
        reader->capacity = bytes;
    } else if (kept > 0) {
        memmove(reader->data, from, kept);
    }
    reader->start = offset;
    reader->size = kept;
}

const char *log_reader_view(struct log_reader *reader, uint64_t offset, uint64_t size)
{
    reader->error = 0;
    if (offset > reader->file_bytes || size > reader->file_bytes - offset) {
        return NULL;
    }
    if (offset >= reader->start && offset - reader->start <= reader->size &&
        size <= reader->size - (offset - reader->start)) {
        return reader->data + (offset - reader->start);
    }

    uint64_t wanted = size > reader->window_bytes ? size : reader->window_bytes;

    if (wanted > reader->file_bytes - offset) {
        wanted = reader->file_bytes - offset;
    }
    move_window(reader, offset, wanted);

    int64_t count = io_file_read(reader->file, offset + reader->size, reader->data + reader->size,
                                 wanted - reader->size);

    if (count < 0) {
        reader->error = (int)count;
        return NULL;
    }
    reader->size += (uint64_t)count;
    return size <= reader->size ? reader->data : NULL;
}

const char *log_reader_head(struct log_reader *reader, uint64_t offset, struct batch_head *ret_head)
{
    const char *data = log_reader_view(reader, offset, SECTOR_BYTES);
    uint64_t head_bytes = data == NULL ? 0 : batch_head_expect(data);

    if (head_bytes == 0) {
        return NULL;
    }
    data = log_reader_view(reader, offset, head_bytes);
    reader->place.offset = offset;
    if (data == NULL || !batch_head_decode(data, &reader->place, ret_head)) {
        return NULL;
    }
    if (ret_head->batch_bytes > reader->file_bytes - offset ||
        ret_head->batch_bytes % SECTOR_BYTES != 0 ||
        ret_head->batch_bytes < batch_head_bytes(ret_head->entry_count)) {
        return NULL; /* We never write this; the checksum fits by chance. */
    }
    return data;
}
