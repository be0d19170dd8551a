#include "replica/preference.h"

#include <stddef.h>

#include "base/mutant.h"

enum {
    FIT_TIMEOUTS = 10,   /* Election timeouts for which a voter must have been fit. */
    PAUSE_TIMEOUTS = 50, /* Between the first two attempts. */
};

void preference_init(struct preference *p, uint64_t election_timeout_ns)
{
    *p = (struct preference){.election_timeout_ns = election_timeout_ns};
    backoff_init(&p->backoff, PAUSE_TIMEOUTS * election_timeout_ns);
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

raft_id preference_look(struct preference *p, const struct raft_configuration *c,
                        const bool *is_fit, raft_id self, uint64_t now_ns)
{
    raft_id candidate = preferred(c, is_fit, self);

    if (candidate != p->candidate) {
        p->candidate = candidate;
        p->fit_since_ns = now_ns;
    }
    if (candidate == 0 || now_ns < p->fit_since_ns + FIT_TIMEOUTS * p->election_timeout_ns ||
        !backoff_try(&p->backoff, now_ns)) {
        return 0;
    }
    p->candidate = 0;
    return candidate;
}
