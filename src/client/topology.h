/* topology.h - the cluster as clients that look for a master see it: by CLUSTER, by a Sentinel's
 * commands, by ROLE, INFO and HELLO (docs/adr/0040-doors.md).
 *
 * The master is the leader. Between two leaders a node shows itself: it takes all commands, and
 * those wait here for the next leader. A node that has known no leader for as long as commands
 * wait shows no master, so that clients ask another node. */
#ifndef RAKIT_CLIENT_TOPOLOGY_H
#define RAKIT_CLIENT_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/members.h"

struct client;
struct clients;
struct replica;

struct topology_node {
    const struct member_address *address;
    bool is_self;
    bool is_reached;   /* This node is connected to it. */
    raft_index offset; /* What it has stored, as far as this node knows; 0: unknown. */
};

/* Borrowed for the turn. */
struct topology {
    bool has_master; /* It is the first of the nodes. */
    uint32_t count;  /* All members; 0: this node serves nothing. */
    struct topology_node nodes[RAFT_MEMBERS_MAX];
};

void topology_get(const struct clients *c, struct topology *ret_topology);

/* Whether INFO, ROLE and HELLO call this node a master. */
bool topology_is_master(const struct clients *c);
/* "standalone", "cluster" or "sentinel": for INFO and HELLO. */
const char *topology_mode_name(const struct clients *c);
/* The master's address; NULL: none is known. Borrowed for the turn. */
const struct member_address *topology_master(const struct clients *c);

/* The port of that node for a client like this one: those with TLS have another, which is as far
 * from the first on each node. */
uint16_t topology_port(const struct client *c, uint16_t port);

enum { TOPOLOGY_ID_DIGITS = 40 };

/* A node's id in the length that clients know: that of RAFT STATUS, then that of the cluster. */
void topology_write_id(const struct clients *c, raft_id id, char text[TOPOLOGY_ID_DIGITS + 1]);

/* --- followers.c --------------------------------------------------------------------- */

struct follower {
    const struct member_address *address;
    raft_index match_index;
};

/* On the leader: the other members that receive its log and acknowledge it. WAIT counts these, once
 * they have what was written. Members that are silent, or need a snapshot first, are missing. On
 * any other node: none. Returns how many. */
uint32_t followers_list(const struct replica *replica, struct follower list[RAFT_MEMBERS_MAX]);
/* How many nodes besides this one certainly have an acknowledged write of that index durably. */
uint32_t followers_with(const struct replica *replica, raft_index index);

#endif /* RAKIT_CLIENT_TOPOLOGY_H */
