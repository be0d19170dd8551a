/* promises.h - how much memory the commands that a leader has put into its log may still take:
 * each batch reserves its amount until it is applied. */
#ifndef RAKIT_REPLICA_PROMISES_H
#define RAKIT_REPLICA_PROMISES_H

#include <stdint.h>

#include "base/buffer.h"
#include "raft/raft.h"

/* Empty if it is zeroed. */
struct promises {
    struct buffer batches; /* In the order of the log. */
    uint64_t bytes;        /* Of all of them. */
};

void promises_deinit(struct promises *p);
/* The entries after those of the last batch, up to `last_index`, may take so many bytes. */
void promises_add(struct promises *p, raft_index last_index, uint64_t bytes);
/* Entries up to that one are applied. */
void promises_keep(struct promises *p, raft_index applied_index);
/* Another leader decides about them now. */
void promises_forget(struct promises *p);

#endif /* RAKIT_REPLICA_PROMISES_H */
