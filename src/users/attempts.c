#include "users/attempts.h"

#include "base/mutant.h"

static const uint64_t FAILURE_NS = 1000000000ull / ATTEMPTS_A_SECOND;

/* Its place, or the one that it would take. */
static uint32_t find(const struct attempts *a, uint64_t origin)
{
    uint32_t quietest = 0;

    for (uint32_t i = 0; i < ATTEMPTS_ORIGINS; i++) {
        if (a->all[i].origin == origin && a->all[i].free_ns > 0) {
            return i;
        }
        if (a->all[i].free_ns < a->all[quietest].free_ns) {
            quietest = i;
        }
    }
    return quietest;
}

uint64_t attempts_wait_ns(const struct attempts *a, uint64_t origin, uint64_t now_ns)
{
    const struct attempts_of *of = &a->all[find(a, origin)];
    uint64_t at_once_ns = now_ns + ATTEMPTS_AT_ONCE * FAILURE_NS;

    return of->origin == origin && of->free_ns > at_once_ns && !MUTANT(failed_logins_at_once)
               ? of->free_ns - at_once_ns
               : 0;
}

void attempts_begin(struct attempts *a, uint64_t origin, uint64_t now_ns)
{
    struct attempts_of *of = &a->all[find(a, origin)];

    if (of->origin != origin) {
        *of = (struct attempts_of){.origin = origin};
    }
    of->free_ns = (of->free_ns > now_ns ? of->free_ns : now_ns) + FAILURE_NS;
}

void attempts_succeed(struct attempts *a, uint64_t origin)
{
    struct attempts_of *of = &a->all[find(a, origin)];

    if (of->origin == origin && of->free_ns >= FAILURE_NS) {
        of->free_ns -= FAILURE_NS;
    }
}
