/* arrivals.h - when the bytes of a connection arrived that are not taken yet. A command's time
 * begins when it was received, not when its turn comes. Bytes that arrived within a short time
 * count as one arrival, so little is stored per connection. */
#ifndef RAKIT_CLIENT_ARRIVALS_H
#define RAKIT_CLIENT_ARRIVALS_H

#include <stdint.h>

enum { ARRIVALS_MAX = 10 };

struct arrival {
    uint64_t end; /* Place in the stream where its bytes end. */
    uint64_t at_ns;
};

struct arrivals {
    uint64_t total; /* Bytes that have arrived in all. */
    uint32_t count;
    struct arrival list[ARRIVALS_MAX]; /* In order. If there are too many, the oldest are merged. */
};

/* `size` bytes have arrived, while `waiting` were not taken yet. Arrivals within `step_ns` of
 * each other are merged. */
void arrivals_note(struct arrivals *a, uint64_t size, uint64_t waiting, uint64_t now_ns,
                   uint64_t step_ns);
/* When the last one of the first `size` of the `waiting` bytes arrived. Successive calls must
 * ask for later bytes. */
uint64_t arrivals_of(struct arrivals *a, uint64_t size, uint64_t waiting);

#endif /* RAKIT_CLIENT_ARRIVALS_H */
