/* keys.h - counts the keys in the items of a snapshot, without loading them. */
#ifndef RAKIT_BACKUP_KEYS_H
#define RAKIT_BACKUP_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* A zeroed one has counted nothing yet. */
struct key_count {
    uint64_t declared;  /* How many there should be. */
    uint64_t found;     /* How many there are. */
    struct buffer rest; /* The beginning of an incomplete record. */
};

/* Takes the next bytes of the records, split anywhere. False: they are malformed. */
bool key_count_take(struct key_count *k, struct slice records);
/* After the last ones. Whether there are as many as declared. */
bool key_count_is_whole(const struct key_count *k);
void key_count_deinit(struct key_count *k);

#endif /* RAKIT_BACKUP_KEYS_H */
