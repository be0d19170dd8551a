/* arrivals.c - see arrivals.h. */
#include "client/arrivals.h"

#include <string.h>

#include "base/check.h"

static void drop_first(struct arrivals *a)
{
    a->count--;
    memmove(a->list, a->list + 1, a->count * sizeof *a->list);
}

void arrivals_note(struct arrivals *a, uint64_t size, uint64_t waiting, uint64_t now_ns,
                   uint64_t step_ns)
{
    a->total += size;
    if (waiting == 0) {
        a->count = 0;
    }
    if (a->count > 0 && now_ns - a->list[a->count - 1].at_ns < step_ns) {
        a->list[a->count - 1].end = a->total;
        return;
    }
    if (a->count == ARRIVALS_MAX) {
        drop_first(a);
    }
    a->list[a->count++] = (struct arrival){.end = a->total, .at_ns = now_ns};
}

uint64_t arrivals_of(struct arrivals *a, uint64_t size, uint64_t waiting)
{
    uint64_t end = a->total - waiting + size;

    CHECK(size <= waiting);
    CHECK(a->count > 0);
    while (a->list[0].end < end) {
        CHECK(a->count > 1);
        drop_first(a);
    }
    return a->list[0].at_ns;
}
