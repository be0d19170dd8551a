/* replica.h - one member of the cluster: it joins consensus, disk and the state machine. It
 * knows no server and no clients; the connections to other nodes are borrowed, and what they
 * receive is passed in. One turn of the replica is the heart of the program: see turn.c. */
#ifndef RAKIT_REPLICA_REPLICA_H
#define RAKIT_REPLICA_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "cluster/members.h"
#include "command/request.h"
#include "io/io.h"
#include "kv/event.h"
#include "kv/keyspace.h"
#include "peer/peers.h"
#include "raft/raft.h"
#include "store/store.h"

struct command_table; /* command/table.h */
struct denials;       /* users/denials.h */
struct feed;          /* replica/feed.h */
struct stages;        /* replica/stages.h */
struct membership;
struct replica;
struct server_probe; /* command/probe.h */
struct users;        /* users/users.h */

/* --- for clients ------------------------------------------------------------------ */

/* Accepts a write or a read, which is placed in the next turn. It is always answered later,
 * never during this call. */
void replica_submit(struct replica *r, struct request *request);

/* Makes a snapshot of this node's state, whichever node leads. NULL: the request is answered when
 * the snapshot is durable, never during the call; only its `reply` and `answered` are used.
 * Otherwise the error to be replied. */
const char *replica_snapshot(struct replica *r, struct request *request);

/* RAFT BACKUP: replies which snapshots and entries this node can hand out. */
void replica_list_backups(const struct replica *r, struct resp_writer *w);
/* RAFT BACKUP with arguments, one or more, which are borrowed during the call: a part of a snapshot
 * or of the log. NULL: it is answered later, never during the call, and only `reply` and
 * `answered` of the request are used. Otherwise the error to be replied. */
const char *replica_backup(struct replica *r, struct request *request, uint32_t count,
                           const struct slice *arguments);

/* Reads everything on this node's disk. The request is answered at the end, or refused, in the same
 * way. */
const char *replica_scrub(struct replica *r, struct request *request);

/* Too much is under way: submit nothing more until there is room again. */
bool replica_is_congested(const struct replica *r);
/* There is room again, some time later, so that many can continue at once. */
bool replica_has_room_again(const struct replica *r);

/* To be called at the end of each turn: the memory of clients' connections, which counts for the
 * limit on memory. */
void replica_note_client_bytes(struct replica *r, uint64_t bytes);

/* --- life --------------------------------------------------------------------------- */

/* Options of a replica. Strings and pointers are borrowed for its lifetime, except the key. */
struct replica_options {
    struct io *io;
    const struct log *log;
    const struct server_probe *probe;     /* NULL: no checker observes. */
    const struct command_table *commands; /* All commands that clients, peers or the log may
                                           * name. */
    struct denials *denials;              /* What is refused for want of rights; or NULL. */

    const char *data_dir;
    bool is_new_cluster;         /* Make a cluster, whatever is in the data directory. */
    const struct store_key *key; /* The cluster's key, if the user gave it, or NULL. */

    bool is_joining; /* A cluster to join, which a contact belongs to. */

    struct peers *peers;         /* The owner's, which starts them before the io runs. */
    struct io_address announced; /* The address at which others reach this node's clients' side. */
    uint16_t peer_port;          /* The port of its peers' side. */
    const char *name;            /* What people call this node; NULL: what the log says. */
    uint32_t feature_level;      /* The newest that this node's program knows. */

