/* origin.h - the file that says behind which entry the log begins, if not with the first one
 * ever, and with which segment. It is replaced whole, never changed in place; the segments below
 * are removed once it is durable. */
#ifndef RAKIT_STORE_ORIGIN_H
#define RAKIT_STORE_ORIGIN_H

#include "store/basics.h"
#include "store/files.h"

#define ORIGIN_NAME "origin"

struct origin {
    struct store_origin entry;
    uint64_t first_segment; /* Some of its entries may be at or below the origin. */
    uint64_t batch;         /* The one before the first batch of that segment, */
    uint64_t checksum;      /* and its checksum: what the chain begins with. */
    uint64_t dropped_batch; /* Batches up to this one are no part of the log: a snapshot replaced
                             * all that they held. 0: none. */
};

/* FILE_MISSING: the log begins with entry 1 and segment 1, as *ret_origin says. With
 * FILE_UNREADABLE there is an error, with FILE_VERSION a version. */
enum file_state origin_read(struct io *io, const char *dir, const struct store_identity *identity,
                            struct origin *ret_origin, int *ret_error, uint32_t *ret_version);
/* Durable on return; 0 or a negative errno value. No room: the file is what it was. */
int origin_write(struct io *io, const char *dir, const struct store_identity *identity,
                 const struct origin *origin);

#endif /* RAKIT_STORE_ORIGIN_H */
