/* state.h - the replica's insides, for the files of this folder only. Which file changes what:
 *   turn.c        the turn: requests placed, disk, peers, apply, answers
 *   step.c        stepping the core and carrying its effects out
 *   stop.c        the end in order
 *   start.c       recovery, founding, joining, the end
 *   place.c       each request on its way, and out of it
 *   propose.c     as leader: writes into the log, rounds for reads
 *   apply.c       the state machine: commits applied, reads served
 *   from_peers.c  what comes from peers
 *   announce.c    when this node's address is announced
 *   disk.c        how the disks of the members are, and what follows
 *   level.c       the feature level of the cluster
 *   memory_use.c  what memory is in use, by all that counts for its limit
 *   watch.c       whether members answer, and the disk keeps up
 *   snapshots.c   when a snapshot is begun, in the turn
 *   compaction.c  what a snapshot lets go of
 *   install.c     a snapshot from another node replaces state and log
 *   restore.c     the state becomes that of a snapshot
 *   query.c       what others may know */
#ifndef RAKIT_REPLICA_STATE_H
#define RAKIT_REPLICA_STATE_H

#include "cluster/log_window.h"
#include "cluster/members.h"
#include "command/probe.h"
#include "command/time_share.h"
#include "peer/peers.h"
#include "replica/announcer.h"
#include "replica/contradictions.h"
#include "replica/disk_policy.h"
#include "replica/fetching.h"
#include "replica/forwards.h"
#include "replica/health.h"
#include "replica/intake.h"
#include "replica/memory.h"
#include "replica/outbox.h"
#include "replica/promises.h"
#include "replica/proposals.h"
#include "replica/reads.h"
#include "replica/replica.h"
#include "replica/requests.h"
#include "replica/serving.h"
#include "replica/snapshot_state.h"
#include "replica/snapshotter.h"
#include "replica/stopping.h"
#include "replica/sweeper.h"
#include "replica/ticker.h"
#include "store/replay.h"
#include "store/snapshot_replay.h"

/* For the person who finds out from the log that this node was removed. */
#define REMOVED_ADVICE                                                                             \
    "stop this node, its data directory may be deleted; to join again it needs an empty one"

struct admin; /* admin.h */

/* The dropping of log entries that a snapshot stands for. */
struct compaction {
    struct store_move move;
    bool is_moving; /* The store is at it. */
    bool is_due;    /* There may be more to drop than was dropped last. */
};

/* The last step of a snapshot that was fetched: see install.c. */
struct install {
    struct store_move move;
    bool keeps_log;    /* The log has its last entry: what comes after it stays. */
    uint64_t retry_ns; /* The disk was full: tried again then; 0: it was not. */
    uint64_t count;    /* Installed since the start. */
};

struct replica {
    struct replica_options options;
    struct replica_events events;
    struct io *io;
    const struct log *log;
    const struct server_probe *probe;

    void *raft_memory;
    void *terms_memory; /* Of its table of terms, once that has grown; NULL: in raft_memory. */
    struct raft *raft;
    struct store *store;
    struct keyspace *keyspace;
    struct store_recovered recovered;
    struct log_window window;
    struct members members;
    struct membership *committed; /* The newest committed one; NULL: none yet. */
    struct peers *peers;          /* The owner's. */
    struct member_address self;   /* This node. */
    bool is_loading;              /* Not all that was recovered is in the keyspace yet: */
    bool is_loading_snapshot;     /* first the snapshot, into a state of its own, */
    struct snapshot_replay snapshot_replay;
    struct loaded_state loading_state;
    struct store_replay replay; /* then the log. */
    uint64_t load_began_ns;
    uint64_t load_logged_ns;
    bool is_running; /* Recovered; the core is stepped. */
    bool is_removed;
    bool was_voter;
    bool is_ended;
    struct stopping stopping;

    /* Durability. Store sequence numbers are the core's plus seq_offset. */
    uint64_t seq_offset;
    struct outbox outbox;

