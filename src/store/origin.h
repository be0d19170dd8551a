/* origin.h - the file that says after which entry the log begins, and with which segment;
 * without it, the log begins with entry 1. It is replaced as a whole, never changed in place;
 * the segments below are removed once it is durable. */
#ifndef RAKIT_STORE_ORIGIN_H
#define RAKIT_STORE_ORIGIN_H

#include "store/basics.h"
#include "store/files.h"

#define ORIGIN_NAME "origin"

struct origin {
    struct store_origin entry;
    uint64_t first_segment; /* Some of its entries may be at or below the origin. */
    uint64_t batch;         /* The number of the batch before the first one of that segment. */
    uint64_t checksum;      /* Its checksum, with which the chain begins. */
    uint64_t dropped_batch; /* Batches up to this one are not part of the log: a snapshot has
                             * replaced all their entries. 0: none. */
};

/* FILE_MISSING: *ret_origin says that the log begins with entry 1 and segment 1. FILE_UNREADABLE
 * sets the error, FILE_VERSION the version. */
enum file_state origin_read(struct io *io, const char *dir, const struct store_identity *identity,
                            struct origin *ret_origin, int *ret_error, uint32_t *ret_version);
/* Durable on return; 0 or a negative errno value. If there is no room, the file is unchanged. */
int origin_write(struct io *io, const char *dir, const struct store_identity *identity,
                 const struct origin *origin);

#endif /* RAKIT_STORE_ORIGIN_H */
