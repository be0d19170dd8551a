/* followers.c - the other members as the leader knows them, for WAIT, INFO and ROLE, which must
 * agree: a client that is shown a follower may wait for it. */
#include "base/mutant.h"
#include "client/topology.h"
#include "raft/raft.h"
#include "replica/replica.h"

/* It receives the log, and has acknowledged some of it to this leader. */
static bool is_following(const struct raft_progress *progress)
{
    bool agrees = progress->match_index > 0 && progress->searching_ns == 0;

    return (progress->is_active && !progress->needs_snapshot && agrees) ||
           MUTANT(absent_followers_shown);
}

uint32_t followers_list(const struct replica *replica, struct follower list[RAFT_MEMBERS_MAX])
{
    const struct raft *raft = replica_raft(replica);
    const struct membership *m = replica_membership(replica);
    uint32_t count = 0;

    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        const struct member_address *address = &m->addresses[i];
        struct raft_progress progress;

        if (address->id != raft_self(raft) && raft_progress_of(raft, address->id, &progress) &&
            is_following(&progress)) {
            list[count++] =
                (struct follower){.address = address, .match_index = progress.match_index};
        }
    }
    return count;
}

/* An acknowledged write is on a majority of the voters: without this node, on so many at least. */
static uint32_t certain_count(const struct replica *replica)
{
    const struct raft_configuration *configuration = raft_configuration(replica_raft(replica));
    uint32_t voter_count = 0;

    for (uint32_t i = 0; i < configuration->member_count; i++) {
        voter_count += configuration->members[i].incoming ? 1 : 0;
    }
    return voter_count / 2;
}

uint32_t followers_with(const struct replica *replica, raft_index index)
{
    struct follower list[RAFT_MEMBERS_MAX];
    uint32_t listed = followers_list(replica, list);
    uint32_t certain = certain_count(replica);
    uint32_t count = 0;

    for (uint32_t i = 0; i < listed; i++) {
        count += list[i].match_index >= index || MUTANT(wait_counts_all) ? 1 : 0;
    }
    return count > certain ? count : certain;
}