    /* Requests: each is in exactly one of these lists. */
    struct intake intake;       /* How much is taken. */
    struct requests requests;   /* Those that wait; and how each ends. */
    struct sweeper sweeper;     /* Those that waited too long. */
    struct proposals proposals; /* Leader: writes into the log, and in it. */
    struct reads reads;         /* Leader: those beside the log. */
    struct forwards forwards;   /* Follower: those that the leader has. */
    struct admin *admin;        /* Leader: RAFT commands under way. */
    uint64_t clock_sent_ns;     /* Leader: when those who forward were last told the time. */

    uint64_t client_bytes;      /* Memory of clients' connections, as their owner said last. */
    struct promises promises;   /* Leader: memory that its commands not yet applied may take. */
    raft_index inherited_index; /* Up to there, others have made the log. */
    bool is_memory_awaited;     /* Writes wait until more is applied, or memory given back: */
    uint64_t awaiting_bytes;    /* less than this is in use then. */

    raft_term seen_term; /* Of the last role change: what forwards and proposals rely on. */
    raft_id seen_leader;
    uint64_t seen_since_ns; /* When one of these three was another. */
    enum raft_role seen_role;

    raft_index applied_index;
    uint32_t level;          /* Feature level of the cluster, as applied; */
    uint32_t level_proposed; /* and as this node proposed it last, as leader, */
    raft_term level_term;    /* of that term. */
    uint8_t database;        /* Of the command decoded last, */
    struct slice *arguments; /* and its arguments; reused. */
    uint32_t argument_capacity;
    struct buffer scratch;   /* Replies that nobody waits for. */
    struct buffer abandoned; /* Forwarded commands whose clients have gone: forwarded.c. */
    struct announcer announcer;

    struct io_timer timer; /* For what is due though nothing comes in. */
    struct ticker ticker;
    struct time_share share; /* For the commands executed in this turn. */
    bool is_answering;       /* This turn began with entries to apply. */
    struct health health;
    struct disk_policy disk_policy;
    struct snapshotter snapshotter;
    struct compaction compaction;
    struct serving serving;
    struct fetching fetching;
    struct install install;
    bool is_installing; /* The core takes no step. */
    struct contradictions contradictions;
    struct replica_stats stats;
};

/* --- step.c --------------------------------------------------------------------------- */

/* Steps the core and carries out what follows. `entries` belong to the event where it
 * brings some (consecutive; references stay the caller's). */
int replica_step(struct replica *r, const struct raft_event *event, struct entry *const *entries);

/* Before the core takes entries: the terms in its log have room. */
void replica_make_room_for_terms(struct replica *r);
void replica_store_durable(void *context, uint64_t seq);
void replica_store_failed(void *context, int error, const char *text);
void replica_store_room(void *context);
/* Appends to the log in memory. Configurations enter their history here. */
void replica_append_entry(struct replica *r, struct entry *e);
/* The configuration in force differs, or is to be told for the first time. */
void replica_note_configuration(struct replica *r, bool is_change);

/* --- turn.c --------------------------------------------------------------------------- */

void replica_timer_fired(struct io_timer *timer);
/* The log in memory is as large as it may be: writes wait until the disks or the apply catch up. */
bool replica_window_is_full(const struct replica *r);
/* Lets old entries go that are applied and durable. */
void replica_trim_window(struct replica *r);

/* --- start.c -------------------------------------------------------------------------- */

/* The node can't go on. */
void replica_fail(struct replica *r, const char *text);

/* --- restore.c ------------------------------------------------------------------------- */

struct loaded_state;

/* Takes over what was loaded of that snapshot; the core is told by the caller. */
void replica_restore(struct replica *r, const struct store_snapshot *snapshot,
                     struct loaded_state *loaded);
/* --- load.c --- */
/* To be loaded: see replica_load(). On failure says why. */
bool load_begin(struct replica *r, char *text, size_t text_size);
/* At the end, or to break it off. */
void load_end(struct replica *r);

/* --- compaction.c ---------------------------------------------------------------------- */

void compaction_init(struct replica *r);
/* A snapshot is durable. */
void compaction_begin(struct replica *r);
/* Each turn: goes on with it. */
void compaction_look(struct replica *r);

