/* cluster.h - several cores with disks and a network between them, all in memory and controlled
 * by the test: nothing becomes durable and nothing arrives unless the test says so. It keeps a
 * host's promises to the core, and after each step it checks rules that concern several nodes:
 * election safety, log matching, leader completeness, state machine safety,
 * persist-before-speak, and that no confirmed read misses what was committed before it was
 * asked. */
#ifndef RAKIT_TESTS_RAFT_CLUSTER_H
#define RAKIT_TESTS_RAFT_CLUSTER_H

#include <stdio.h>

#include "raft/raft.h"

enum {
    CLUSTER_NODES_MAX = 8,
    CLUSTER_WRITES_MAX = 256,
    CLUSTER_PACKETS_MAX = 8192,
    CLUSTER_READS_MAX = 64,
    CLUSTER_TERMS_MAX = 4096,
};

#define CLUSTER_MS ((uint64_t)1000000)

struct cluster_entry {
    raft_term term;
    enum raft_entry_kind kind;
    uint64_t value; /* Of a command: unique. */
    const struct raft_configuration *configuration;
};

struct cluster_log {
    raft_index origin; /* The same for all logs of a cluster: no node has earlier entries. */
    raft_term origin_term;
    struct cluster_entry *entries; /* entries[0] has index origin + 1. */
    uint32_t count;
    uint32_t capacity;
};

struct cluster_write {
    raft_seq seq;
    bool has_vote;
    raft_term current_term;
    raft_id voted_for;
    raft_index truncate_from;
    struct cluster_log entries;
};

struct cluster_packet {
    raft_seq after;
    struct raft_message message;
    struct raft_entry *entries; /* Owned. */
    uint64_t *values;           /* Owned: the payloads. */
};

/* The state of a host; only its durable part survives a crash. */
struct cluster_node {
    raft_id id;
    bool is_up;
    void *memory;
    struct raft *raft;
    struct raft_effects effects; /* Of the newest step that was not refused. */
    struct cluster_log log;
    uint32_t write_count;
    struct cluster_write writes[CLUSTER_WRITES_MAX];
    uint32_t held_count; /* Messages that wait for a write. */
    struct cluster_packet held[CLUSTER_PACKETS_MAX];
    uint32_t read_count;
    struct {
        uint64_t ticket;
        raft_index required;
    } reads[CLUSTER_READS_MAX];
    uint32_t confirmed_count;   /* Reads confirmed since the start. */
    struct raft_read confirmed; /* The newest of them. */

    raft_term durable_term;
    raft_id durable_vote;
    struct cluster_log durable_log;
    /* Its core knows the log after this index. The host's log keeps the rest, only for the
     * checks. */
    raft_index origin;
    raft_index snapshot;        /* The last entry in its newest snapshot, not before its origin. */
    struct raft_snapshot offer; /* The snapshot that it was last asked to fetch; index 0: none. */
};

struct cluster {
    uint64_t now_ns;
    uint64_t seed;
    uint32_t runs_max;
    FILE *trace; /* NULL: say nothing. */
    uint64_t next_value;
    uint32_t node_count;
    struct cluster_node *nodes[CLUSTER_NODES_MAX];
    uint32_t packet_count;
    struct cluster_packet packets[CLUSTER_PACKETS_MAX];
    bool is_cut[CLUSTER_NODES_MAX + 1][CLUSTER_NODES_MAX + 1]; /* From, to. */

    const struct raft_configuration *first_members; /* At the logs' origin; NULL: none. */

    /* What has been seen. */
    struct cluster_log committed;
    raft_id leaders[CLUSTER_TERMS_MAX];
    uint32_t seen_count;
    uint32_t seen_capacity;
    struct cluster_seen *seen;
    uint32_t configuration_count;
    struct raft_configuration **configurations;
};

struct cluster *cluster_new(uint64_t seed);
void cluster_free(struct cluster *c);

/* Before there are nodes: makes all logs begin after `index`, of `term`, with everything before
 * committed. */
void cluster_begin_at(struct cluster *c, raft_index index, raft_term term);
/* Ids 1 .. node_count, all voters, with that configuration as their first entry (index 1, term
 * 1), committed nowhere, and no leader; with another origin, it is the configuration there. Not
 * started yet. */
