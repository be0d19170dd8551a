/* lincheck_search.h - looks for an order of one partition's operations that explains
 * all their replies. */
#ifndef RAKIT_LINCHECK_LINCHECK_SEARCH_H
#define RAKIT_LINCHECK_LINCHECK_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "lincheck/lincheck_partition.h"

enum lincheck_found {
    LINCHECK_FOUND_ORDER,
    LINCHECK_FOUND_NONE,
    LINCHECK_RAN_OUT_OF_TIME,
    LINCHECK_RAN_OUT_OF_MEMORY,
};

/* Shared by all searches of a run. */
struct lincheck_limits {
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; UINT64_MAX: none. */
    uint64_t step_limit;  /* UINT64_MAX: none. */
    uint64_t step_count;
    uint64_t memory_limit_bytes; /* Of one search; UINT64_MAX: none. */
    uint64_t memory_bytes_max;   /* The most that one search used. */
};

/* A call or a return, in the order of time: calls before returns at the same time. */
struct lincheck_event {
    uint64_t time_ns;
    uint32_t operation; /* Of the partition. */
    bool is_return;
};

enum { LINCHECK_ANSWERS_MAX = 8 };

/* What an unsuccessful search found out about the last operation to return. */
struct lincheck_finding {
    uint32_t *order; /* Operations, in an order that explains all earlier replies. */
    uint32_t order_count;
    struct arena arena; /* For the answers. */
    /* Replies that it would have got in some of the states in which it was tried. Not all of
     * them leave an explanation for the other replies. */
    struct history_reply answers[LINCHECK_ANSWERS_MAX];
    uint32_t answer_count;
};

/* The events of a partition; `*ret_count` of them. The caller frees them. */
struct lincheck_event *lincheck_events(const struct lincheck_partition *partition,
                                       uint32_t *ret_count);

/* Looks only at the first `event_count` events, as if the history ended there: what has not
 * returned by then is open. If no order is found, `*ret_blocked` is the return that no order got
 * past, and `finding` is filled (NULL: not wanted). Its `order` is filled only if that return is
 * the last event. */
enum lincheck_found lincheck_search(const struct lincheck_partition *partition,
                                    const struct lincheck_event *events, uint32_t event_count,
                                    struct lincheck_limits *limits, uint32_t *ret_blocked,
                                    struct lincheck_finding *finding);
void lincheck_finding_deinit(struct lincheck_finding *finding);

uint64_t lincheck_now_ns(void);

#endif /* RAKIT_LINCHECK_LINCHECK_SEARCH_H */
