/* ticker.h - when the core must be stepped without any input. A deadline that has passed may be
 * postponed for a moment, so that what has arrived meanwhile is read first. */
#ifndef RAKIT_REPLICA_TICKER_H
#define RAKIT_REPLICA_TICKER_H

#include <stdbool.h>
#include <stdint.h>

struct ticker {
    uint64_t deadline_ns; /* From the core; UINT64_MAX: none. */
    uint64_t late_ns;     /* The deadline that was postponed. */
    uint64_t until_ns;    /* Until when. */
};

void ticker_init(struct ticker *t);
/* The core has set it. */
void ticker_set(struct ticker *t, uint64_t deadline_ns);
/* When it must be checked; UINT64_MAX: never. */
uint64_t ticker_due_ns(const struct ticker *t);
/* Whether this deadline was postponed already. */
bool ticker_is_late(const struct ticker *t);
/* Postpones it, from now on. */
void ticker_wait(struct ticker *t, uint64_t now_ns);

#endif /* RAKIT_REPLICA_TICKER_H */
