/* snapshot_reader.h - reads a snapshot file from its beginning to its end, and accepts only
 * verified chunks. Blocking: for use at the start, and in jobs. A size from the file is compared
 * with its limits before memory is allocated for it. */
#ifndef RAKIT_STORE_SNAPSHOT_READER_H
#define RAKIT_STORE_SNAPSHOT_READER_H

#include "store/snapshot_format.h"

struct snapshot_reader {
    struct io_file *file;
    struct store_identity identity; /* Of the cluster, and of the node that made it. */
    struct store_snapshot snapshot; /* Bytes and checksum: 0 until the last chunk is read. */
    uint64_t file_bytes;
    int error;         /* If FILE_UNREADABLE, */
    uint32_t version;  /* or FILE_VERSION. */
    uint64_t at;       /* The offset of the next chunk. Everything before it is good. */
    uint64_t checksum; /* What it must name. */
    uint64_t number;
    uint64_t raw_bytes;
    char *data; /* A window of the file: `size` bytes from `start` on. */
    uint64_t start;
    uint64_t size;
    uint64_t capacity;
    char *raw; /* The content of the last compressed chunk. */
    uint64_t raw_capacity;
    void *zstd;
};

/* Checks the first sector. If the result is not FILE_GOOD, nothing is open. The identity's node
 * is not compared: any node may have made the file. */
enum file_state snapshot_reader_open(struct snapshot_reader *reader, struct io *io,
                                     const char *path, const struct store_identity *identity);
/* The same for a file with that magic (MAGIC_SNAPSHOT, MAGIC_ARCHIVE), of any cluster. */
enum file_state snapshot_reader_open_any(struct snapshot_reader *reader, struct io *io,
                                         const char *path, const char *magic);
void snapshot_reader_close(struct snapshot_reader *reader);

enum { SNAPSHOT_AT_END, SNAPSHOT_HAS_CHUNK };

/* Reads the next chunk, whose content is valid until the next call. SNAPSHOT_AT_END: the file is
 * complete, and `snapshot` has all of its identity. -EBADMSG: it is damaged or ends at `at`;
 * other errors are the system's. */
int snapshot_reader_next(struct snapshot_reader *reader, struct snapshot_chunk *ret_chunk);
/* The same without the content: it is verified as it is stored. */
int snapshot_reader_skip(struct snapshot_reader *reader);

/* Sets bytes and checksum from the last sector, if that is the end of a snapshot (or sets the
 * error, if it can't be read); what is in between is not checked. */
bool snapshot_reader_find_end(struct snapshot_reader *reader);

#endif /* RAKIT_STORE_SNAPSHOT_READER_H */