void cluster_add_voters(struct cluster *c, uint32_t node_count);
/* One more node, without a log. */
struct cluster_node *cluster_add_empty(struct cluster *c);
/* Appends commands of these terms to the durable log of a node that is down. */
void cluster_preload(struct cluster *c, raft_id id, const raft_term *terms, uint32_t count);
raft_index cluster_last_committed(const struct cluster *c);
/* Makes the log of a node that is down begin after `index`, as if it had a snapshot of what is
 * committed up to there, not before its own origin; keeps the rest if that fits. */
void cluster_install(struct cluster *c, raft_id id, raft_index index);
/* A node that is up has made a snapshot of what is committed up to `snapshot`, durable in its
 * log, and drops entries up to `origin` from its log. */
void cluster_compact(struct cluster *c, raft_id id, raft_index snapshot, raft_index origin);
/* A node that is up has fetched the snapshot that it was offered, and continues from it, if that
 * helps. */
void cluster_fetch(struct cluster *c, raft_id id);
void cluster_set_vote(struct cluster *c, raft_id id, raft_term term, raft_id voted_for);
void cluster_start(struct cluster *c, raft_id id);
void cluster_start_all(struct cluster *c);
void cluster_crash(struct cluster *c, raft_id id);

struct cluster_node *cluster_node(struct cluster *c, raft_id id);
struct raft *cluster_raft(struct cluster *c, raft_id id);

/* Carries out what comes of it, and returns what raft_step() returned. `packet` holds the message
 * of an event of RAFT_RECEIVE, else NULL. */
int cluster_step(struct cluster *c, raft_id id, struct raft_event *event,
                 const struct cluster_packet *packet);
/* The same of one kind of event each. */
int cluster_tick(struct cluster *c, raft_id id);
int cluster_propose(struct cluster *c, raft_id id, uint32_t count);
int cluster_change(struct cluster *c, raft_id id, enum raft_change_kind kind, raft_id whom);
int cluster_read(struct cluster *c, raft_id id);
int cluster_transfer(struct cluster *c, raft_id id, raft_id target);
int cluster_lost(struct cluster *c, raft_id id, raft_id peer);
/* Completes the first `count` writes under way. */
void cluster_durable(struct cluster *c, raft_id id, uint32_t count);
void cluster_durable_all(struct cluster *c, raft_id id);

/* The network: packets are in the order of sending. */
void cluster_deliver(struct cluster *c, uint32_t packet);
void cluster_drop(struct cluster *c, uint32_t packet);
void cluster_duplicate(struct cluster *c, uint32_t packet);
/* Splits a packet of entries in two, the first with `first_count` of them, as a host that limits
 * its frames may. False if there is nothing to split. */
bool cluster_split(struct cluster *c, uint32_t packet, uint32_t first_count);
/* Delivers what is under way now, but not the answers to it. */
void cluster_deliver_round(struct cluster *c);
/* Completes writes and delivers until all is quiet; no time passes. */
void cluster_settle(struct cluster *c);
void cluster_cut(struct cluster *c, raft_id from, raft_id to, bool is_cut);
void cluster_isolate(struct cluster *c, raft_id id, bool is_cut);

/* The first packet under way of that kind, or -1. 0 for `from` or `to`: any. */
int cluster_find(const struct cluster *c, enum raft_message_kind kind, raft_id from, raft_id to);

/* Advances the clock to the deadline of `id` and ticks only that node. */
void cluster_tick_due(struct cluster *c, raft_id id);
/* `id` campaigns and wins; all others answer. */
void cluster_elect(struct cluster *c, raft_id id);
/* Lets that much time pass: timers fire, disks and network have no delay. */
void cluster_run(struct cluster *c, uint64_t ns);
/* The leader of the highest term, or 0. */
raft_id cluster_leader(const struct cluster *c);

/* Checks all logs against each other; aborts if a promise of the paper is broken. */
void cluster_check(const struct cluster *c);

#endif /* RAKIT_TESTS_RAFT_CLUSTER_H */
