/* attempts.h - logins that failed, by where they came from, as io_stream_origin() has it (a network
 * of IPv6 is one origin): a few in a row are judged at once, and beyond that so many a second. The
 * table is bounded: the origin that has been quiet longest makes room. */
#ifndef RAKIT_USERS_ATTEMPTS_H
#define RAKIT_USERS_ATTEMPTS_H

#include <stdint.h>

enum {
    ATTEMPTS_ORIGINS = 512,
    ATTEMPTS_AT_ONCE = 20,
    ATTEMPTS_A_SECOND = 4,
};

/* Empty if it is zeroed. */
struct attempts {
    struct attempts_of {
        uint64_t free_ns; /* When all failures are forgiven. */
        uint64_t origin;
    } all[ATTEMPTS_ORIGINS];
};

/* For how long a login from there must wait before it is judged; 0: not at all. */
uint64_t attempts_wait_ns(const struct attempts *a, uint64_t origin, uint64_t now_ns);
/* It is judged now, and counts as failed until it has succeeded: many may be judged at a time. */
void attempts_begin(struct attempts *a, uint64_t origin, uint64_t now_ns);
void attempts_succeed(struct attempts *a, uint64_t origin);

#endif /* RAKIT_USERS_ATTEMPTS_H */
