#include "cli/download.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backup/names.h"
#include "base/mutant.h"
#include "store/snapshot_reader.h"

enum { SYNC_BYTES = 32 * 1024 * 1024 }; /* Written, at the most, before it is synced. */

void download_init(struct download *d, struct io *io, struct client *client, const char *file)
{
    *d = (struct download){.io = io, .file = file};
    source_init(&d->source, client);
    backup_part_path(d->path, file, 0);
}

static void close_part(struct download *d)
{
    snapshot_writer_close(&d->writer);
    if (d->part != NULL) {
        io_file_close(d->part);
        d->part = NULL;
    }
}

void download_deinit(struct download *d)
{
    close_part(d);
    entry_stream_deinit(&d->stream);
    source_deinit(&d->source);
}

int download_explain(struct download *d, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(d->text, sizeof d->text, format, arguments);
    va_end(arguments);
    return code;
}

int download_explain_file(struct download *d, const char *what, int error)
{
    return download_explain(
        d, DOWNLOAD_EFILE, "cannot %s %s: %s%s", what, d->path, strerror(-error),
        error == -ENOSPC || error == -EDQUOT
            ? ". What is there stays: make room, and give the same command again"
            : "");
}

/* After an error of the source. */
int download_explain_source(struct download *d, int code)
{
    return download_explain(d, code, "%s%s", d->source.error,
                            d->at > 0 ? ". What was fetched stays: the same command continues there"
                                      : "");
}

/* --- what to fetch --- */

/* The state of this moment. */
static int choose_new(struct download *d)
{
    struct source *s = &d->source;
    uint64_t index;
    int rv = source_make_snapshot(s, &index);

    if (rv == 0) {
        rv = source_look(s);
    }
    if (rv != 0) {
        return download_explain_source(d, rv);
    }
    d->at = 0;
    for (size_t i = 0; i < s->snapshot_count; i++) {
        if (s->snapshots[i].index == index) {
            d->snapshot = s->snapshots[i];
            return 0;
        }
    }
    return download_explain(d, SOURCE_EODD,
                            "the node has made a snapshot and does not list it: try again");
}

/* What FILE.part is the beginning of. */
struct part {
    struct store_snapshot snapshot; /* Index and term. */
    uint64_t node_id;               /* That made it. */
    char head[SECTOR_BYTES];
};

/* Finds out what is there, and how much of it is good: nothing is trusted unless it fits into the
 * chain of checksums. False: it is of no use. */
static bool read_part(struct download *d, struct part *part)
{
    struct snapshot_reader reader;
    int rv = SNAPSHOT_HAS_CHUNK;

    if (snapshot_reader_open_any(&reader, d->io, d->path, MAGIC_SNAPSHOT) != FILE_GOOD) {
        return false;
    }
    if (io_file_read(reader.file, 0, part->head, SECTOR_BYTES) != SECTOR_BYTES) {
        rv = -EIO;
    }
    while (rv == SNAPSHOT_HAS_CHUNK) {
        d->at = reader.at;
        rv = snapshot_reader_skip(&reader);
    }
    d->at = rv == SNAPSHOT_AT_END ? reader.at : d->at;
    part->snapshot = reader.snapshot;
    part->node_id = reader.identity.node_id;
    snapshot_reader_close(&reader);
    return rv >= 0 || rv == -EBADMSG;
}

/* Whether the node in use has the snapshot of that part: both have the same head, which names the
 * node that made it. If later bytes differ all the same, the chain of checksums shows it. */
static int look_here(struct download *d, const struct part *part, bool *ret_is_here)
{
    const struct source *s = &d->source;
    struct slice bytes;
    int rv = source_look(&d->source);

    *ret_is_here = false;
    for (size_t i = 0; i < s->snapshot_count && rv == 0 && !*ret_is_here; i++) {
        if (s->snapshots[i].index == part->snapshot.index && d->at <= s->snapshots[i].bytes) {
            d->snapshot = s->snapshots[i];
            rv = source_read_snapshot(&d->source, &d->snapshot, 0, &bytes);
            *ret_is_here = rv == 0 && bytes.size >= SECTOR_BYTES &&
                           memcmp(bytes.data, part->head, SECTOR_BYTES) == 0;
        }
    }
    return rv;
}

/* Asks all nodes, beginning with the one in use, until one has it; otherwise goes back to that one.
 * *ret_is_certain: all have answered. */
static int find_part(struct download *d, const struct part *part, bool *ret_is_there,
                     bool *ret_is_certain)
{
    size_t count = source_list_nodes(&d->source);

    *ret_is_there = false;
    *ret_is_certain = true;
    for (size_t i = 0; i < count; i++) {
        int rv = i == 0 ? 0 : source_use_node(&d->source, i);

        rv = rv == 0 ? look_here(d, part, ret_is_there) : rv;
        if (rv == CLIENT_EINTERRUPTED || *ret_is_there) {
            return rv;
        }
        *ret_is_certain = *ret_is_certain && rv == 0;
    }
    return count == 1 ? 0 : source_use_node(&d->source, 0);
}

/* Continues with the snapshot that FILE.part is of. Only if no node has it any more, it is of no
 * use. */
