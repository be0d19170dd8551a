/* live_quorum.c - whether the cluster would go on after a change of members. If too few of the
 * voters that remain are in reach, the change can be neither committed nor undone. */
#include "base/mutant.h"
#include "replica/admin_task.h"
#include "resp/errors.h"

static bool is_in_reach(const struct replica *r, raft_id id)
{
    struct raft_progress progress;

    return id == raft_self(r->raft) ||
           (raft_progress_of(r->raft, id, &progress) && replica_hears(r, &progress) &&
            peers_is_connected(r->peers, id));
}

/* Only these take away a vote, or the right to lead. */
static bool may_cost_the_quorum(enum raft_change_kind kind)
{
    return kind == RAFT_REMOVE || kind == RAFT_DEMOTE || kind == RAFT_PRIORITIZE;
}

/* Of C_new. */
static const char *judge(const struct replica *r, const struct raft_configuration *c)
{
    uint32_t voter_count = 0;
    uint32_t reach_count = 0;
    uint32_t leader_count = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].incoming) {
            bool is_there = is_in_reach(r, c->members[i].id);

            voter_count++;
            reach_count += is_there;
            leader_count += is_there && !c->members[i].never_leads;
        }
    }
    if (reach_count <= voter_count / 2) {
        return ERROR_NO_QUORUM_LEFT;
    }
    return leader_count == 0 ? ERROR_NO_LEADER_LEFT : NULL;
}

const char *live_quorum_fault(const struct replica *r, const struct raft_change *change)
{
    struct raft_configuration next;

    if (!may_cost_the_quorum(change->kind) || MUTANT(removal_stops_the_cluster) ||
        raft_configuration_after(raft_configuration(r->raft), change, &next) != RAFT_OK) {
        return NULL;
    }
    return judge(r, &next);
}
