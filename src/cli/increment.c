/* increment.c - fetches the entries of the log behind a backup into its next file; see
 * download.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "backup/names.h"
#include "base/mutant.h"
#include "cli/download.h"

static int explain_damage(struct download *d)
{
    (void)io_unlink(d->io, d->path);
    return download_explain(d, DOWNLOAD_EDAMAGED,
                            "what was fetched are not the entries that follow: %s was removed. "
                            "Begin again with the same command; if that fails too, look at the "
                            "disks",
                            d->path);
}

/* --- what to fetch ------------------------------------------------------------------- */

static int find_end(struct download *d)
{
    enum backup_verdict verdict = backup_find_end(d->io, d->file, &d->end, d->text, sizeof d->text);

    if (verdict == BACKUP_GOOD) {
        backup_part_path(d->path, d->file, d->end.number + 1);
        return 0;
    }
    return verdict == BACKUP_DAMAGED ? DOWNLOAD_EDAMAGED : DOWNLOAD_EFILE;
}

/* Whether the node can continue the backup. */
static int check_source(struct download *d)
{
    const struct source *s = &d->source;
    uint64_t index = d->end.link.entry.index;

    if (s->cluster_id != d->end.cluster_id) {
        return download_explain(d, DOWNLOAD_EELSEWHERE,
                                "%s is a backup of cluster %016" PRIx64
                                ", and this node belongs to %016" PRIx64,
                                d->file, d->end.cluster_id, s->cluster_id);
    }
    if (s->last.index < index) {
        return download_explain(d, DOWNLOAD_EELSEWHERE,
                                "%s ends with entry %" PRIu64
                                ", and this node has executed only up "
                                "to entry %" PRIu64 ": ask another node, or wait",
                                d->file, index, s->last.index);
    }
    if (s->first_index > index + 1 && s->last.index > index) {
        return download_explain(
            d, DOWNLOAD_EELSEWHERE,
            "%s ends with entry %" PRIu64 ", and the log of this node begins "
            "with entry %" PRIu64 ": what is in between is in a snapshot. Begin "
            "a new backup under another name, and continue that one more often, "
            "or raise --log-tail",
            d->file, index, s->first_index);
    }
    return 0;
}

/* --- the file ------------------------------------------------------------------------ */

static int begin_file(struct download *d)
{
    const struct store_identity identity = {.cluster_id = d->source.cluster_id,
                                            .node_id = d->source.node_id};
    int rv;

    d->last = d->source.last;
    entry_stream_init(&d->stream, &d->end.link.entry);
    rv = archive_create(&d->writer, d->io, d->path, &identity, &d->last, &d->end.link);
    return rv == 0 ? 0 : download_explain_file(d, "write", rv);
}

/* Continues behind what is there, if that is the beginning of the next file. */
static int continue_file(struct download *d, struct archive_reader *a)
{
    int rv = ARCHIVE_MORE;

    while (rv == ARCHIVE_MORE) {
        rv = archive_next(a);
    }
    if (rv < 0 && rv != -EBADMSG && rv != -EXDEV) {
        return download_explain_file(d, "read", rv);
    }
    if (rv == -EXDEV || !a->has_link || a->file.snapshot.index > d->source.last.index) {
        return begin_file(d);
    }
    d->stream = a->stream;
    d->last = (struct store_origin){.index = a->file.snapshot.index,
                                    .term = a->file.snapshot.term,
                                    .time_us = a->file.snapshot.time_us};
    if (rv == ARCHIVE_END) {
        return 0; /* It only lacks its name. */
    }
    d->at = a->file.at;
    rv = snapshot_writer_continue(&d->writer, d->io, d->path, &a->file);
    return rv == 0 ? 0 : download_explain_file(d, "write", rv);
}

static int open_file(struct download *d)
{
    struct archive_reader a;
    int rv;

    if (archive_open(&a, d->io, d->path, d->source.cluster_id, &d->end.link) != FILE_GOOD) {
        return begin_file(d);
    }
    rv = continue_file(d, &a);
    archive_close(&a);
    return rv;
}

static int fetch_one(struct download *d)
{
    struct slice bytes;
    int rv = source_read_log(&d->source, &d->stream.last, d->stream.offset, d->last.index, &bytes);

    if (rv != 0) {
        return download_explain_source(d, rv);
    }
    if (entry_stream_take(&d->stream, bytes) != 0) {
        return explain_damage(d);
    }
    rv = archive_put(&d->writer, bytes);
    if (rv != 0) {
        return download_explain_file(d, "write", rv);
    }
    d->at += bytes.size;
    progress_show(&d->progress, d->at, 0);
    return 0;
}

static int fetch(struct download *d)
{
    struct store_snapshot snapshot;
    int rv = 0;

    if (d->writer.file == NULL) {
        return 0;
    }
    progress_begin(&d->progress, "log", d->at);
    while (rv == 0 && d->stream.last.index < d->last.index) {
        rv = fetch_one(d);
    }
    progress_end(&d->progress);
    if (rv == 0) {
        rv = snapshot_writer_end(&d->writer, &snapshot);
        rv = rv == 0 ? 0 : download_explain_file(d, "write", rv);
    }
    snapshot_writer_close(&d->writer);
    return rv;
}

/* Reads all of it back. */
static int verify(struct download *d)
{
    struct archive_reader a;
    int rv = ARCHIVE_MORE;

    if (archive_open(&a, d->io, d->path, d->source.cluster_id, &d->end.link) != FILE_GOOD) {
        return explain_damage(d);
    }
    while (rv == ARCHIVE_MORE) {
        rv = archive_next(&a);
    }
    archive_close(&a);
    if (rv == -EBADMSG || rv == -EXDEV) {
        return explain_damage(d);
    }
    return rv < 0 ? download_explain_file(d, "read", rv) : 0;
}

int download_entries(struct download *d)
{
    int rv = find_end(d);

    if (rv == 0) {
        rv = source_look(&d->source);
        rv = rv == 0 ? 0 : download_explain_source(d, rv);
    }
    if (rv == 0) {
        rv = check_source(d);
    }
    d->last = d->end.link.entry;
    if (rv != 0 || d->source.last.index == d->last.index) {
        return rv;
    }
    rv = open_file(d);
    if (rv == 0) {
        rv = fetch(d);
    }
    if (rv == 0) {
        rv = verify(d);
    }
    return rv == 0 ? download_publish(d, d->end.number + 1) : rv;
}
