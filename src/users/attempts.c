#include "users/attempts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mutant.h"

enum { NETWORK_BYTES = 8 };

static const uint64_t FAILURE_NS = 1000000000ull / ATTEMPTS_A_SECOND;

static bool is_single(const struct in6_addr *address)
{
    return IN6_IS_ADDR_V4MAPPED(address) || MUTANT(failed_logins_by_host);
}

/* Whoever has one address of IPv6 has a whole network of them, which counts as one. */
static struct slice origin_of(struct slice address, char text[ATTEMPTS_ADDRESS_BYTES])
{
    bool has_brackets = address.size > 2 && address.data[0] == '[';
    struct slice bare = has_brackets ? slice_of(address.data + 1, address.size - 2) : address;
    size_t size =
        bare.size < ATTEMPTS_ADDRESS_BYTES ? bare.size : (size_t)ATTEMPTS_ADDRESS_BYTES - 1;
    struct in6_addr six;

    memcpy(text, bare.data, size);
    text[size] = '\0';
    if (inet_pton(AF_INET6, text, &six) == 1 && !is_single(&six)) {
        memset(six.s6_addr + NETWORK_BYTES, 0, sizeof six.s6_addr - NETWORK_BYTES);
        (void)inet_ntop(AF_INET6, &six, text, ATTEMPTS_ADDRESS_BYTES);
    }
    return slice_str(text);
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
    char text[ATTEMPTS_ADDRESS_BYTES];
    struct slice name = origin_of(address, text);
    const struct attempts_of *of = &a->all[find(a, name)];
    uint64_t at_once_ns = now_ns + ATTEMPTS_AT_ONCE * FAILURE_NS;

    return slice_equal(slice_str(of->address), name) && of->free_ns > at_once_ns &&
                   !MUTANT(failed_logins_at_once)
               ? of->free_ns - at_once_ns
               : 0;
}

void attempts_begin(struct attempts *a, struct slice address, uint64_t now_ns)
{
    char text[ATTEMPTS_ADDRESS_BYTES];
    struct slice name = origin_of(address, text);
    struct attempts_of *of = &a->all[find(a, name)];

    if (!slice_equal(slice_str(of->address), name)) {
        *of = (struct attempts_of){.free_ns = 0};
        memcpy(of->address, name.data, name.size);
    }
    of->free_ns = (of->free_ns > now_ns ? of->free_ns : now_ns) + FAILURE_NS;
}

void attempts_succeed(struct attempts *a, struct slice address)
{
    char text[ATTEMPTS_ADDRESS_BYTES];
    struct slice name = origin_of(address, text);
    struct attempts_of *of = &a->all[find(a, name)];

    if (slice_equal(slice_str(of->address), name) && of->free_ns >= FAILURE_NS) {
        of->free_ns -= FAILURE_NS;
    }
}
