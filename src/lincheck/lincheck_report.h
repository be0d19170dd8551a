/* lincheck_report.h - explains why a history is not linearizable. */
#ifndef RAKIT_LINCHECK_LINCHECK_REPORT_H
#define RAKIT_LINCHECK_LINCHECK_REPORT_H

#include "base/buffer.h"
#include "lincheck/lincheck_search.h"

/* A violation: the first `event_count` events can't be explained. Without the last of them, a
 * return, they can, if `is_shortest`; if not, the limits were reached before that was known. */
struct lincheck_violation {
    const struct lincheck_partition *partition;
    const struct lincheck_event *events;
    uint32_t event_count;
    bool is_shortest;
    const struct lincheck_finding *finding;
};

void lincheck_report(const struct lincheck_violation *v, struct buffer *out);
/* The partition's keys, or the first of them. */
void lincheck_report_keys(const struct lincheck_partition *partition, struct buffer *out);

#endif /* RAKIT_LINCHECK_LINCHECK_REPORT_H */
