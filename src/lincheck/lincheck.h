/* lincheck.h - is a history linearizable? That is: can each operation be given one instant
 * between its call and its return, so that executing the operations one by one in this order
 * gives exactly the replies that the clients saw? The check uses only the clients' records, and
 * shares no code with the keyspace that it judges.
 *
 * Keys that no command uses together are judged separately, which proves the same
 * (linearizability is local) in far less time. An open operation may have been executed once, at
 * any time after its call, or never.
 *
 * No key exists at the beginning. docs/HISTORY_FORMAT.md lists what is modelled. */
#ifndef RAKIT_LINCHECK_LINCHECK_H
#define RAKIT_LINCHECK_LINCHECK_H

#include <stdint.h>

#include "base/buffer.h"
#include "lincheck/history.h"

enum lincheck_outcome {
    LINCHECK_LINEARIZABLE,
    LINCHECK_VIOLATION,
    LINCHECK_TIMEOUT, /* Not known: time or steps ran out. Never a success. */
    LINCHECK_MEMORY,  /* Not known: memory ran out. */
    LINCHECK_REFUSED, /* A command or reply is not modelled. */
};

/* 0: no limit. */
struct lincheck_options {
    uint64_t timeout_ns;
    uint64_t memory_limit_bytes;
    uint64_t step_limit;       /* Attempts to place an operation: unlike time, the same on each
                                * machine. */
    uint32_t explanations_max; /* How many violations are explained in full. */
};

struct lincheck_result {
    enum lincheck_outcome outcome;
    uint32_t operation_count;
    uint32_t open_count;
    uint32_t partition_count;  /* Groups of keys judged by themselves. */
    uint32_t largest_count;    /* Operations of the largest of them. */
    uint32_t violation_count;  /* Groups of keys that are not linearizable. */
    uint64_t step_count;       /* Attempts to place an operation. */
    uint64_t memory_bytes_max; /* For the history and the search. */
    struct buffer text;        /* Why it is not LINCHECK_LINEARIZABLE, in lines for people. */
};

void lincheck_run(const struct history *h, const struct lincheck_options *options,
                  struct lincheck_result *ret_result);
void lincheck_result_deinit(struct lincheck_result *result);

#endif /* RAKIT_LINCHECK_LINCHECK_H */
