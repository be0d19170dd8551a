/* ticker.h - when the core is to be stepped though nothing has come in. A deadline that is met may
 * be put off for a moment, so that what came in meanwhile is heard first. */
#ifndef RAKIT_REPLICA_TICKER_H
#define RAKIT_REPLICA_TICKER_H

#include <stdbool.h>
#include <stdint.h>

struct ticker {
    uint64_t deadline_ns; /* As the core named it; UINT64_MAX: none. */
    uint64_t late_ns;     /* The deadline that was put off, */
    uint64_t until_ns;    /* until then. */
};

void ticker_init(struct ticker *t);
/* The core has named it. */
void ticker_set(struct ticker *t, uint64_t deadline_ns);
/* When it is to be looked at; UINT64_MAX: never. */
uint64_t ticker_due_ns(const struct ticker *t);
/* Whether this deadline was put off already. */
bool ticker_is_late(const struct ticker *t);
/* Puts it off, from now on. */
void ticker_wait(struct ticker *t, uint64_t now_ns);

#endif /* RAKIT_REPLICA_TICKER_H */
