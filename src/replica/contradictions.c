#include "replica/contradictions.h"

#include "base/mutant.h"

enum {
    LOSS_TIMEOUTS = 10,      /* A loss that is reported for so long is certain. */
    LOSS_PAUSE_TIMEOUTS = 2, /* After a longer silence the time counts from the beginning. */
};

static const uint64_t RECENT_NS = 60 * 1000 * 1000 * 1000ull;

void contradictions_init(struct contradictions *c, uint64_t election_timeout_ns)
{
    *c = (struct contradictions){.election_timeout_ns = election_timeout_ns};
}

void contradictions_note(struct contradictions *c, uint64_t now_ns)
{
    c->last_ns = now_ns;
}

bool contradictions_are_recent(const struct contradictions *c, uint64_t now_ns)
{
    return c->last_ns != 0 && !MUTANT(contradicted_is_ok) &&
           (now_ns - c->last_ns < RECENT_NS || MUTANT(contradicted_for_ever));
}

static bool goes_on(const struct contradictions *c, uint64_t agreed_ns, uint64_t now_ns)
{
    bool was_paused = now_ns - c->loss_last_ns > LOSS_PAUSE_TIMEOUTS * c->election_timeout_ns &&
                      !MUTANT(loss_reported_twice_is_enough);
    bool was_denied = agreed_ns >= c->loss_since_ns && !MUTANT(loss_outweighs_leader);

    return c->loss_since_ns != 0 && !was_paused && !was_denied;
}

bool contradictions_note_loss(struct contradictions *c, uint64_t agreed_ns, uint64_t now_ns)
{
    if (!goes_on(c, agreed_ns, now_ns)) {
        c->loss_since_ns = now_ns;
    }
    c->loss_last_ns = now_ns;
    return now_ns - c->loss_since_ns >= LOSS_TIMEOUTS * c->election_timeout_ns ||
           MUTANT(loss_believed_at_once);
}
