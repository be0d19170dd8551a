/* sweeper.h - when a replica looks for requests that have waited too long: regularly, while any
 * are under way. If this node itself was held up, answers may have arrived meanwhile, and are
 * read first. */
#ifndef RAKIT_REPLICA_SWEEPER_H
#define RAKIT_REPLICA_SWEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"

struct sweeper {
    struct io *io;
    struct io_timer timer;
    uint64_t due_ns; /* When it should fire; 0: it is not set. */
};

void sweeper_init(struct sweeper *s, struct io *io, void (*fired)(struct io_timer *timer));
void sweeper_deinit(struct sweeper *s);
/* Some are under way: sets the timer, if it is not set. */
void sweeper_start(struct sweeper *s);
/* Called when it has fired. False: it is too early to give anything up, and it fires again. */
bool sweeper_may_sweep(struct sweeper *s);

#endif /* RAKIT_REPLICA_SWEEPER_H */
