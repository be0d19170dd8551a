#include "replica/ticker.h"

static const uint64_t WAIT_NS = 2 * 1000 * 1000u;

void ticker_init(struct ticker *t)
{
    *t = (struct ticker){.deadline_ns = UINT64_MAX};
}

void ticker_set(struct ticker *t, uint64_t deadline_ns)
{
    t->deadline_ns = deadline_ns;
}

bool ticker_is_late(const struct ticker *t)
{
    return t->late_ns == t->deadline_ns;
}

uint64_t ticker_due_ns(const struct ticker *t)
{
    return ticker_is_late(t) && t->deadline_ns != UINT64_MAX ? t->until_ns : t->deadline_ns;
}

void ticker_wait(struct ticker *t, uint64_t now_ns)
{
    t->late_ns = t->deadline_ns;
    t->until_ns = now_ns + WAIT_NS;
}
