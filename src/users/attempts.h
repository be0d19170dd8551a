/* attempts.h - logins that failed, by the address that they came from: a few in a row are judged at
 * once, and beyond that so many a second. The table is bounded: the address that has been quiet
 * longest makes room. */
#ifndef RAKIT_USERS_ATTEMPTS_H
#define RAKIT_USERS_ATTEMPTS_H

#include <stdint.h>

#include "base/slice.h"

enum {
    ATTEMPTS_ADDRESSES = 512,
    ATTEMPTS_AT_ONCE = 20,
    ATTEMPTS_A_SECOND = 4,
    ATTEMPTS_ADDRESS_BYTES = 56,
};

/* Empty if it is zeroed. */
struct attempts {
    struct attempts_of {
        uint64_t free_ns; /* When all failures are forgiven. */
        char address[ATTEMPTS_ADDRESS_BYTES];
    } all[ATTEMPTS_ADDRESSES];
};

/* For how long a login from that address must wait before it is judged; 0: not at all. */
uint64_t attempts_wait_ns(const struct attempts *a, struct slice address, uint64_t now_ns);
/* It is judged now, and counts as failed until it has succeeded: many may be judged at a time. */
void attempts_begin(struct attempts *a, struct slice address, uint64_t now_ns);
void attempts_succeed(struct attempts *a, struct slice address);

#endif /* RAKIT_USERS_ATTEMPTS_H */
