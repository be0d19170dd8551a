/* level.h - the feature level of a cluster: what all of its members can do. A program knows a
 * newest level; the leader raises the cluster's by an entry of the log once each member knows it
 * (docs/adr/0019-feature-level.md). What a level brings never stands in the log before that. */
#ifndef RAKIT_CLUSTER_LEVEL_H
#define RAKIT_CLUSTER_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/entry.h"

enum {
    LEVEL_FIRST = 1,              /* Of a new cluster. */
    LEVEL_NEWEST = 1,             /* That this program knows. */
    LEVEL_NEXT = LEVEL_NEWEST + 1 /* What tests have a later program know. */
};

/* The entry that raises it, without index, term and time. */
struct entry *level_encode(uint32_t level);
/* False where it is no such payload. */
bool level_decode(struct slice payload, uint32_t *ret_level);

#endif /* RAKIT_CLUSTER_LEVEL_H */
