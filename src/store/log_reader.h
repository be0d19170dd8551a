/* log_reader.h - reads batches from one segment through a window in memory. Used by recovery and
 * by background reads; each has its own reader. */
#ifndef RAKIT_STORE_LOG_READER_H
#define RAKIT_STORE_LOG_READER_H

#include "store/segment.h"

struct log_reader {
    struct io_file *file;
    struct batch_place place; /* Each call sets its offset. */
    uint64_t file_bytes;      /* Size according to the segment's head. */
    bool is_reused;           /* It was made of an older segment. */
    uint64_t found_bytes;     /* Its actual size. */
    uint32_t version;         /* Its format version. */
    uint64_t window_bytes;    /* How much to read at once. */
    char *data;
    uint64_t capacity;
    uint64_t start; /* Where the window begins in the file. */
    uint64_t size;
    int error; /* Of the system, in the last call; 0: none. */
};

/* Opens segment `number` and checks its first sector. Unless the result is FILE_GOOD, nothing is
 * open, and `error`, `version` and the sizes describe what was found. */
enum file_state log_reader_open(struct log_reader *reader, struct io *io, const char *dir,
                                const struct store_identity *identity, uint64_t number,
                                uint64_t window_bytes);
void log_reader_close(struct log_reader *reader);

/* `size` bytes at `offset`, valid until the next call; NULL if the file does not have them, or
 * could not be read (`error`). */
const char *log_reader_view(struct log_reader *reader, uint64_t offset, uint64_t size);

/* The bytes of head and table at `offset`, decoded; NULL if no batch begins there. */
const char *log_reader_head(struct log_reader *reader, uint64_t offset,
                            struct batch_head *ret_head);

#endif /* RAKIT_STORE_LOG_READER_H */