    uint64_t election_timeout_ns;
    uint64_t heartbeat_interval_ns;
    uint64_t request_timeout_ns;
    uint64_t segment_bytes;
    raft_index digest_interval; /* A power of two, the same on all nodes; 0: the default. */
    uint64_t load_turn_ns;      /* Loading may take so much of one turn; 0: the default. */
    uint64_t log_memory_bytes;
    uint64_t log_tail_bytes;
    uint64_t snapshot_after_bytes;
    uint64_t snapshot_after_entries;
    uint64_t scrub_period_ns;     /* How often everything on the disk is read; 0: never. */
    uint64_t scrub_rate_bytes;    /* The most that is read per second then. */
    uint64_t snapshot_rate_bytes; /* The most per second that is fetched of a snapshot; 0: no
                                   * limit. */
    uint64_t check_after_ns;      /* Memory is checked at least so often; 0: the default. */
    uint64_t in_flight_bytes_max;
    uint64_t reply_bytes_max;
    uint64_t feed_bytes;       /* For the newest changes of keys (feed.h); 0: they are not kept. */
    uint64_t memory_bytes_max; /* A leader refuses growth beyond this; 0: no limit. */
    uint32_t piece_bytes;      /* See peers_options. */
    uint64_t disk_bytes_max;   /* Limit on the data directory; 0: the file system's. */
};

/* What a replica reports to its owner, with the given context. */
struct replica_events {
    void *context;
    /* It begins to take part: the peers must be opened, with replica_source(). */
    void (*runs)(void *context);
    /* It can't continue, and has logged why. Do not free it in this callback. */
    void (*failed)(void *context);
    /* It has stopped, has logged why, and must start again from its directory: call
     * replica_restart(), but not in this callback. */
    void (*restart)(void *context);
};

/* The part of the owner that hears what entries do, while they are applied, in their order. Each
 * entry is reported once, also across replica_restart(). */
struct replica_audience {
    void *context;
    bool wants_keys; /* Of the following, `changed` and `replaced` are called. */
    void (*changed)(void *context, const struct key_event *event);
    void (*replaced)(void *context, uint32_t database);
    /* Returns how many clients of this node get the message. */
    uint64_t (*published)(void *context, const struct channel_message *message);
    /* A snapshot has taken the place of entries, which are never reported. */
    void (*skipped)(void *context);
    /* It can't take more at present: nothing is applied meanwhile. */
    bool (*is_behind)(void *context);
};

/* `audience` is copied; NULL: nobody hears. */
void replica_set_audience(struct replica *r, const struct replica_audience *audience);

/* Opens the store, and judges the data. On failure returns NULL, with the reason in `text`.
 * Next, replica_load() must be called. */
struct replica *replica_start(const struct replica_options *options,
                              const struct replica_events *events, char *text, size_t text_size);
enum replica_loaded {
    REPLICA_LOADS, /* There is more: call again in the next turn. */
    REPLICA_LOADED,
    REPLICA_DAMAGED,    /* What is damaged was put aside: call replica_restart(). */
    REPLICA_UNLOADABLE, /* The reason is in `text`, and only replica_free() may follow. */
};

/* Ends `r`, and starts again from its directory, in the same process: answers what is under way,
 * closes the store, opens it again, and judges the data. On success frees `r` and returns its
 * successor, for which replica_load() must be called; on failure returns NULL, with the reason
 * in `text`, and only replica_free() and what shows its state may be called on `r`. Then the
 * peers must be closed. Blocking. */
struct replica *replica_restart(struct replica *r, const struct replica_options *options,
                                char *text, size_t text_size);

/* Loads recovered data into the keyspace, for as long as a turn may take. Logs its progress
 * every second. */
enum replica_loaded replica_load(struct replica *r, char *text, size_t text_size);

struct replica_progress {
    uint64_t bytes; /* Of the log, so far, */
    uint64_t total_bytes;
    uint64_t elapsed_ns;
    uint64_t left_ns; /* An estimate; UINT64_MAX: there is none yet. */
    unsigned percent; /* 99 at the most. */
};

/* Whether it is still loading; if so, also its progress. */
bool replica_is_loading(const struct replica *r, struct replica_progress *ret_progress);

/* Where peers deliver what they receive. */
struct peers_events replica_peers_events(struct replica *r);
/* Where peers get what they send. */
struct peers_source replica_source(const struct replica *r);
/* The log for what the replica's owner does for it: what goes wrong there is its trouble. */
const struct log *replica_log(const struct replica *r);
/* This node, as other nodes must know it. */
const struct member_address *replica_self(const struct replica *r);
/* Makes a cluster of this node alone, if it has none yet, with that key. */
void replica_bootstrap(struct replica *r, const struct store_key *key);
/* The id of the cluster that this node founds. */
uint64_t replica_founded_cluster(raft_id founder);
/* Whether this node made its cluster (or was about to when it crashed). */
bool replica_is_founder(const struct replica *r);
/* The cluster that has added this node as a learner, and its key. False: could not be stored. */
bool replica_joined(struct replica *r, uint64_t cluster_id, uint64_t epoch,
                    const struct store_key *key);
