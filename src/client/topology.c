/* topology.c - see topology.h. */
#include "client/topology.h"

#include <stdio.h>

#include "base/mutant.h"
#include "client/client.h"
#include "raft/raft.h"
#include "replica/replica.h"

void topology_look(struct clients *c)
{
    raft_id leader = raft_leader(replica_raft(c->replica));

    if (leader != 0) {
        c->last_leader = leader;
        c->leaderless_since_ns = 0;
    } else if (c->leaderless_since_ns == 0) {
        c->leaderless_since_ns = io_now_ns(c->io);
    }
}

/* A command that comes now may be executed: it waits here for the next leader. */
static bool awaits_leader(const struct clients *c)
{
    return c->last_leader != 0 &&
           (c->leaderless_since_ns == 0 ||
            io_now_ns(c->io) - c->leaderless_since_ns < c->options.request_timeout_ns);
}

/* 0: none is known. */
static raft_id master_id(const struct clients *c, const struct membership *m)
{
    const struct raft *raft = replica_raft(c->replica);
    raft_id leader = raft_leader(raft);

    MUTANT_DO(former_leader_shown, leader = c->last_leader);
    if (membership_address(m, leader) != NULL) {
        return leader;
    }
    return awaits_leader(c) && !c->options.followers_are_replicas ? raft_self(raft) : 0;
}

static raft_index offset_of(const struct clients *c, raft_id id)
{
    const struct raft *raft = replica_raft(c->replica);
    struct raft_progress progress;

    if (id == raft_self(raft)) {
        return replica_applied_index(c->replica);
    }
    return raft_progress_of(raft, id, &progress) ? progress.match_index : 0;
}

static void add_node(const struct clients *c, struct topology *t,
                     const struct member_address *address)
{
    bool is_self = address->id == raft_self(replica_raft(c->replica));

    t->nodes[t->count] = (struct topology_node){
        .address = address,
        .is_self = is_self,
        .is_reached = is_self || replica_reaches(c->replica, address->id),
        .offset = offset_of(c, address->id),
    };
    t->count++;
}

void topology_get(const struct clients *c, struct topology *ret_topology)
{
    const struct membership *m = replica_membership(c->replica);

    ret_topology->count = 0;
    ret_topology->has_master = false;
    if (m == NULL || !replica_is_serving(c->replica)) {
        return;
    }

    raft_id master = master_id(c, m);
    const struct member_address *first = membership_address(m, master);

    ret_topology->has_master = first != NULL;
    if (first != NULL) {
        add_node(c, ret_topology, first);
    }
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        if (first != &m->addresses[i]) {
            add_node(c, ret_topology, &m->addresses[i]);
        }
    }
}

const struct member_address *topology_master(const struct clients *c)
{
    const struct membership *m = replica_membership(c->replica);

    return m == NULL || !replica_is_serving(c->replica) ? NULL
                                                        : membership_address(m, master_id(c, m));
}

bool topology_is_master(const struct clients *c)
{
    const struct raft *raft = replica_raft(c->replica);

    return replica_is_serving(c->replica) &&
           (!c->options.followers_are_replicas || raft_role(raft) == RAFT_LEADER);
}

uint16_t topology_port(const struct client *c, uint16_t port)
{
    const struct clients_options *o = &c->clients->options;
    int32_t other = (int32_t)port + o->tls_port - o->address.port;

    return c->stream.tls != NULL && other > 0 && other <= UINT16_MAX ? (uint16_t)other : port;
}

const char *topology_mode_name(const struct clients *c)
{
    return c->options.is_sentinel                   ? "sentinel"
           : c->options.cluster_mode == CLUSTER_OFF ? "standalone"
                                                    : "cluster";
}

void topology_write_id(const struct clients *c, raft_id id, char text[TOPOLOGY_ID_DIGITS + 1])
{
    snprintf(text, TOPOLOGY_ID_DIGITS + 1, "%016llx%016llx00000000", (unsigned long long)id,
             (unsigned long long)replica_cluster_id(c->replica));
}
