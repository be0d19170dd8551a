/* snapshot_writer.h - writes a snapshot file. Blocking, so for use in jobs. It writes past the
 * system's cache, in limited pieces, so that the syncs of the log do not wait behind it. */
#ifndef RAKIT_STORE_SNAPSHOT_WRITER_H
#define RAKIT_STORE_SNAPSHOT_WRITER_H

#include "store/snapshot_format.h"

struct snapshot_writer {
    struct io_file *file; /* NULL: not open. */
    char *data;           /* Not written yet; whole sectors. */
    uint64_t size;
    uint64_t capacity;
    uint64_t at; /* The offset in the file for `data`. */
    uint64_t checksum;
    struct snapshot_totals totals;
    void *zstd;
};

struct snapshot_reader;

/* Each returns 0 or a negative errno value; after that, only _close() may follow. */
int snapshot_writer_open(struct snapshot_writer *writer, struct io *io, const char *path,
                         const struct store_identity *identity,
                         const struct store_snapshot *snapshot);
/* The same for a file with another magic. */
int snapshot_writer_open_as(struct snapshot_writer *writer, struct io *io, const char *path,
                            const char *magic, const struct store_identity *identity,
                            const struct store_snapshot *snapshot);
/* Continues a file behind the last good chunk that a reader has found in it; what follows is cut
 * off. */
int snapshot_writer_continue(struct snapshot_writer *writer, struct io *io, const char *path,
                             const struct snapshot_reader *reader);
int snapshot_writer_put(struct snapshot_writer *writer, const char *section, uint32_t flags,
                        struct slice content);
/* Completes and syncs the file, and sets bytes and checksum. */
int snapshot_writer_end(struct snapshot_writer *writer, struct store_snapshot *snapshot);
/* Harmless if it is not open. */
void snapshot_writer_close(struct snapshot_writer *writer);

#endif /* RAKIT_STORE_SNAPSHOT_WRITER_H */
