#include "users/attempts.h"

#include <string.h>

#include "base/mutant.h"

static const uint64_t FAILURE_NS = 1000000000ull / ATTEMPTS_A_SECOND;

static struct slice cut(struct slice address)
{
    return slice_of(address.data, address.size < ATTEMPTS_ADDRESS_BYTES
                                      ? address.size
                                      : ATTEMPTS_ADDRESS_BYTES - 1);
}

/* Its place, or the one that it would take. */
static uint32_t find(const struct attempts *a, struct slice address)
{
    uint32_t quietest = 0;

    for (uint32_t i = 0; i < ATTEMPTS_ADDRESSES; i++) {
        if (slice_equal(slice_str(a->all[i].address), address)) {
            return i;
        }
        if (a->all[i].free_ns < a->all[quietest].free_ns) {
            quietest = i;
        }
    }
    return quietest;
}

uint64_t attempts_wait_ns(const struct attempts *a, struct slice address, uint64_t now_ns)
{
    const struct attempts_of *of = &a->all[find(a, cut(address))];
    uint64_t at_once_ns = now_ns + ATTEMPTS_AT_ONCE * FAILURE_NS;

    return slice_equal(slice_str(of->address), cut(address)) && of->free_ns > at_once_ns &&
                   !MUTANT(failed_logins_at_once)
               ? of->free_ns - at_once_ns
               : 0;
}

void attempts_begin(struct attempts *a, struct slice address, uint64_t now_ns)
{
    struct slice name = cut(address);
    struct attempts_of *of = &a->all[find(a, name)];

    if (!slice_equal(slice_str(of->address), name)) {
        *of = (struct attempts_of){.free_ns = 0};
        memcpy(of->address, name.data, name.size);
    }
    of->free_ns = (of->free_ns > now_ns ? of->free_ns : now_ns) + FAILURE_NS;
}

void attempts_succeed(struct attempts *a, struct slice address)
{
    struct attempts_of *of = &a->all[find(a, cut(address))];

    if (slice_equal(slice_str(of->address), cut(address)) && of->free_ns >= FAILURE_NS) {
        of->free_ns -= FAILURE_NS;
    }
}
