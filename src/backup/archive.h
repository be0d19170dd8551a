/* archive.h - a file with entries of the log that follow those of the file before it in a backup
 * (docs/DISK_FORMAT.md, "Archives"). It has the form of a snapshot: its head names the last entry
 * that it holds, its first chunk what it follows. Blocking. */
#ifndef RAKIT_BACKUP_ARCHIVE_H
#define RAKIT_BACKUP_ARCHIVE_H

#include "store/entry_stream.h"
#include "store/snapshot_reader.h"
#include "store/snapshot_writer.h"

/* The end of a file, which the next one names. */
struct archive_link {
    struct store_origin entry; /* The last one in it. */
    uint64_t checksum;         /* Of its last chunk. */
};

struct archive_reader {
    struct snapshot_reader file;
    struct entry_stream stream; /* `each` may be set before the first archive_next(). */
    struct archive_link after;
    bool has_link; /* The first chunk was read, and fits. */
};

enum { ARCHIVE_END = 0, ARCHIVE_MORE = 1, ARCHIVE_STOPPED = 2 };

/* If the result is not FILE_GOOD, nothing is open. FILE_FOREIGN: it is of another cluster. */
enum file_state archive_open(struct archive_reader *a, struct io *io, const char *path,
                             uint64_t cluster_id, const struct archive_link *after);
/* Reads the next chunk. ARCHIVE_END: the file is whole, and all its entries were there.
 * ARCHIVE_STOPPED: by `each`. -EBADMSG: it is damaged, or ends, behind file.at. -EXDEV: it follows
 * another file. Other errors are the system's. */
int archive_next(struct archive_reader *a);
void archive_close(struct archive_reader *a);

/* Begins a file that will hold the entries up to `last`. 0 or a negative errno value. */
int archive_create(struct snapshot_writer *writer, struct io *io, const char *path,
                   const struct store_identity *identity, const struct store_origin *last,
                   const struct archive_link *after);
/* The next bytes of the string of entries. */
int archive_put(struct snapshot_writer *writer, struct slice bytes);

#endif /* RAKIT_BACKUP_ARCHIVE_H */
