/* backoff.h - attempts with pauses between them that double each time, up to a bound. After some
 * pauses without an attempt they begin small again. */
#ifndef RAKIT_REPLICA_BACKOFF_H
#define RAKIT_REPLICA_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    uint64_t first_ns; /* The first pause. */
    uint64_t tried_ns; /* The last attempt; 0: none. */
    uint64_t pause_ns; /* For how long after it there is no other. */
};

void backoff_init(struct backoff *b, uint64_t first_ns);
/* Whether an attempt may be made now; if so, it counts as made. */
bool backoff_try(struct backoff *b, uint64_t now_ns);

#endif /* RAKIT_REPLICA_BACKOFF_H */
