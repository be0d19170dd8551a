#include "backup/archive.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mutant.h"

#define SECTION_AFTER   "after"
#define SECTION_ENTRIES "entries"

/* Offsets in the first chunk. */
enum { AT_INDEX = 0, AT_TERM = 8, AT_TIME = 16, AT_CHECKSUM = 24, LINK_BYTES = 32 };

/* --- reading --- */

enum file_state archive_open(struct archive_reader *a, struct io *io, const char *path,
                             uint64_t cluster_id, const struct archive_link *after)
{
    enum file_state state;

    *a = (struct archive_reader){.after = *after};
    entry_stream_init(&a->stream, &after->entry);
    state = snapshot_reader_open_any(&a->file, io, path, MAGIC_ARCHIVE);
    if (state == FILE_GOOD && a->file.identity.cluster_id != cluster_id) {
        snapshot_reader_close(&a->file);
        return FILE_FOREIGN;
    }
    return state;
}

void archive_close(struct archive_reader *a)
{
    entry_stream_deinit(&a->stream);
    snapshot_reader_close(&a->file);
}

static int take_link(struct archive_reader *a, const struct snapshot_chunk *chunk)
{
    const struct archive_link *after = &a->after;
    const char *data = chunk->content.data;

    if (strcmp(chunk->section, SECTION_AFTER) != 0 || chunk->content.size != LINK_BYTES) {
        return -EBADMSG;
    }
    a->has_link = true;
    return get_u64(data + AT_INDEX) == after->entry.index &&
                   get_u64(data + AT_TERM) == after->entry.term &&
                   get_u64(data + AT_TIME) == after->entry.time_us &&
                   (get_u64(data + AT_CHECKSUM) == after->checksum || MUTANT(archive_link_ignored))
               ? ARCHIVE_MORE
               : -EXDEV;
}

static int take_entries(struct archive_reader *a, const struct snapshot_chunk *chunk)
{
    int rv;

    if (strcmp(chunk->section, SECTION_ENTRIES) != 0) {
        return chunk->is_optional ? ARCHIVE_MORE : -EBADMSG;
    }
    rv = entry_stream_take(&a->stream, chunk->content);
    return rv == 0 ? ARCHIVE_MORE : rv < 0 ? rv : ARCHIVE_STOPPED;
}

/* Whether all entries were there that the head declares. */
static bool is_whole(const struct archive_reader *a)
{
    const struct store_origin *last = &a->stream.last;
    const struct store_snapshot *declared = &a->file.snapshot;

    return a->has_link && a->stream.offset == 0 && last->index == declared->index &&
           last->term == declared->term && last->time_us == declared->time_us;
}

int archive_next(struct archive_reader *a)
{
    struct snapshot_chunk chunk;
    int rv = snapshot_reader_next(&a->file, &chunk);

    if (rv == SNAPSHOT_AT_END) {
        return is_whole(a) ? ARCHIVE_END : -EBADMSG;
    }
    if (rv < 0) {
        return rv;
    }
    return a->has_link ? take_entries(a, &chunk) : take_link(a, &chunk);
}

/* --- writing --- */

int archive_create(struct snapshot_writer *writer, struct io *io, const char *path,
                   const struct store_identity *identity, const struct store_origin *last,
                   const struct archive_link *after)
{
    struct store_snapshot end = {
        .index = last->index, .term = last->term, .time_us = last->time_us};
    char link[LINK_BYTES];
    int rv = snapshot_writer_open_as(writer, io, path, MAGIC_ARCHIVE, identity, &end);

    if (rv != 0) {
        return rv;
    }
    put_u64(link + AT_INDEX, after->entry.index);
    put_u64(link + AT_TERM, after->entry.term);
    put_u64(link + AT_TIME, after->entry.time_us);
    put_u64(link + AT_CHECKSUM, after->checksum);
    return snapshot_writer_put(writer, SECTION_AFTER, 0, slice_of(link, sizeof link));
}

int archive_put(struct snapshot_writer *writer, struct slice bytes)
{
    return snapshot_writer_put(writer, SECTION_ENTRIES, 0, bytes);
}
