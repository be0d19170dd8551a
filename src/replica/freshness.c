#include "replica/freshness.h"

#include "base/mutant.h"

/* A node that lags applies the index of one answer after the next has come. That is not replaced,
 * or the state would never count as fresh. */
void freshness_note(struct freshness *f, uint64_t asked_ns, raft_index index)
{
    if (f->next_index == 0 || MUTANT(freshness_starves)) {
        f->next_index = index;
        f->next_ns = asked_ns;
    }
}

void freshness_note_applied(struct freshness *f, raft_index applied_index)
{
    if (f->next_index != 0 && (applied_index >= f->next_index || MUTANT(fresh_before_applied))) {
        f->since_ns = f->next_ns;
        f->next_index = 0;
    }
}

bool freshness_is_within(const struct freshness *f, uint64_t now_ns, uint64_t max_age_ns)
{
    return f->since_ns != 0 && (now_ns - f->since_ns <= max_age_ns || MUTANT(age_ignored));
}
