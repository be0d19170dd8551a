#include "script/flags.h"

static const char *const names[] = {"no-writes", "allow-oom", "allow-stale", "no-cluster",
                                    "allow-cross-slot-keys"};

enum { FLAG_COUNT = sizeof names / sizeof names[0] };

bool flags_add(struct slice name, uint32_t *flags)
{
    for (uint32_t i = 0; i < FLAG_COUNT; i++) {
        if (slice_is(name, names[i])) {
            *flags |= 1u << i;
            return true;
        }
    }
    return false;
}

void flags_reply(struct resp_writer *w, uint32_t flags)
{
    resp_set(w, (uint64_t)__builtin_popcount(flags));
    for (uint32_t i = 0; i < FLAG_COUNT; i++) {
        if ((flags & 1u << i) != 0) {
            resp_simple(w, names[i]);
        }
    }
}
