/* reading.h - reads a backup from its beginning to its end: the snapshot, then the entries of the
 * log in the files behind it. Only what has its right checksum is passed on. Blocking. */
#ifndef RAKIT_BACKUP_READING_H
#define RAKIT_BACKUP_READING_H

#include "backup/archive.h"
#include "store/entry.h"
#include "store/snapshot.h"

enum backup_verdict {
    BACKUP_GOOD,
    BACKUP_DAMAGED,
    BACKUP_UNREADABLE, /* The system does not open or read a file, or it is of another version. */
    BACKUP_STOPPED,    /* By the visitor. */
};

/* Gets what is read. Each may be NULL. What does not return 0 stops the reading. */
struct backup_visitor {
    /* Which backup it is: the first call. */
    int (*begin)(void *context, const struct store_identity *identity);
    /* The next chunk of the snapshot. */
    int (*chunk)(void *context, const struct snapshot_chunk *chunk);
    /* The snapshot was read to its end, and is good. */
    int (*snapshot)(void *context, const struct store_identity *identity,
                    const struct store_snapshot *snapshot);
    /* The next entry behind the snapshot, borrowed. */
    int (*entry)(void *context, struct entry *e);
    /* So many bytes were read, of so many in all. */
    void (*progress)(void *context, uint64_t bytes, uint64_t total_bytes);
    void *context;
};

struct backup_contents {
    struct store_identity identity; /* The cluster, and the node that made the snapshot. */
    struct store_snapshot snapshot;
    uint64_t bytes;           /* Of all files. */
    uint32_t archive_count;   /* Files behind the first one. */
    struct store_origin last; /* The state after any entry from the snapshot's up to this one can be
                               * restored. */
};

/* Where the next file of a backup begins. */
struct backup_end {
    uint64_t cluster_id;
    uint32_t number; /* Of the last file. */
    struct archive_link link;
};

/* Looks at the end of the last file only. Not good: as below. */
enum backup_verdict backup_find_end(struct io *io, const char *file, struct backup_end *ret_end,
                                    char *text, size_t text_size);

/* Not good: `text` is a sentence that says what is wrong, and where. */
enum backup_verdict backup_read(struct io *io, const char *file,
                                const struct backup_visitor *visitor,
                                struct backup_contents *ret_contents, char *text, size_t text_size);

#endif /* RAKIT_BACKUP_READING_H */
