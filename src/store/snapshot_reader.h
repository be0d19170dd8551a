/* snapshot_reader.h - reads a snapshot file from its beginning to its end, and believes nothing
 * that is not whole. Blocking: at the start, and in jobs. A size in the file is compared with its
 * bounds before memory is taken for it. */
#ifndef RAKIT_STORE_SNAPSHOT_READER_H
#define RAKIT_STORE_SNAPSHOT_READER_H

#include "store/snapshot_format.h"

struct snapshot_reader {
    struct io_file *file;
    struct store_snapshot snapshot; /* Bytes and checksum: 0 until the last chunk is read. */
    uint64_t file_bytes;
    int error;         /* If FILE_UNREADABLE, */
    uint32_t version;  /* or FILE_VERSION. */
    uint64_t at;       /* Where the next chunk begins. All before is good. */
    uint64_t checksum; /* What it must name. */
    uint64_t number;
    uint64_t raw_bytes;
    char *data; /* A window of the file: `size` bytes from `start` on. */
    uint64_t start;
    uint64_t size;
    uint64_t capacity;
    char *raw; /* Of the last chunk that was compressed. */
    uint64_t raw_capacity;
    void *zstd;
};

/* Judges the first sector. If it is not FILE_GOOD, nothing is open. The identity's node is not
 * compared: any node may have made the file. */
enum file_state snapshot_reader_open(struct snapshot_reader *reader, struct io *io,
                                     const char *path, const struct store_identity *identity);
void snapshot_reader_close(struct snapshot_reader *reader);

enum { SNAPSHOT_AT_END, SNAPSHOT_HAS_CHUNK };

/* The next chunk, whose content dies with the next call; or SNAPSHOT_AT_END: the file is whole,
 * and `snapshot` is all its identity. -EBADMSG: it is damaged or ends at `at`; other errors are of
 * the system. */
int snapshot_reader_next(struct snapshot_reader *reader, struct snapshot_chunk *ret_chunk);
/* The same without content: it is verified as it is stored. */
int snapshot_reader_skip(struct snapshot_reader *reader);

/* Learns bytes and checksum from the last sector, if that is the end of a snapshot at all (or sets
 * the error, if it cannot be read); what lies between is not looked at. */
bool snapshot_reader_find_end(struct snapshot_reader *reader);

#endif /* RAKIT_STORE_SNAPSHOT_READER_H */
