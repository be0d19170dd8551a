/* recorder.h - records what users saw for lincheck, which uses nothing else: no index, no log,
 * only calls, replies and their times. */
#ifndef RAKIT_SIM_CLUSTER_RECORDER_H
#define RAKIT_SIM_CLUSTER_RECORDER_H

#include <stdint.h>

#include "base/slice.h"
#include "sim/checks/verdict.h"

struct recorder;

struct recorder_stats {
    uint64_t operation_count; /* In the history. */
    uint64_t open_count;
    uint64_t step_count; /* Of the search. */
};

struct recorder *recorder_new(void);
void recorder_free(struct recorder *r);

/* `operation` numbers rise by one from 1. Copies what it keeps. If the recorder is NULL, nothing
 * is recorded. */
void recorder_invoke(struct recorder *r, uint64_t operation, uint32_t client, uint64_t now_ns,
                     uint32_t database, const struct slice *arguments, uint32_t count);
/* `reply` is a whole one, as RESP2. */
void recorder_return(struct recorder *r, uint64_t operation, uint64_t now_ns, struct slice reply);

/* It was answered INDOUBT, and now a later command of its connection has succeeded. */
void recorder_settle(struct recorder *r, uint64_t operation, uint64_t now_ns);
/* Operations that have not returned are open. If the search gives up, that counts as a broken
 * rule. */
void recorder_judge(struct recorder *r, struct verdict *verdict, struct recorder_stats *ret_stats);

#endif /* RAKIT_SIM_CLUSTER_RECORDER_H */
