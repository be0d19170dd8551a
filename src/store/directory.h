/* directory.h - what stands in a data directory, by the names of its files, and whose it is. */
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
    DIRECTORY_LEFTOVER, /* A file that a crash kept from its name. */
};

enum directory_file directory_file_of(const char *name);

struct directory {
    bool has_identity;
    bool has_data; /* Key, votes or log. */
    bool has_log;
    char (*leftovers)[NAME_BYTES_MAX];
    size_t leftover_count;
};

/* 0 or a negative errno value. */
int directory_list(struct io *io, const char *dir, struct directory *ret_directory);
void directory_deinit(struct directory *d);
/* Reads whose it is. A directory without an identity, which is none's yet, gives node id 0.
 * STORE_OK, or a store_error with words. */
int directory_read_identity(struct io *io, const char *dir, const struct directory *d,
                            struct store_identity *ret_identity, struct complaint *c);
/* STORE_OK, or STORE_EIO with words. */
int directory_remove_leftovers(struct io *io, const char *dir, const struct directory *d,
                               struct complaint *c);

#endif /* RAKIT_STORE_DIRECTORY_H */
