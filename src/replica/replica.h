/* replica.h - joins consensus, disk, peers and the state machine. One turn of the
 * replica is the heart of the program: see replica_turn() in replica.c. */
#ifndef RAKIT_REPLICA_REPLICA_H
#define RAKIT_REPLICA_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "command/request.h"
#include "io/io.h"
#include "kv/keyspace.h"
#include "raft/raft.h"
#include "server/server.h"
#include "store/store.h"

struct member_address;
struct membership;
struct replica;

/* --- for clients ------------------------------------------------------------------ */

/* Takes a write or a read. It is answered later, in every case, never during this
 * call. */
void replica_submit(struct replica *r, struct request *request);

/* Too much is under way: hand in nothing more until clients_resume() is called,
 * which the clients provide. */
bool replica_is_congested(const struct replica *r);

/* Asks for another turn before the loop waits: for whoever submits from within
 * clients_flush(), which ends each turn. */
void replica_wake(struct replica *r);

/* --- life (server.c) --------------------------------------------------------------- */

/* Opens the store and recovers. `key` is the cluster's, as the user gave it, or NULL. On failure
 * returns NULL and says why. */
struct replica *replica_start(struct server *server, const struct store_key *key,
                              const struct server_probe *probe, char *text, size_t text_size);
/* Listens for peers; to be called once, before the io runs. On failure says why: then only
 * replica_free() may follow. */
bool replica_listen(struct replica *r, char *text, size_t text_size);
/* Makes a cluster of this one node, where it has none yet, with that key. */
void replica_bootstrap(struct replica *r, const struct store_key *key);
/* Whether this node made its cluster (or was about to, when it crashed). */
bool replica_is_founder(const struct replica *r);
/* The cluster that has taken this node in as a learner, and its key. False: could not be
 * stored. */
bool replica_joined(struct replica *r, uint64_t cluster_id, const struct store_key *key);
/* Begins to take part, with what was recovered. */
void replica_run(struct replica *r);
/* Asks the core to hand leadership over, where this node leads others. */
void replica_hand_over(struct replica *r);
/* Nothing is under way any more, and this node does not lead others. */
bool replica_is_settled(const struct replica *r);
/* Whether the node has entries: it was a member of its cluster before. */
bool replica_has_log(const struct replica *r);
const struct store_recovered *replica_recovered(const struct replica *r);
/* Answers every request that is still here with an error, so that its maker can free it;
 * nothing is stepped any more. Then replica_free(). */
void replica_end(struct replica *r);
void replica_free(struct replica *r);

/* --- for INFO, RAFT and the like ------------------------------------------------------ */

struct raft *replica_raft(const struct replica *r);
struct keyspace *replica_keyspace(const struct replica *r);
struct store *replica_store(const struct replica *r);
uint64_t replica_cluster_id(const struct replica *r);
/* The key of its cluster; NULL: it has none yet. */
const struct store_key *replica_cluster_key(const struct replica *r);
uint64_t replica_node_id(const struct replica *r);
uint64_t replica_applied_index(const struct replica *r);
/* The membership in force, with addresses; NULL: none yet. Borrowed for the turn. */
const struct membership *replica_membership(const struct replica *r);
/* The address of the leader that this node knows of; false: none. */
/* Another node, the contact, lives there. */
void replica_meet_contact(struct replica *r, const struct member_address *contact);
bool replica_leader_address(const struct replica *r, struct io_address *ret_address);
/* Somebody of its cluster has said that this node was removed. */
void replica_note_removed(struct replica *r);
/* This node was removed from its cluster and serves nothing. */
bool replica_is_removed(const struct replica *r);

struct replica_stats {
    uint64_t proposed_count; /* Commands this node put into the log as leader. */
    uint64_t applied_count;  /* Entries applied since the start, */
    uint64_t skipped_count;  /* and of these, without effect as they were not understood. */
    uint64_t read_count;     /* Reads served. */
    uint64_t read_round_count;
    uint64_t forwarded_count; /* Commands sent on to the leader. */
    uint64_t in_doubt_count;  /* Commands answered with INDOUBT. */
    uint64_t no_room_count;   /* Commands refused for full disks. */
    uint64_t election_count;  /* Elections begun: terms in which this node asked for votes. */
    uint64_t pending_count;   /* Under way now. */
};

void replica_get_stats(const struct replica *r, struct replica_stats *ret_stats);

#endif /* RAKIT_REPLICA_REPLICA_H */
