#include "store/snapshot_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"

enum { WINDOW_BYTES = 256 * 1024 }; /* So much stays in the cache of a processor. */

/* --- opening --- */

static enum file_state judge_head(struct snapshot_reader *reader, const char *sector,
                                  const char *magic)
{
    switch (head_check(sector, magic)) {
    case HEAD_VERSION:
        reader->version = head_version(sector);
        return FILE_VERSION;
    case HEAD_BAD:
        return FILE_DAMAGED;
    case HEAD_OK:
        break;
    }
    reader->checksum = snapshot_head_decode(sector, &reader->snapshot);
    reader->at = SECTOR_BYTES;
    reader->identity = head_identity(sector);
    return FILE_GOOD;
}

static enum file_state read_head(struct snapshot_reader *reader, const char *magic)
{
    char sector[SECTOR_BYTES];
    int64_t bytes = io_file_size(reader->file);
    int64_t size = bytes < 0 ? bytes : io_file_read(reader->file, 0, sector, sizeof sector);

    if (size < 0) {
        reader->error = (int)size;
        return FILE_UNREADABLE;
    }
    reader->file_bytes = (uint64_t)bytes;
    return size < SECTOR_BYTES ? FILE_DAMAGED : judge_head(reader, sector, magic);
}

enum file_state snapshot_reader_open_any(struct snapshot_reader *reader, struct io *io,
                                         const char *path, const char *magic)
{
    *reader = (struct snapshot_reader){0};
    reader->error = io_file_open(io, path, IO_READ_ONLY, &reader->file);
    if (reader->error != 0) {
        return reader->error == -ENOENT ? FILE_MISSING : FILE_UNREADABLE;
    }

    enum file_state state = read_head(reader, magic);

    if (state != FILE_GOOD) {
        snapshot_reader_close(reader);
    }
    return state;
}

enum file_state snapshot_reader_open(struct snapshot_reader *reader, struct io *io,
                                     const char *path, const struct store_identity *identity)
{
    enum file_state state = snapshot_reader_open_any(reader, io, path, MAGIC_SNAPSHOT);

    if (state == FILE_GOOD && !identity_is_of_cluster(&reader->identity, identity)) {
        snapshot_reader_close(reader);
        return FILE_FOREIGN;
    }
    return state;
}

void snapshot_reader_close(struct snapshot_reader *reader)
{
    if (reader->file != NULL) {
        io_file_close(reader->file);
    }
    free(reader->data);
    free(reader->raw);
    ZSTD_freeDCtx(reader->zstd);
    reader->file = NULL;
    reader->data = NULL;
    reader->raw = NULL;
    reader->zstd = NULL;
}

/* --- reading --- */

static void make_room(struct snapshot_reader *reader, uint64_t size)
{
    if (size > reader->capacity) {
        reader->data = memory_resize(reader->data, size);
        reader->capacity = size;
    }
}

/* Reads bytes of the file from `offset` on, which must not be before the window; 0 or an error. */
static int view(struct snapshot_reader *reader, uint64_t offset, uint64_t size,
                const char **ret_data)
{
    if (offset > reader->file_bytes || size > reader->file_bytes - offset) {
        return -EBADMSG;
    }
    CHECK(offset >= reader->start);
    if (offset + size > reader->start + reader->size) {
        uint64_t passed = offset - reader->start;
        uint64_t kept = passed < reader->size ? reader->size - passed : 0;
        uint64_t left = reader->file_bytes - offset;
        uint64_t wanted = size > WINDOW_BYTES ? size : WINDOW_BYTES;

        wanted = wanted < left ? wanted : left;
        make_room(reader, wanted);
        memmove(reader->data, reader->data + (reader->size - kept), kept);
        reader->start = offset;
        reader->size = kept;

        int64_t count =
            io_file_read(reader->file, offset + kept, reader->data + kept, wanted - kept);

        if (count < 0) {
            return (int)count;
        }
        reader->size += (uint64_t)count;
        if (reader->size < size) {
            return -EBADMSG;
        }
    }
    *ret_data = reader->data + (offset - reader->start);
    return 0;
}

/* Reads the next chunk and verifies it as it is stored. */
static int read_stored(struct snapshot_reader *reader, struct chunk_head *ret_head,
                       const char **ret_data)
{
    int rv = view(reader, reader->at, CHUNK_HEAD_BYTES, ret_data);

    if (rv != 0) {
        return rv;
    }
    if (!chunk_head_decode(*ret_data, ret_head) || ret_head->number != reader->number + 1 ||
        (ret_head->previous != reader->checksum && !MUTANT(chunk_chain_ignored))) {
        return -EBADMSG;
    }
    rv = view(reader, reader->at, chunk_bytes(ret_head->stored_bytes), ret_data);
    return rv == 0 && !chunk_is_good(*ret_data, ret_head) ? -EBADMSG : rv;
}

