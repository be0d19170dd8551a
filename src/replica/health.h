/* health.h - looks once a second whether members that are connected say anything, and now and then
 * whether the disk keeps up with the election timeout. Both end in a line of the log, once. */
#ifndef RAKIT_REPLICA_HEALTH_H
#define RAKIT_REPLICA_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"

struct replica;

struct health {
    struct io_timer timer;
    uint64_t due_ns; /* When it is to fire. */
    uint32_t count;  /* How often it has. */
    bool disk_is_slow;
};

void health_init(struct replica *r);
void health_deinit(struct replica *r);
/* The replica takes part from now on. */
void health_start(struct replica *r);

#endif /* RAKIT_REPLICA_HEALTH_H */