/* Begins to take part, with what was recovered. */
void replica_run(struct replica *r);
/* Called in each turn of the loop, after clients' commands were submitted: places each command,
 * and gives the disk its writes and the peers what they must send. */
void replica_place(struct replica *r);
/* Called after the peers were flushed: applies what is committed, and answers what is ready,
 * also to peers. No step makes work for an earlier one; a step that leaves some of its own asks
 * for the next turn. */
void replica_execute(struct replica *r);
/* Called at the end of the turn, when the answers to clients were sent. */
void replica_note_sent(struct replica *r);
/* Asks the core to transfer leadership, if this node leads others. */
void replica_hand_over(struct replica *r);
/* Nothing is under way any more, and this node does not lead others. */
bool replica_is_settled(const struct replica *r);
/* Whether the node has entries: it was a member of its cluster before. */
bool replica_has_log(const struct replica *r);
/* Whether its disk has lost entries that are not there again. */
bool replica_lacks_entries(const struct replica *r);
const struct store_recovered *replica_recovered(const struct replica *r);
/* Answers every remaining request with an error, so that its maker can free it; nothing is
 * stepped any more. Then call replica_free(), and then end the peers. */
void replica_end(struct replica *r);
void replica_free(struct replica *r);

/* Whether the cluster is at the feature level that the command needs; if not, writes the error. */
bool replica_has_level(const struct replica *r, const struct command *command,
                       struct resp_writer *reply);
/* The feature level of the cluster, as applied. */
uint32_t replica_level(const struct replica *r);

/* --- for INFO, RAFT and the like ------------------------------------------------------ */

struct raft *replica_raft(const struct replica *r);
struct keyspace *replica_keyspace(const struct replica *r);
/* All users, as of what is applied; borrowed until the next change. */
struct users *replica_users(struct replica *r);
/* Leader: how entries came along. */
const struct stages *replica_stages(const struct replica *r);
/* The newest changes of keys. */
const struct feed *replica_feed(const struct replica *r);
struct store *replica_store(const struct replica *r);
uint64_t replica_cluster_id(const struct replica *r);
/* Of the cluster: store/epoch.h. */
uint64_t replica_epoch(const struct replica *r);
/* The key of its cluster; NULL: none yet. */
const struct store_key *replica_cluster_key(const struct replica *r);
uint64_t replica_node_id(const struct replica *r);
uint64_t replica_applied_index(const struct replica *r);
/* Up to there its owner has heard of changes: later than applied, after a restart. */
uint64_t replica_told_index(const struct replica *r);
/* Memory in use: keys and values, the log, commands under way, clients' connections. */
uint64_t replica_memory_bytes(const struct replica *r);
/* Its limit; 0: none. */
uint64_t replica_memory_max(const struct replica *r);
void replica_limit_memory(struct replica *r, uint64_t bytes_max);
/* Changes the limit on the data directory; 0: the file system's. */
void replica_limit_disk(struct replica *r, uint64_t bytes_max);
/* The membership in force, with addresses; NULL: none yet. Borrowed for the turn. */
const struct membership *replica_membership(const struct replica *r);
/* The address of the known leader; false: none. */
bool replica_leader_address(const struct replica *r, struct io_address *ret_address);
/* Whether this node is connected to that member. */
bool replica_reaches(const struct replica *r, raft_id id);
/* A member of its cluster has reported that this node was removed. */
void replica_note_removed(struct replica *r);
/* A member that was not removed answers all commands, whether it leads or not: for clients it is
 * a master (docs/adr/0011-every-node-that-serves-calls-itself-master.md). */