/* --- install.c ------------------------------------------------------------------------- */

void install_begin(struct replica *r);
/* The leader has named a snapshot that this node needs. */
void install_offer(struct replica *r, const struct raft_snapshot *offer);
/* Each turn: installs it once it is there. */
void install_look(struct replica *r);

/* --- snapshots.c ----------------------------------------------------------------------- */

void snapshots_begin(struct replica *r);
/* The core names the newest to members that need one. */
void snapshots_announce(struct replica *r);
/* Each turn, when the rest is done. */
void snapshots_look(struct replica *r);

/* --- stop.c --------------------------------------------------------------------------- */

/* A node that stops goes on with that. */
void stop_progress(struct replica *r);

/* --- place.c ------------------------------------------------------------------- */

void place_init(struct replica *r);
void place_deinit(struct replica *r);
/* Fails whatever is left: the node ends. */
void place_end(struct replica *r);
/* Gives each waiting request its way: proposal, read round, forward, or it waits on. */
void place_requests(struct replica *r);
/* Role, term or leader changed: what was under way is in doubt or waits again. */
void place_again(struct replica *r);
/* Too much of what other nodes have forwarded is under way for one more. An administrator's
 * command, which may be what ends that, is always taken. */
bool replica_refuses_forwarded(const struct replica *r, const struct command *command);

/* --- propose.c ------------------------------------------------------------------ */

void place_as_leader(struct replica *r);

/* --- apply.c ------------------------------------------------------------------- */

/* Decodes a command into r->database and r->arguments, which borrow from it. False where it is
 * none. */
bool replica_decode(struct replica *r, struct slice payload, uint32_t *ret_count);
/* Applies what is committed, within a turn's bound, and answers. */
void replica_apply(struct replica *r);
void replica_serve_reads(struct replica *r);
/* At recovery: an entry known to be committed. */
void replica_apply_recovered(struct replica *r, struct entry *e);

/* --- announce.c ------------------------------------------------------------------ */

void announce_init(struct replica *r);
/* To be called when the leader, or what the log has, may be another. */
void announce_address(struct replica *r);

/* --- watch.c --------------------------------------------------------------------- */

void watch_fired(struct io_timer *timer);

/* --- disk.c --------------------------------------------------------------------- */

/* Each turn: the core and the peers are told how the disk is; a leader acts on it. */
void disk_look(struct replica *r);
/* Leader: what disks mean for the next write. */
enum disk_outlook disk_outlook(const struct replica *r);
/* Leader: whom to hand over to, all else being equal one that has room; 0: the core knows. */
raft_id disk_successor(const struct replica *r);

/* --- memory_use.c --------------------------------------------------------------- */

/* What room there is now, for a batch of a leader's. */
void memory_survey(const struct replica *r, struct memory_survey *ret_survey);
/* Each turn: the others are told for how much data this node has memory. */
void memory_announce(const struct replica *r);
/* Whether hardly any data may be added, by what that member has said; for RAFT STATUS. */
bool memory_is_full(const struct replica *r, raft_id id);
/* What was deleted and is not freed yet is what takes more than there is. */
bool memory_is_exceeded_by_cleared(const struct replica *r);
/* The role, the term or the leader is another. */
void memory_begin_term(struct replica *r);
/* More entries are applied. */
void memory_note_applied(struct replica *r);

/* --- level.c -------------------------------------------------------------------- */

/* Each turn: a leader raises the level where all members know a newer one. */
void level_look(struct replica *r);
/* False where the entry makes no sense. */
bool level_apply(struct replica *r, const struct entry *e);
/* An entry that raises it beyond what this program knows. */
bool level_is_beyond(const struct replica *r, const struct entry *e);
/* Leader: the level in its log, committed or not. */
uint32_t level_logged(const struct replica *r);
/* Whether the cluster is at the level that this command needs. */
bool level_has(const struct replica *r, const struct command *command);

#endif /* RAKIT_REPLICA_STATE_H */