static void advance(struct snapshot_reader *reader, const struct chunk_head *head)
{
    reader->at += chunk_bytes(head->stored_bytes);
    reader->checksum = head->checksum;
    reader->number = head->number;
    reader->raw_bytes += head->raw_bytes;
}

/* The last chunk must end the file, and contain its length. */
static int take_end(struct snapshot_reader *reader, const struct chunk_head *head, const char *data)
{
    struct snapshot_totals totals;

    totals_decode(data + CHUNK_HEAD_BYTES, &totals);
    if (totals.chunks != reader->number || totals.raw_bytes != reader->raw_bytes ||
        totals.file_bytes != reader->at + chunk_bytes(head->stored_bytes) ||
        totals.file_bytes != reader->file_bytes) {
        return -EBADMSG;
    }
    reader->at = totals.file_bytes;
    reader->snapshot.bytes = totals.file_bytes;
    reader->snapshot.checksum = head->checksum;
    return SNAPSHOT_AT_END;
}

static int decompress(struct snapshot_reader *reader, const struct chunk_head *head,
                      const char *body, struct slice *ret_content)
{
    if (head->raw_bytes > reader->raw_capacity) {
        reader->raw = memory_resize(reader->raw, head->raw_bytes);
        reader->raw_capacity = head->raw_bytes;
    }
    if (reader->zstd == NULL) {
        reader->zstd = ZSTD_createDCtx();
        CHECK(reader->zstd != NULL);
    }

    size_t size =
        ZSTD_decompressDCtx(reader->zstd, reader->raw, head->raw_bytes, body, head->stored_bytes);

    *ret_content = slice_of(reader->raw, head->raw_bytes);
    return size == head->raw_bytes ? 0 : -EBADMSG;
}

static int open_body(struct snapshot_reader *reader, const struct chunk_head *head,
                     const char *data, struct snapshot_chunk *ret_chunk)
{
    const char *body = data + CHUNK_HEAD_BYTES;
    bool is_compressed = (head->flags & CHUNK_COMPRESSED) != 0;

    memcpy(ret_chunk->section, head->section, sizeof ret_chunk->section);
    ret_chunk->is_optional = (head->flags & SNAPSHOT_OPTIONAL) != 0;
    ret_chunk->content = slice_of(body, head->raw_bytes);
    if (is_compressed) {
        return decompress(reader, head, body, &ret_chunk->content);
    }
    return head->stored_bytes == head->raw_bytes ? 0 : -EBADMSG;
}

int snapshot_reader_next(struct snapshot_reader *reader, struct snapshot_chunk *ret_chunk)
{
    struct chunk_head head;
    const char *data = NULL;
    int rv = read_stored(reader, &head, &data);

    if (rv != 0 || chunk_is_end(&head)) {
        return rv != 0 ? rv : take_end(reader, &head, data);
    }
    rv = open_body(reader, &head, data, ret_chunk);
    if (rv != 0) {
        return rv;
    }
    advance(reader, &head);
    return SNAPSHOT_HAS_CHUNK;
}

int snapshot_reader_skip(struct snapshot_reader *reader)
{
    struct chunk_head head;
    const char *data = NULL;
    int rv = read_stored(reader, &head, &data);

    if (rv != 0 || chunk_is_end(&head)) {
        return rv != 0 ? rv : take_end(reader, &head, data);
    }
    advance(reader, &head);
    return SNAPSHOT_HAS_CHUNK;
}

static bool is_end_of(const struct snapshot_reader *reader, const char *sector,
                      struct chunk_head *ret_head, struct snapshot_totals *ret_totals)
{
    if (!chunk_head_decode(sector, ret_head) || !chunk_is_end(ret_head) ||
        !chunk_is_good(sector, ret_head)) {
        return false;
    }
    totals_decode(sector + CHUNK_HEAD_BYTES, ret_totals);
    return ret_totals->file_bytes == reader->file_bytes &&
           ret_totals->chunks + 1 == ret_head->number;
}

bool snapshot_reader_find_end(struct snapshot_reader *reader)
{
    char sector[SECTOR_BYTES];
    struct chunk_head head;
    struct snapshot_totals totals;

    if (reader->file_bytes < 2 * SECTOR_BYTES || reader->file_bytes % SECTOR_BYTES != 0) {
        return false;
    }

    int64_t size =
        io_file_read(reader->file, reader->file_bytes - SECTOR_BYTES, sector, sizeof sector);

    reader->error = size < 0 ? (int)size : 0;
    if (size != SECTOR_BYTES || !is_end_of(reader, sector, &head, &totals)) {
        return false;
    }
    reader->snapshot.bytes = totals.file_bytes;
    reader->snapshot.checksum = head.checksum;
    return true;
}
