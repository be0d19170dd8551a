/* query.c - queries about a replica, for other rooms. */
#include "replica/figures.h"
#include "replica/state.h"

const struct log *replica_log(const struct replica *r)
{
    return r->log;
}

struct raft *replica_raft(const struct replica *r)
{
    return r->raft;
}

struct keyspace *replica_keyspace(const struct replica *r)
{
    return r->keyspace;
}

const struct stages *replica_stages(const struct replica *r)
{
    return r->stages;
}

const struct feed *replica_feed(const struct replica *r)
{
    return &r->feed;
}

struct store *replica_store(const struct replica *r)
{
    return r->store;
}

const struct store_key *replica_cluster_key(const struct replica *r)
{
    return r->recovered.identity.cluster_id == 0 ? NULL : &r->recovered.key;
}

uint64_t replica_epoch(const struct replica *r)
{
    return r->recovered.identity.epoch;
}

uint64_t replica_cluster_id(const struct replica *r)
{
    return r->recovered.identity.cluster_id;
}

uint64_t replica_node_id(const struct replica *r)
{
    return r->recovered.identity.node_id;
}

const struct member_address *replica_self(const struct replica *r)
{
    return &r->self;
}

struct peers_source replica_source(const struct replica *r)
{
    return (struct peers_source){.raft = r->raft, .window = &r->window, .store = r->store};
}

uint64_t replica_applied_index(const struct replica *r)
{
    return r->applied_index;
}

const struct membership *replica_membership(const struct replica *r)
{
    return members_current(&r->members, raft_configuration_index(r->raft));
}

bool replica_leader_address(const struct replica *r, struct io_address *ret_address)
{
    const struct membership *m = replica_membership(r);
    const struct member_address *leader = membership_address(m, raft_leader(r->raft));

    if (leader == NULL) {
        return false;
    }
    *ret_address = leader->client;
    return true;
}

bool replica_reaches(const struct replica *r, raft_id id)
{
    return peers_is_connected(r->peers, id);
}

bool replica_is_removed(const struct replica *r)
{
    return r->is_removed;
}

bool replica_is_serving(const struct replica *r)
{
    return replica_membership(r) != NULL && !r->is_removed && !r->is_loading;
}

bool replica_has_log(const struct replica *r)
{
    return r->window.last > 0;
}

const struct store_recovered *replica_recovered(const struct replica *r)
{
    return &r->recovered;
}

void replica_get_figures(const struct replica *r, struct figures *ret_figures)
{
    figures_collect(r, ret_figures);
}

void replica_get_stats(const struct replica *r, struct replica_stats *ret_stats)
{
    *ret_stats = r->stats;
    ret_stats->proposed_count = r->proposals.proposed_count;
    ret_stats->no_room_count = r->proposals.no_room_count;
    ret_stats->no_memory_count = r->proposals.no_memory_count;
    ret_stats->forwarded_count = r->forwards.sent_count;
    ret_stats->behind_count = r->read_index.behind_count;
    ret_stats->in_doubt_count = r->requests.in_doubt_count;
    ret_stats->pending_count = r->requests.count;
}
