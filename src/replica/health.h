/* health.h - whether the disk keeps up with the election timeout, and when a replica checks that
 * and its members. A slow disk is logged once, until it is fast again. */
#ifndef RAKIT_REPLICA_HEALTH_H
#define RAKIT_REPLICA_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "io/io.h"
#include "store/store.h"

struct health {
    struct io *io;
    const struct log *log;
    uint64_t election_timeout_ns;
    struct io_timer timer;
    uint64_t due_ns; /* When it should fire. */
    uint32_t count;  /* How often it has fired. */
    bool disk_is_slow;
    bool disk_is_stalled;
};

void health_init(struct health *h, struct io *io, const struct log *log,
                 uint64_t election_timeout_ns, void (*fired)(struct io_timer *timer));
void health_deinit(struct health *h);
/* Makes the timer fire in a second. */
void health_start(struct health *h);

/* Called when it has fired: whether this node itself was held up, so that what has arrived
 * meanwhile must be read first. */
bool health_was_held_up(const struct health *h);
/* Called when it has fired: whether to check the disk this time, which is not each time. */
bool health_wants_disk(struct health *h);
/* Called each time, with how long the present write of the log has taken. A write that takes
 * longer than a second and the election timeout is logged, once. */
void health_judge_write(struct health *h, uint64_t pending_ns);
void health_judge_disk(struct health *h, const struct store_stats *stats);

#endif /* RAKIT_REPLICA_HEALTH_H */
