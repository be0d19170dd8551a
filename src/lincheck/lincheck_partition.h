/* lincheck_partition.h - splits a history by its keys: keys that one command uses together
 * belong to one partition, and each partition can be judged by itself. */
#ifndef RAKIT_LINCHECK_LINCHECK_PARTITION_H
#define RAKIT_LINCHECK_LINCHECK_PARTITION_H

#include <stdint.h>

#include "base/buffer.h"
#include "lincheck/history.h"
#include "lincheck/lincheck_model.h"

struct lincheck_partition {
    struct lincheck_operation *operations; /* By time of call. */
    uint32_t operation_count;
    uint32_t key_count;
};

struct lincheck_partitions {
    struct lincheck_partition *partitions;
    uint32_t partition_count;
    uint32_t open_count;
    struct lincheck_operation *operations; /* Of all partitions. */
    struct arena arena;
};

/* Leaves out open reads, which prove nothing. On -1, `error` says what is not modelled, and
 * there is nothing to deinit. The partitions point into the history. */
int lincheck_partitions_init(struct lincheck_partitions *p, const struct history *h,
                             struct buffer *error);
void lincheck_partitions_deinit(struct lincheck_partitions *p);
uint64_t lincheck_partitions_bytes(const struct lincheck_partitions *p);

#endif /* RAKIT_LINCHECK_LINCHECK_PARTITION_H */
