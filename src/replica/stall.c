#include "replica/stall.h"

#include "base/mutant.h"

enum { LONG_TIMEOUTS = 3, PAUSE_TIMEOUTS = 20 };

void stall_init(struct stall *s, uint64_t election_timeout_ns)
{
    *s = (struct stall){.election_timeout_ns = election_timeout_ns};
    backoff_init(&s->backoff, PAUSE_TIMEOUTS * election_timeout_ns);
}

void stall_note_written(struct stall *s, uint64_t seq, uint64_t now_ns)
{
    if (s->written == s->durable) {
        s->since_ns = now_ns;
    }
    s->written = seq;
}

void stall_note_durable(struct stall *s, uint64_t seq, uint64_t now_ns)
{
    s->durable = seq;
    s->since_ns = now_ns;
}

bool stall_is_long(const struct stall *s, uint64_t now_ns)
{
    return s->written > s->durable &&
           now_ns >= s->since_ns + LONG_TIMEOUTS * s->election_timeout_ns &&
           !MUTANT(stalled_leader_stays);
}

bool stall_may_hand_over(struct stall *s, uint64_t now_ns)
{
    return backoff_try(&s->backoff, now_ns);
}
