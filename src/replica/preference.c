#include "replica/preference.h"

#include <stddef.h>

#include "base/mutant.h"

enum {
    FIT_TIMEOUTS = 10,   /* Election timeouts for which a voter must have been fit. */
    PAUSE_TIMEOUTS = 50, /* Between the first two attempts; doubled after each. */
    CALM_PAUSES = 4,     /* After so many pauses without an attempt they begin small again. */
};

static const uint64_t PAUSE_MAX_NS = 600 * 1000 * 1000 * 1000ull;

void preference_init(struct preference *p, uint64_t election_timeout_ns)
{
    *p = (struct preference){.election_timeout_ns = election_timeout_ns};
}

void preference_forget(struct preference *p)
{
    p->candidate = 0;
}

/* The fit voter with the highest precedence, if that is higher than this node's; 0: none. */
static raft_id preferred(const struct raft_configuration *c, const bool *is_fit, raft_id self)
{
    const struct raft_member *best = raft_configuration_find(c, self);

    for (uint32_t i = 0; best != NULL && i < c->member_count; i++) {
        const struct raft_member *member = &c->members[i];

        if (member->incoming && !member->never_leads && (is_fit[i] || MUTANT(behind_is_fit)) &&
            member->precedence > best->precedence) {
            best = member;
        }
    }
    return best == NULL || best->id == self ? 0 : best->id;
}

static bool is_paused(const struct preference *p, uint64_t now_ns)
{
    return p->tried_ns != 0 && now_ns < p->tried_ns + p->pause_ns && !MUTANT(leadership_ping_pong);
}

static void note_attempt(struct preference *p, uint64_t now_ns)
{
    bool was_calm = p->tried_ns == 0 || now_ns > p->tried_ns + CALM_PAUSES * p->pause_ns;

    p->pause_ns = was_calm ? PAUSE_TIMEOUTS * p->election_timeout_ns : 2 * p->pause_ns;
    if (p->pause_ns > PAUSE_MAX_NS) {
        p->pause_ns = PAUSE_MAX_NS;
    }
    p->tried_ns = now_ns;
    p->candidate = 0;
}

raft_id preference_look(struct preference *p, const struct raft_configuration *c,
                        const bool *is_fit, raft_id self, uint64_t now_ns)
{
    raft_id candidate = preferred(c, is_fit, self);

    if (candidate != p->candidate) {
        p->candidate = candidate;
        p->fit_since_ns = now_ns;
    }
    if (candidate == 0 || now_ns < p->fit_since_ns + FIT_TIMEOUTS * p->election_timeout_ns ||
        is_paused(p, now_ns)) {
        return 0;
    }
    note_attempt(p, now_ns);
    return candidate;
}