static int choose_old(struct download *d, const struct part *part)
{
    bool is_there;
    bool is_certain;
    int rv = find_part(d, part, &is_there, &is_certain);

    if (rv != 0) {
        return download_explain_source(d, rv);
    }
    if (is_there) {
        return 0;
    }
    if (is_certain || MUTANT(backup_part_thrown_away)) {
        fprintf(stderr, "%s: no node has that snapshot any more; beginning anew\n", d->path);
        return choose_new(d);
    }
    return download_explain(d, DOWNLOAD_EELSEWHERE,
                            "%s is the beginning of a snapshot (entry %" PRIu64
                            ") that no node in reach has. Node %016" PRIx64
                            " made it: give the same command again when it is back, or remove the "
                            "file to begin anew",
                            d->path, part->snapshot.index, part->node_id);
}

static int choose(struct download *d)
{
    struct part part;

    return read_part(d, &part) ? choose_old(d, &part) : choose_new(d);
}

/* --- fetching --- */

static int open_part(struct download *d)
{
    int rv = io_file_open(d->io, d->path, IO_CREATE, &d->part);

    if (rv != 0) {
        return download_explain_file(d, "open", rv);
    }
    rv = io_file_truncate(d->part, d->at);
    return rv == 0 ? 0 : download_explain_file(d, "write", rv);
}

static int fetch_one(struct download *d)
{
    struct slice bytes;
    int rv = source_read_snapshot(&d->source, &d->snapshot, d->at, &bytes);

    if (rv != 0) {
        return download_explain_source(d, rv);
    }
    rv = io_file_write(d->part, d->at, bytes.data, bytes.size);
    if (rv == 0 && (d->at + bytes.size) / SYNC_BYTES != d->at / SYNC_BYTES) {
        rv = io_file_sync(d->part);
    }
    if (rv != 0) {
        return download_explain_file(d, "write", rv);
    }
    d->at += bytes.size;
    progress_show(&d->progress, d->at, d->snapshot.bytes);
    return 0;
}

static int fetch(struct download *d)
{
    int rv = open_part(d);

    progress_begin(&d->progress, "backup", d->at);
    while (rv == 0 && d->at < d->snapshot.bytes) {
        rv = fetch_one(d);
    }
    progress_end(&d->progress);
    if (rv == 0) {
        rv = io_file_sync(d->part);
        rv = rv == 0 ? 0 : download_explain_file(d, "sync", rv);
    }
    close_part(d);
    return rv;
}

static int choose_and_fetch(struct download *d)
{
    int rv = choose(d);

    return rv == 0 ? fetch(d) : rv;
}

/* --- the end --- */

/* Reads all of it back. */
static int verify(struct download *d)
{
    struct snapshot_reader reader;
    int rv = SNAPSHOT_HAS_CHUNK;

    MUTANT_DO(backup_not_verified, return 0);
    if (snapshot_reader_open_any(&reader, d->io, d->path, MAGIC_SNAPSHOT) != FILE_GOOD) {
        rv = -EBADMSG;
    }
    while (rv == SNAPSHOT_HAS_CHUNK) {
        rv = snapshot_reader_skip(&reader);
    }
    if (rv == SNAPSHOT_AT_END && !snapshot_is_same(&reader.snapshot, &d->snapshot)) {
        rv = -EBADMSG;
    }
    snapshot_reader_close(&reader);
    if (rv == -EBADMSG) {
        (void)io_unlink(d->io, d->path);
        return download_explain(
            d, DOWNLOAD_EDAMAGED,
            "what was fetched is not the snapshot that the node has: %s was removed. "
            "Begin again with the same command; if that fails too, look at the disks",
            d->path);
    }
    return rv < 0 ? download_explain_file(d, "read", rv) : 0;
}

int download_publish(struct download *d, uint32_t number)
{
    char directory[PATH_BYTES_MAX];
    char path[PATH_BYTES_MAX];
    int rv;

    backup_path(path, d->file, number);
    rv = io_rename(d->io, d->path, path);
    if (rv == 0) {
        backup_directory(directory, d->file);
        rv = io_dir_sync(d->io, directory);
    }
    return rv == 0 ? 0 : download_explain_file(d, "give its name to", rv);
}

/* Entries behind another snapshot would be taken for those behind this one. */
static int check_others(struct download *d)
{
    uint32_t last;
    int rv = backup_find_last(d->io, d->file, &last);

    if (rv != 0) {
        return download_explain_file(d, "list the directory of", rv);
    }
    return last == 0 ? 0
                     : download_explain(d, DOWNLOAD_EELSEWHERE,
                                        "%s is not there, and %s.%u is: move it away, or name "
                                        "another file",
                                        d->file, d->file, (unsigned)last);
}

int download_snapshot(struct download *d)
{
    int rv = check_others(d);

    if (rv == 0) {
        rv = choose_and_fetch(d);
    }
    if (rv ==
        SOURCE_EGONE) { /* The connection leads to another node now, which does not have it. */
        rv = choose_and_fetch(d);
    }
    if (rv == 0) {
        rv = verify(d);
    }
    return rv == 0 ? download_publish(d, 0) : rv;
}
