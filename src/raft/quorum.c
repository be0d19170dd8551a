/* quorum.c - see quorum.h. */
#include "raft/quorum.h"

#include "base/check.h"
#include "base/mutant.h"

_Static_assert(RAFT_MEMBERS_MAX <= 32, "a set of members is one uint32_t");

/* The highest value that a majority of `values` has reached; sorts them. */
static uint64_t majority_value(uint64_t values[], uint32_t count)
{
    CHECK(count > 0);
    CHECK(count <= RAFT_MEMBERS_MAX);
    for (uint32_t i = 1; i < count; i++) { /* By insertion, falling. */
        uint64_t value = values[i];
        uint32_t at = i;

        for (; at > 0 && values[at - 1] < value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
    return values[MUTANT(even_quorum_too_small) ? (count - 1) / 2 : count / 2];
}

uint64_t quorum_value(const struct raft_configuration *c, const uint64_t values[])
{
    uint64_t incoming[RAFT_MEMBERS_MAX];
    uint64_t outgoing[RAFT_MEMBERS_MAX];
    uint32_t incoming_count = 0;
    uint32_t outgoing_count = 0;

    CHECK(c->member_count <= RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].incoming || MUTANT(learner_counts)) {
            incoming[incoming_count++] = values[i];
        }
        if (c->members[i].outgoing) {
            outgoing[outgoing_count++] = values[i];
        }
    }
    if (incoming_count == 0) {
        return 0;
    }
    uint64_t agreed = majority_value(incoming, incoming_count);

    if (outgoing_count > 0 && !MUTANT(joint_new_alone)) {
        uint64_t agreed_old = majority_value(outgoing, outgoing_count);

        agreed = agreed_old < agreed || MUTANT(joint_old_alone) ? agreed_old : agreed;
    }
    return agreed;
}

bool quorum_has(const struct raft_configuration *c, uint32_t set)
{
    uint64_t values[RAFT_MEMBERS_MAX];

    CHECK(c->member_count <= RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < c->member_count; i++) {
        values[i] = (set >> i) & 1;
    }
    return quorum_value(c, values) == 1;
}
