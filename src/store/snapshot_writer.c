#include "store/snapshot_writer.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/snapshot_reader.h"

enum {
    PAGE_BYTES = 4096,
    WRITE_BYTES = 1024 * 1024, /* At once. */
    ZSTD_LEVEL = 1,
};

static void take_memory(struct snapshot_writer *writer)
{
    writer->capacity = WRITE_BYTES;
    writer->data = memory_take_aligned(writer->capacity, PAGE_BYTES);
    writer->zstd = ZSTD_createCCtx();
    CHECK(writer->zstd != NULL);
}

int snapshot_writer_open(struct snapshot_writer *writer, struct io *io, const char *path,
                         const struct store_identity *identity,
                         const struct store_snapshot *snapshot)
{
    return snapshot_writer_open_as(writer, io, path, MAGIC_SNAPSHOT, identity, snapshot);
}

int snapshot_writer_open_as(struct snapshot_writer *writer, struct io *io, const char *path,
                            const char *magic, const struct store_identity *identity,
                            const struct store_snapshot *snapshot)
{
    *writer = (struct snapshot_writer){0};

    int rv = io_file_open(io, path, IO_CREATE, &writer->file);

    if (rv != 0) {
        return rv;
    }
    take_memory(writer);
    writer->checksum = snapshot_head_encode_as(writer->data, magic, identity, snapshot);
    writer->size = SECTOR_BYTES;
    return io_file_truncate(writer->file, 0);
}

int snapshot_writer_continue(struct snapshot_writer *writer, struct io *io, const char *path,
                             const struct snapshot_reader *reader)
{
    *writer = (struct snapshot_writer){
        .at = reader->at,
        .checksum = reader->checksum,
        .totals = {.chunks = reader->number, .raw_bytes = reader->raw_bytes}};

    int rv = io_file_open(io, path, 0, &writer->file);

    if (rv != 0) {
        return rv;
    }
    take_memory(writer);
    return io_file_truncate(writer->file, writer->at);
}

void snapshot_writer_close(struct snapshot_writer *writer)
{
    if (writer->file != NULL) {
        io_file_close(writer->file);
    }
    free(writer->data);
    ZSTD_freeCCtx(writer->zstd);
    *writer = (struct snapshot_writer){0};
}

static int flush(struct snapshot_writer *writer)
{
    int rv = MUTANT(snapshot_not_synced)
                 ? io_file_write(writer->file, writer->at, writer->data, writer->size)
                 : io_file_write_durable(writer->file, writer->at, writer->data, writer->size);

    writer->at += writer->size;
    writer->size = 0;
    return rv;
}

/* Makes room for so many more bytes. */
static char *reserve(struct snapshot_writer *writer, uint64_t bytes)
{
    if (bytes > writer->capacity - writer->size) {
        char *data = memory_take_aligned(sectors_round_up(writer->size + bytes), PAGE_BYTES);

        memcpy(data, writer->data, writer->size);
        free(writer->data);
        writer->data = data;
        writer->capacity = sectors_round_up(writer->size + bytes);
    }
    return writer->data + writer->size;
}

static void add_chunk(struct snapshot_writer *writer, char *to, struct chunk_head *head)
{
    head->number = writer->totals.chunks + 1;
    head->previous = writer->checksum;
    chunk_encode(to, head);
    writer->checksum = head->checksum;
    writer->size += chunk_bytes(head->stored_bytes);
}

/* Stores the content compressed, or as it is if that is not larger. Returns the size of the
 * result. */
static uint32_t store_body(struct snapshot_writer *writer, char *to, struct slice content,
                           uint32_t *flags)
{
    size_t size = ZSTD_compressCCtx(writer->zstd, to, ZSTD_compressBound(content.size),
                                    content.data, content.size, ZSTD_LEVEL);

    CHECK(!ZSTD_isError(size));
    if (size < content.size) {
        *flags |= CHUNK_COMPRESSED;
        return (uint32_t)size;
    }
    memcpy(to, content.data, content.size);
    return (uint32_t)content.size;
}

int snapshot_writer_put(struct snapshot_writer *writer, const char *section, uint32_t flags,
                        struct slice content)
{
    struct chunk_head head = {.flags = flags, .raw_bytes = (uint32_t)content.size};
    char *to = reserve(writer, CHUNK_HEAD_BYTES + ZSTD_compressBound(content.size) + SECTOR_BYTES);

    CHECK(content.size <= SNAPSHOT_CHUNK_MAX);
    CHECK(strlen(section) <= SNAPSHOT_SECTION_MAX && strcmp(section, SNAPSHOT_END) != 0);
    memcpy(head.section, section, strlen(section));
    head.stored_bytes = store_body(writer, to + CHUNK_HEAD_BYTES, content, &head.flags);
    add_chunk(writer, to, &head);
    writer->totals.chunks++;
    writer->totals.raw_bytes += head.raw_bytes;
    return writer->size >= WRITE_BYTES ? flush(writer) : 0;
}

int snapshot_writer_end(struct snapshot_writer *writer, struct store_snapshot *snapshot)
{
    struct chunk_head head = {
        .section = SNAPSHOT_END, .raw_bytes = END_BODY_BYTES, .stored_bytes = END_BODY_BYTES};
    char *to = reserve(writer, SECTOR_BYTES);

    writer->totals.file_bytes = writer->at + writer->size + SECTOR_BYTES;
    totals_encode(to + CHUNK_HEAD_BYTES, &writer->totals);
    add_chunk(writer, to, &head);
    snapshot->bytes = writer->totals.file_bytes;
    snapshot->checksum = writer->checksum;

    int rv = flush(writer);

    return rv != 0 || MUTANT(snapshot_not_synced) ? rv : io_file_sync(writer->file);
}
