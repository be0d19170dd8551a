#include "replica/sweeper.h"

#include "base/mutant.h"

static const uint64_t PERIOD_NS = 50 * 1000 * 1000u;
static const uint64_t LISTEN_FIRST_NS = 2 * 1000 * 1000u;

static void set(struct sweeper *s, uint64_t in_ns)
{
    s->due_ns = io_now_ns(s->io) + in_ns;
    io_timer_start(s->io, &s->timer, s->due_ns);
}

void sweeper_init(struct sweeper *s, struct io *io, void (*fired)(struct io_timer *timer))
{
    *s = (struct sweeper){.io = io, .timer.fired = fired};
}

void sweeper_deinit(struct sweeper *s)
{
    io_timer_stop(s->io, &s->timer);
}

void sweeper_start(struct sweeper *s)
{
    if (s->due_ns == 0) {
        set(s, PERIOD_NS);
    }
}

bool sweeper_may_sweep(struct sweeper *s)
{
    uint64_t late_ns = io_now_ns(s->io) - s->due_ns;

    s->due_ns = 0;
    if (late_ns > PERIOD_NS && !MUTANT(sweeps_before_it_looks)) {
        set(s, LISTEN_FIRST_NS);
        return false;
    }
    return true;
}
