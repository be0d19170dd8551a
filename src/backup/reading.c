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
    r->total_bytes = reader.file_bytes;
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
    r->contents->last = (struct store_origin){.index = reader.snapshot.index,
                                              .term = reader.snapshot.term,
                                              .time_us = reader.snapshot.time_us};
    return r->visitor->snapshot != NULL &&
                   r->visitor->snapshot(r->visitor->context, &reader.identity, &reader.snapshot) !=
                       0
               ? BACKUP_STOPPED
               : BACKUP_GOOD;
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

    *ret_contents = (struct backup_contents){0};
    if (strlen(file) > BACKUP_NAME_MAX) {
        return explain(&r, BACKUP_UNREADABLE, "the name of the backup is too long");
    }
    return read_snapshot(&r);
}
