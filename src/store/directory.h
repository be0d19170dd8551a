/* directory.h - the contents of a data directory by file names, and its identity. */
#ifndef RAKIT_STORE_DIRECTORY_H
#define RAKIT_STORE_DIRECTORY_H

#include "store/basics.h"
#include "store/files.h"

enum directory_file {
    DIRECTORY_OTHER, /* Not the store's: left alone. */
    DIRECTORY_LOCK,
    DIRECTORY_IDENTITY,
    DIRECTORY_KEY,
    DIRECTORY_VOTE,
    DIRECTORY_ORIGIN,
    DIRECTORY_SEGMENT,
    DIRECTORY_SNAPSHOT,
    DIRECTORY_LEFTOVER, /* A file that was not renamed because of a crash. */
};

enum directory_file directory_file_of(const char *name);

struct directory {
    bool has_identity;
    bool has_data; /* It contains a key, votes or a log. */
    bool has_log;
    char (*leftovers)[NAME_BYTES_MAX];
    size_t leftover_count;
};

/* Returns 0 or a negative errno value. */
int directory_list(struct io *io, const char *dir, struct directory *ret_directory);
void directory_deinit(struct directory *d);
/* Reads the identity. A directory without one belongs to no node yet, and gives node id 0.
 * STORE_OK, or a store_error with a message. */
int directory_read_identity(struct io *io, const char *dir, const struct directory *d,
                            struct store_identity *ret_identity, struct complaint *c);
/* STORE_ERECOVERS, with a message, if a recovery was interrupted. */
int directory_check_recovery(const char *dir, const struct store_identity *identity,
                             struct complaint *c);
/* STORE_OK, or STORE_EIO with a message. */
int directory_remove_leftovers(struct io *io, const char *dir, const struct directory *d,
                               struct complaint *c);

#endif /* RAKIT_STORE_DIRECTORY_H */
