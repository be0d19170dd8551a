#include "backup/reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backup/names.h"
#include "store/snapshot_reader.h"

struct reading {
    struct io *io;
    const char *file;
    const struct backup_visitor *visitor;
    struct backup_contents *contents;
    char path[PATH_BYTES_MAX]; /* The file that is being read. */
    struct archive_link link;  /* The end of the one before. */
    uint64_t total_bytes;
    char *text;
    size_t text_size;
};

static enum backup_verdict explain(const struct reading *r, enum backup_verdict verdict,
                                   const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum backup_verdict explain(const struct reading *r, enum backup_verdict verdict,
                                   const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(r->text, r->text_size, format, arguments);
    va_end(arguments);
    return verdict;
}

static enum backup_verdict
explain_state(const struct reading *r, const struct snapshot_reader *reader, enum file_state state)
{
    switch (state) {
    case FILE_MISSING:
    case FILE_UNREADABLE:
        return explain(r, BACKUP_UNREADABLE, "cannot read %s: %s", r->path,
                       strerror(-reader->error));
    case FILE_VERSION:
        return explain(r, BACKUP_UNREADABLE,
                       "%s has format version %" PRIu32 ", and this program knows only version %d",
                       r->path, reader->version, FORMAT_VERSION);
    default:
        return explain(r, BACKUP_DAMAGED,
                       "%s is no file of a backup, or its beginning is damaged (bytes 0 to %d)",
                       r->path, SECTOR_BYTES - 1);
    }
}

static enum backup_verdict explain_end(const struct reading *r,
                                       const struct snapshot_reader *reader, int rv)
{
    if (rv == -EBADMSG) {
        return explain(r, BACKUP_DAMAGED,
                       "%s is damaged, or ends too early, in the chunk that begins at byte %" PRIu64
                       " of %" PRIu64 "; all before that byte is good",
                       r->path, reader->at, reader->file_bytes);
    }
    return explain(r, BACKUP_UNREADABLE, "cannot read %s at byte %" PRIu64 ": %s", r->path,
                   reader->at, strerror(-rv));
}

static void note_progress(const struct reading *r, const struct snapshot_reader *reader)
{
    if (r->visitor->progress != NULL) {
        r->visitor->progress(r->visitor->context, r->contents->bytes + reader->at, r->total_bytes);
    }
}

/* --- the snapshot --- */

static enum backup_verdict read_chunks(const struct reading *r, struct snapshot_reader *reader)
{
    const struct backup_visitor *v = r->visitor;
    struct snapshot_chunk chunk;
    int rv;

    while ((rv = snapshot_reader_next(reader, &chunk)) == SNAPSHOT_HAS_CHUNK) {
        if (v->chunk != NULL && v->chunk(v->context, &chunk) != 0) {
            return BACKUP_STOPPED;
        }
        note_progress(r, reader);
    }
    return rv == SNAPSHOT_AT_END ? BACKUP_GOOD : explain_end(r, reader, rv);
}

static enum backup_verdict read_snapshot(struct reading *r)
{
    struct snapshot_reader reader;
    enum file_state state;
    enum backup_verdict verdict;

    backup_path(r->path, r->file, 0);
    state = snapshot_reader_open_any(&reader, r->io, r->path, MAGIC_SNAPSHOT);
    if (state != FILE_GOOD) {
        return explain_state(r, &reader, state);
    }
    r->contents->identity = reader.identity;
    if (r->visitor->begin != NULL &&
        r->visitor->begin(r->visitor->context, &reader.identity) != 0) {
        snapshot_reader_close(&reader);
        return BACKUP_STOPPED;
    }
    verdict = read_chunks(r, &reader);
    snapshot_reader_close(&reader);
    if (verdict != BACKUP_GOOD) {
        return verdict;
    }
    r->contents->snapshot = reader.snapshot;
    r->contents->bytes = reader.file_bytes;
    r->link = (struct archive_link){.entry = {.index = reader.snapshot.index,
                                              .term = reader.snapshot.term,
                                              .time_us = reader.snapshot.time_us},
                                    .checksum = reader.snapshot.checksum};
    r->contents->last = (struct store_origin){.index = reader.snapshot.index,
                                              .term = reader.snapshot.term,
                                              .time_us = reader.snapshot.time_us};
    return r->visitor->snapshot != NULL &&
                   r->visitor->snapshot(r->visitor->context, &reader.identity, &reader.snapshot) !=
                       0
               ? BACKUP_STOPPED
               : BACKUP_GOOD;
}

/* --- the entries behind it --- */

static enum backup_verdict explain_archive(const struct reading *r, const struct archive_reader *a,
                                           int rv)
{
    if (rv == -EXDEV) {
        return explain(r, BACKUP_DAMAGED,
                       "%s does not follow the file before it: one of them is of another backup, "
                       "or was replaced. All up to entry %" PRIu64 " is good",
                       r->path, r->link.entry.index);
    }
    return explain_end(r, &a->file, rv);
}

static enum backup_verdict read_chunks_of(struct reading *r, struct archive_reader *a)
{
    int rv;

    a->stream.each = r->visitor->entry;
    a->stream.context = r->visitor->context;
    while ((rv = archive_next(a)) == ARCHIVE_MORE) {
        note_progress(r, &a->file);
    }
    if (rv == ARCHIVE_STOPPED) {
        return BACKUP_STOPPED;
    }
    return rv == ARCHIVE_END ? BACKUP_GOOD : explain_archive(r, a, rv);
}

static enum backup_verdict read_archive(struct reading *r, uint32_t number)
{
    struct archive_reader a;
    enum file_state state;
    enum backup_verdict verdict;

    backup_path(r->path, r->file, number);
    state = archive_open(&a, r->io, r->path, r->contents->identity.cluster_id, &r->link);
    if (state == FILE_FOREIGN) {
        return explain(r, BACKUP_DAMAGED, "%s is of another cluster than %s", r->path, r->file);
    }
    if (state != FILE_GOOD) {
        return explain_state(r, &a.file, state);
    }
    verdict = read_chunks_of(r, &a);
    r->contents->last = a.stream.last;
    archive_close(&a);
    if (verdict == BACKUP_GOOD) {
        r->contents->bytes += a.file.file_bytes;
        r->contents->archive_count = number;
        r->link =
            (struct archive_link){.entry = a.stream.last, .checksum = a.file.snapshot.checksum};
    }
    return verdict;
}

/* --- all --- */

static uint64_t size_of(const struct reading *r, uint32_t number)
{
    char path[PATH_BYTES_MAX];
    struct io_file *file = NULL;
    int64_t size = 0;

    backup_path(path, r->file, number);
    if (io_file_open(r->io, path, IO_READ_ONLY, &file) == 0) {
        size = io_file_size(file);
        io_file_close(file);
    }
    return size < 0 ? 0 : (uint64_t)size;
}

static enum backup_verdict find_files(struct reading *r, uint32_t *ret_last)
{
    int rv;

    if (strlen(r->file) > BACKUP_NAME_MAX) {
        return explain(r, BACKUP_UNREADABLE, "the name of the backup is too long");
    }
    rv = backup_find_last(r->io, r->file, ret_last);
    if (rv != 0) {
        return explain(r, BACKUP_UNREADABLE, "cannot list the directory of %s: %s", r->file,
                       strerror(-rv));
    }
    for (uint32_t number = 0; number <= *ret_last; number++) {
        r->total_bytes += size_of(r, number);
    }
    return BACKUP_GOOD;
}

enum backup_verdict backup_find_end(struct io *io, const char *file, struct backup_end *ret_end,
                                    char *text, size_t text_size)
{
    struct backup_contents contents;
    struct reading r = {
        .io = io, .file = file, .contents = &contents, .text = text, .text_size = text_size};
    struct snapshot_reader reader;
    uint32_t last;
    enum backup_verdict verdict = find_files(&r, &last);
    enum file_state state;

    if (verdict != BACKUP_GOOD) {
        return verdict;
    }
    backup_path(r.path, file, last);
    state =
        snapshot_reader_open_any(&reader, io, r.path, last == 0 ? MAGIC_SNAPSHOT : MAGIC_ARCHIVE);
    if (state != FILE_GOOD) {
        return explain_state(&r, &reader, state);
    }

    bool has_end = snapshot_reader_find_end(&reader);

    snapshot_reader_close(&reader);
    if (!has_end) {
        return explain(&r, BACKUP_DAMAGED, "the end of %s is damaged or missing", r.path);
    }
    *ret_end = (struct backup_end){
        .cluster_id = reader.identity.cluster_id,
        .number = last,
        .link = {.entry = {.index = reader.snapshot.index,
                           .term = reader.snapshot.term,
                           .time_us = reader.snapshot.time_us},
                 .checksum = reader.snapshot.checksum},
    };
    return BACKUP_GOOD;
}

enum backup_verdict backup_read(struct io *io, const char *file,
                                const struct backup_visitor *visitor,
                                struct backup_contents *ret_contents, char *text, size_t text_size)
{
    struct reading r = {
        .io = io,
        .file = file,
        .visitor = visitor,
        .contents = ret_contents,
        .text = text,
        .text_size = text_size,
    };

    enum backup_verdict verdict;
    uint32_t count = 0;

    *ret_contents = (struct backup_contents){0};
    verdict = find_files(&r, &count);
    if (verdict == BACKUP_GOOD) {
        verdict = read_snapshot(&r);
    }
    for (uint32_t number = 1; number <= count && verdict == BACKUP_GOOD; number++) {
        verdict = read_archive(&r, number);
    }
    return verdict;
}
