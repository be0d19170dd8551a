/* promises.h - how much memory the commands that a leader has put into its log may yet take: each
 * batch promises so much until it is applied. */
#ifndef RAKIT_REPLICA_PROMISES_H
#define RAKIT_REPLICA_PROMISES_H

#include <stdint.h>

#include "base/buffer.h"
#include "raft/raft.h"

/* Empty where it is zero. */
struct promises {
    struct buffer batches; /* In the order of the log. */
    uint64_t bytes;        /* Of all of them. */
};

void promises_deinit(struct promises *p);
/* The entries behind those of the last batch, up to `last_index`, may take so much. */
void promises_add(struct promises *p, raft_index last_index, uint64_t bytes);
/* Entries up to there are applied. */
void promises_keep(struct promises *p, raft_index applied_index);
/* Another leader decides what becomes of them. */
void promises_forget(struct promises *p);

#endif /* RAKIT_REPLICA_PROMISES_H */
