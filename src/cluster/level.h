/* level.h - the feature level of a cluster: what all of its members can do. Each program knows a
 * newest level. The leader raises the cluster's level by a log entry once every member knows the
 * new one (docs/adr/0019-feature-level.md). Before that, nothing that needs the level is in the
 * log. */
#ifndef RAKIT_CLUSTER_LEVEL_H
#define RAKIT_CLUSTER_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/entry.h"

enum {
    LEVEL_FIRST = 1,              /* Of a new cluster. */
    LEVEL_NEWEST = 1,             /* The newest that this program knows. */
    LEVEL_NEXT = LEVEL_NEWEST + 1 /* For tests: the level of a later program. */
};

/* The entry that raises the level, without index, term and time. */
struct entry *level_encode(uint32_t level);
/* False if it is not such a payload. */
bool level_decode(struct slice payload, uint32_t *ret_level);

#endif /* RAKIT_CLUSTER_LEVEL_H */
