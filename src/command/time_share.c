#include "command/time_share.h"

#include "base/mutant.h"
#include "command/probe.h"
#include "io/io.h"

void time_share_begin(struct time_share *t, struct io *io, const struct server_probe *probe,
                      uint64_t ns)
{
    *t = (struct time_share){.io = io, .probe = probe, .until_ns = io_spent_ns(io) + ns};
}

bool time_share_look(struct time_share *t)
{
    t->work = 0;
    t->is_over = io_spent_ns(t->io) >= t->until_ns && !MUTANT(turns_without_end);
    return t->is_over;
}

void time_share_use(struct time_share *t, uint64_t work)
{
    probe_call(t->probe, worked, work);
    t->work += work;
    if (t->work >= TIME_SHARE_LOOK_WORK) {
        time_share_look(t);
    }
}