bool replica_is_serving(const struct replica *r);
/* This node was removed from its cluster and serves nothing. */
bool replica_is_removed(const struct replica *r);

struct replica_stats {
    uint64_t proposed_count;      /* Commands that this node put into the log as leader. */
    uint64_t applied_count;       /* Entries applied since the start. */
    uint64_t skipped_count;       /* Of these, entries without effect because they were not
                              * understood. */
    uint64_t expired_count;       /* Keys removed since the start because they had expired. */
    uint64_t expired_field_count; /* Of hashes. */
    uint64_t read_count;          /* Reads served. */
    uint64_t read_round_count;
    uint64_t follower_read_count; /* Reads served while another node led. */
    uint64_t lease_read_count;    /* Reads served without a round, under a lease. */
    uint64_t stale_read_count;    /* Reads served that may be stale. */
    uint64_t behind_count;        /* How often reads were forwarded because this node was behind. */
    uint64_t forwarded_count;     /* Commands forwarded to the leader. */
    uint64_t in_doubt_count;      /* Commands answered with INDOUBT. */
    uint64_t no_room_count;       /* Commands refused because disks were full. */
    uint64_t no_memory_count;     /* Commands refused because of the limit on memory. */
    uint64_t election_count;      /* Elections begun: terms in which this node asked for votes. */
    uint64_t pending_count;       /* Under way now. */
};

struct replica_snapshot_stats {
    struct store_snapshot newest; /* Index 0: none. */
    bool is_making;
    uint32_t made_permille; /* Of the one under way. */
    uint64_t made_count;    /* Since the start. */
    uint64_t failed_count;
    uint64_t last_ns;         /* How long the last one took. */
    uint64_t fetched_bytes;   /* How much was fetched of another node's snapshot. */
    uint64_t fetch_bytes;     /* The size of that snapshot; 0: none is fetched. */
    uint64_t fetch_rate;      /* Bytes per second; 0: not known yet. */
    uint64_t installed_count; /* Since the start. */
    raft_index first_index;   /* Of the log. */
};

/* Its state is wrong, and is being rebuilt. */
bool replica_is_isolated(const struct replica *r);

struct replica_digest_stats {
    raft_index interval;
    raft_index index;        /* Of the last digest that could be compared; 0: none. */
    uint64_t age_ns;         /* Since then. */
    const char *outcome;     /* In words. */
    uint64_t checked_ns;     /* Since memory was last found to be right, or the start. */
    const char *quarantine;  /* "no", or what happens. */
    const char *reason;      /* Of it, or of the last one; "none". */
    uint64_t isolated_ns;    /* For how long it is isolated; 0: it is not. */
    uint64_t isolated_count; /* Since the process started. */
};

/* SLOWLOG: the slowest batches of entries of the last minutes, if this node leads, that came after
 * `after_us` by log time: how many, and the newest `count_max` of them as a reply. */
uint64_t replica_count_slow(const struct replica *r, uint64_t after_us);
void replica_list_slow(const struct replica *r, uint64_t after_us, uint64_t count_max,
                       struct resp_writer *w);
void replica_get_digest_stats(const struct replica *r, struct replica_digest_stats *ret_stats);
struct replica_scrub_stats {
    bool is_running;
    uint64_t running_bytes; /* Read so far. */
    uint64_t pass_count;    /* The following: since the start. */
    uint64_t damage_count;
    uint64_t last_wall_ns; /* The end of the last pass; 0: there was none. */
    uint64_t last_bytes;
    uint64_t last_ns;
    /* Entries that were lost to damage and are not there again. */
    bool lacks_entries;
    uint64_t lost_first_index;
    uint64_t lost_last_index; /* 0: unknown. */
};

void replica_get_scrub_stats(const struct replica *r, struct replica_scrub_stats *ret_stats);
void replica_get_snapshot_stats(const struct replica *r, struct replica_snapshot_stats *ret_stats);
void replica_get_stats(const struct replica *r, struct replica_stats *ret_stats);
void replica_get_figures(const struct replica *r, struct figures *ret_figures);

#endif /* RAKIT_REPLICA_REPLICA_H */
