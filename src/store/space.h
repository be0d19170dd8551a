/* space.h - whether the disk has room for so many bytes more, beside those that the next snapshot
 * may take: without that one, the log could not be cut. */
#ifndef RAKIT_STORE_SPACE_H
#define RAKIT_STORE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"

struct space_claim {
    uint64_t bytes_max;    /* The limit on the directory; 0: only the file system's. */
    uint64_t spare_bytes;  /* Of files that are about to be removed: as if they were free. */
    uint64_t state_bytes;  /* The next snapshot takes no more. */
    uint64_t wanted_bytes; /* Besides. */
};

/* What is free, within the limit. */
uint64_t space_room(const struct io_space *space, uint64_t bytes_max);
/* What is left of it if the claim is met; 0: it can't be met, or just so. */
uint64_t space_left(const struct io_space *space, const struct space_claim *claim);
bool space_is_enough(const struct io_space *space, const struct space_claim *claim);

#endif /* RAKIT_STORE_SPACE_H */
