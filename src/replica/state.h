/* state.h - the replica's internals, for the files of this folder only. Which file changes what:
 *   turn.c        the turn: requests placed, disk, peers, apply, answers
 *   step.c        stepping the core, and the effects of that
 *   stop.c        the end in order
 *   start.c       recovery, founding, joining, the end
 *   place.c       which way each request takes
 *   propose.c     leader: writes into the log, rounds for reads
 *   apply.c       the state machine: commits applied, reads served
 *   read_index.c  reads served by a node that does not lead, and the leader's part in that
 *   from_peers.c  messages from peers
 *   announce.c    when this node's address is announced
 *   disk.c        the disks of the members, and what follows
 *   leading.c     who should lead
 *   level.c       the feature level of the cluster
 *   expiry.c      when expired keys are removed
 *   memory_use.c  the memory in use: everything that counts for its limit
 *   watch.c       whether members answer, and the disk keeps up
 *   stage_notes.c stages of entries, noted in steps and turns
 *   figures.c     what other nodes and people are shown of this one
 *   snapshots.c   when a snapshot is begun, in the turn
 *   compaction.c  the part of the log that a snapshot replaces is dropped
 *   install.c     a snapshot from another node replaces state and log
 *   compare.c     digests of the state, compared with those of other nodes
 *   isolate.c     what a node does whose state is wrong
 *   observing.c   what entries do is reported to the owner
 *   restore.c     the state is replaced by that of a snapshot
 *   rights.c      calls are judged as their users
 *   repair.c      what the disk has lost comes back from other members
 *   query.c       what others may know */
#ifndef RAKIT_REPLICA_STATE_H
#define RAKIT_REPLICA_STATE_H

#include "cluster/log_clock.h"
#include "cluster/log_window.h"
#include "cluster/members.h"
#include "command/probe.h"
#include "command/time_share.h"
#include "kv/codec.h"
#include "peer/peers.h"
#include "replica/announcer.h"
#include "replica/askers.h"
#include "replica/backups.h"
#include "replica/contradictions.h"
#include "replica/digests.h"
#include "replica/disk_policy.h"
#include "replica/feed.h"
#include "replica/fetching.h"
#include "replica/forwards.h"
#include "replica/health.h"
#include "replica/intake.h"
#include "replica/leading.h"
#include "replica/memory.h"
#include "replica/outbox.h"
#include "replica/promises.h"
#include "replica/proposals.h"
#include "replica/quarantine.h"
#include "replica/read_index.h"
#include "replica/reads.h"
#include "replica/replica.h"
#include "replica/requests.h"
#include "replica/scrubber.h"
#include "replica/serving.h"
#include "replica/snapshot_state.h"
#include "replica/snapshotter.h"
#include "replica/stopping.h"
#include "replica/sweeper.h"
#include "replica/ticker.h"
#include "replica/trouble.h"
#include "store/replay.h"
#include "store/snapshot_replay.h"
#include "users/users.h"

/* For the person who learns from the log that this node was removed. */
#define REMOVED_ADVICE                                                                             \
    "stop this node, its data directory may be deleted; to join again it needs an empty one"

struct admin;  /* admin.h */
struct stages; /* stages.h */

/* Dropping the log entries that a snapshot replaces. */
struct compaction {
    struct store_move move;
    bool is_moving;    /* The store is at it. */
    bool has_failed;   /* The disk was full. */
    uint64_t retry_ns; /* Then: when to try again. */
    bool is_pressed;   /* The disk has little room, so nothing is kept for others. */
    bool is_due;       /* There may be more to drop than last time. */
};

/* The last step of a snapshot that was fetched: see install.c. */
struct install {
    struct store_move move;
    bool keeps_log;    /* The log has the snapshot's last entry, and keeps those after it. */
    uint64_t retry_ns; /* When to try again, because the disk was full; 0: it was not. */
    bool has_warned;   /* That it is full. */
    uint64_t count;    /* Snapshots installed since the start. */
};

/* What a node does whose state is wrong. */
struct isolation {
    raft_id right[RAFT_MEMBERS_MAX]; /* Those of the majority from which it differed. */
    uint32_t right_count;
    raft_id holder;           /* Asked for a snapshot; 0: nobody. */
    uint32_t asked_count;     /* How often. */
    uint64_t resign_next_ns;  /* As leader, it does not try to hand over before, */
    uint64_t resign_until_ns; /* and does not wait longer for that. */
    bool is_keeping;          /* Evidence is being written. */
};

/* Removing expired keys. */
struct expiry {
    raft_index under_way; /* Leader: the last entry about that which is not applied; 0: none. */
    raft_term term;       /* In that term. */
    uint64_t due_ns;      /* Leader: when to look next; UINT64_MAX: nothing will be due. */
    uint64_t retry_ns;    /* Leader: nothing could be logged; not to be tried again before that. */
    raft_index looked_index; /* Leader: what was applied when it last looked. */
    uint64_t reopened_ms;    /* Others: when they last looked again at all that was due. */
};

struct replica {
    struct replica_options options;
    struct replica_events events;
    struct io *io;
    const struct log *log; /* Its own, in `trouble`. */
    struct trouble trouble;
    const struct server_probe *probe;

    void *raft_memory;
    void *terms_memory; /* Of its table of terms, once that has grown; NULL: in raft_memory. */
    struct raft *raft;
    struct store *store;
    struct keyspace *keyspace;
    struct keyspace_observer observer; /* Of it. */
    struct replica_audience audience;  /* `published` is NULL: nobody hears. */
    struct feed feed;
    raft_index told_index;    /* Entries up to here were reported before a restart. */
    struct keyspace *retired; /* Replaced by a snapshot, and not freed yet; or NULL. */
    struct store_recovered recovered;
    struct log_window window;
    struct members members;
    struct membership *committed; /* The newest committed one; NULL: none yet. */
    struct peers *peers;          /* The owner's. */
    struct member_address self;   /* This node. */
    bool is_loading;              /* Not everything that was recovered is in the keyspace yet. */
    bool is_loading_snapshot;     /* The snapshot comes first, into `loading_state`. */
    struct snapshot_replay snapshot_replay;
    struct loaded_state loading_state;
    struct store_replay replay; /* The log comes after the snapshot. */
    uint64_t load_began_ns;
    uint64_t load_logged_ns;
    bool is_running; /* Recovered; the core is being stepped. */
    bool is_removed;
    bool was_voter;
    bool is_ended;
    struct stopping stopping;

    /* Durability. Store sequence numbers are the core's plus seq_offset. */
    uint64_t seq_offset;
    struct outbox outbox;

    /* Requests: each is in exactly one of these lists. */
    struct intake intake;         /* How much is taken. */
    struct requests requests;     /* Those that wait; and how each ends. */
    struct sweeper sweeper;       /* Finds those that have waited too long. */
    struct proposals proposals;   /* Leader: writes that wait for the log, or are in it. */
    struct reads reads;           /* Reads beside the log, to be served here. */
    struct read_index read_index; /* Follower: what it asks the leader for them. */
    struct askers askers;         /* Leader: the nodes that ask. */
    struct forwards forwards;     /* Follower: those that the leader has. */
    struct admin *admin;          /* Leader: RAFT commands under way. */
    uint64_t clock_sent_ns;       /* Leader: when the time was last sent to nodes that forward. */

    uint64_t client_bytes;      /* Memory of clients' connections, as last reported by their
                                 * owner. */
    struct promises promises;   /* Leader: memory that commands not yet applied may take. */
    raft_index inherited_index; /* Entries up to here are from earlier leaders. */
    bool is_memory_awaited;     /* Writes wait until more is applied, or memory is freed. */
    uint64_t awaiting_bytes;    /* What was in use when they were judged; see memory_use.c. */

    raft_term seen_term; /* Of the last role change: forwards and proposals rely on it. */
    raft_id seen_leader;
    uint64_t seen_since_ns; /* When one of these three last changed. */
    enum raft_role seen_role;

    raft_index other_index; /* Leader: of the snapshot of a follower that it would name; 0: none. */
    raft_index applied_index;
    struct keyspace_soon soon; /* Of the entries that are applied next: */
    raft_index soon_first;     /* from here */
    raft_index soon_last;      /* to here. */
    uint32_t level;            /* Feature level of the cluster, as applied. */
    uint32_t level_proposed;   /* The level that this node last proposed as leader. */
    raft_term level_term;      /* In that term. */
    uint8_t database;          /* Of the command decoded last. */
    struct command_once once;  /* The same. */
    uint64_t user;             /* The same: whose it is. */
    struct users *users;       /* See replica_users(). */
    struct users_guard guard;  /* Of the call that is executed, */
    struct request *guarded;   /* and who waits for it here; or NULL. */
    struct slice *arguments;   /* Its arguments; reused. */
    uint32_t argument_capacity;
    struct buffer scratch; /* For replies that nobody gets. */
    struct buffer once_reply;
    struct buffer abandoned; /* Forwarded commands whose clients have gone: forwarded.c. */
    struct announcer announcer;

    struct io_timer timer; /* For what is due without any input. */
    struct ticker ticker;
    struct time_share share; /* For the commands executed in this turn. */
    bool is_answering;       /* This turn began with entries to apply. */
    struct log_clock log_clock;
    struct expiry expiry;
    struct health health;
    struct disk_policy disk_policy;
    struct leading leading;
    struct snapshotter snapshotter;
    struct compaction compaction;
    struct serving serving;
    struct backups backups;
    struct fetching fetching;
    struct install install;
    bool is_installing; /* The core is not stepped. */
    struct contradictions contradictions;
    struct stages *stages;      /* Leader: how its entries came along. */
    uint64_t batch_received_ns; /* For those appended next: when the first arrived; 0: then. */
    struct scrubber scrubber;
    uint64_t repair_warn_ns; /* When to log next that entries are still missing. */
    char repair_reason[160]; /* Why it will start again, if it must; otherwise "". */
    uint64_t repair_by_ns;   /* At the latest then. */
    struct digests digests;
    raft_index digest_sent_index; /* Up to here digests were sent. */
    struct quarantine quarantine;
    struct isolation isolation;
    struct replica_stats stats;
};

/* --- step.c --------------------------------------------------------------------------- */

/* Steps the core and carries the effects out. `entries` are those of the event, if it has any
 * (consecutive; the references stay the caller's). */
int replica_step(struct replica *r, const struct raft_event *event, struct entry *const *entries);

/* Before the core takes entries: makes room for the terms in its log. */
void replica_make_room_for_terms(struct replica *r);
/* Leader: the log time of what is appended now. */
uint64_t replica_next_time_us(struct replica *r);
void replica_store_durable(void *context, uint64_t seq);
void replica_store_failed(void *context, int error, const char *text);
void replica_store_room(void *context);
/* Appends to the log in memory. Configurations enter their history here. */
void replica_append_entry(struct replica *r, struct entry *e);
/* The configuration in force has changed, or is reported for the first time. */
void replica_note_configuration(struct replica *r, bool is_change);

/* Leader: whether a member was heard within the last election timeout, by now. The core knows only
 * the time of its last step, which a later part of the same turn may change. */
bool replica_hears(const struct replica *r, const struct raft_progress *progress);

/* --- turn.c --------------------------------------------------------------------------- */

void replica_timer_fired(struct io_timer *timer);
/* The log in memory has its maximum size: writes wait until disks or apply catch up. */
bool replica_window_is_full(const struct replica *r);
/* Drops old entries that are applied and durable. */
void replica_trim_window(struct replica *r);

/* --- start.c -------------------------------------------------------------------------- */

/* The node can't continue. */
void replica_fail(struct replica *r, const char *text);
/* Stops the replica, and asks its owner to start it again from its directory. Best called at the
 * end of a turn. */
void replica_ask_restart(struct replica *r, const char *reason);

/* --- restore.c ------------------------------------------------------------------------- */

struct loaded_state;

/* Takes over the state that was loaded from that snapshot; the caller informs the core. */
void replica_restore(struct replica *r, const struct store_snapshot *snapshot,
                     struct loaded_state *loaded);
/* --- rights.c --------------------------------------------------------------------------- */

/* For the command decoded last, of which `request` waits for the answer here, or NULL. NULL: its
 * user may all. */
struct command_guard *rights_guard(struct replica *r, struct request *request);
/* As leader, before the log: whether the user of the command decoded last may execute it, as far
 * as this node knows; if not, writes the error. */
bool rights_admit_early(struct replica *r, struct request *request, const struct command *command,
                        uint32_t argument_count, struct resp_writer *reply);

/* --- repair.c -------------------------------------------------------------------------- */

/* For the store: see store_options. */
bool repair_may_help(void *context, uint64_t node_id, struct slice members);
void repair_on_damage(void *context, const char *text);
/* The core may lack entries; before its first step. */
void repair_restore(struct replica *r);
/* Each turn: whether everything is there again. */
void repair_look(struct replica *r);
/* It will start again soon: commands that have not begun wait, and are refused then. */
bool repair_holds_commands(const struct replica *r);
/* The replica begins to take part: damage will be looked for. */
void repair_begin(struct replica *r);

/* --- load.c --- */
/* Begins what replica_load() continues. On failure writes the reason to `text`. */
bool load_begin(struct replica *r, char *text, size_t text_size);
/* After the last step, or to stop earlier. */
void load_end(struct replica *r);

/* --- compaction.c ---------------------------------------------------------------------- */

/* Removes those that the newest one replaces. */
void compaction_drop_snapshots(struct replica *r);
void compaction_init(struct replica *r);
/* Called when a snapshot is durable. */
void compaction_begin(struct replica *r);
/* Each turn: continues it. */
void compaction_look(struct replica *r);

/* --- expiry.c -------------------------------------------------------------------------- */

/* Each turn: looks for what has expired; as leader, logs it. */
void expiry_look(struct replica *r);
/* At its end: sets when to look next. */
void expiry_arm(struct replica *r);
/* Removes the keys that an entry names, if they have expired. False: it makes no sense. */
bool expiry_apply(struct replica *r, const struct entry *e);

/* --- install.c ------------------------------------------------------------------------- */

void install_begin(struct replica *r);
/* The leader has offered a snapshot that this node needs. */
void install_offer(struct replica *r, const struct raft_snapshot *offer);
/* Each turn: installs it when it has been loaded. */
void install_look(struct replica *r);

/* --- snapshots.c ----------------------------------------------------------------------- */

void snapshots_begin(struct replica *r);
/* Informs the core of the newest snapshot, for members that need one. */
void snapshots_announce(struct replica *r);
/* To be called at the end of each turn. */
void snapshots_look(struct replica *r);

/* --- stop.c --------------------------------------------------------------------------- */

/* Continues the end of a node that is stopping. */
void stop_progress(struct replica *r);

/* --- place.c ------------------------------------------------------------------- */

void place_init(struct replica *r);
void place_deinit(struct replica *r);
/* Fails everything that is left: the node ends. */
void place_end(struct replica *r);
/* Places each waiting request: proposal, read round, forward, or it goes on waiting. */
void place_requests(struct replica *r);
/* Serves stale reads for which the state is fresh enough. */
void place_take_stale(struct replica *r);
/* Role, term or leader changed: what was under way is in doubt or waits again. */
void place_again(struct replica *r);
/* Too many forwarded commands are under way for one more. An administrator's command, which may
 * be the remedy, is always accepted. */
bool replica_refuses_forwarded(const struct replica *r, const struct command *command);

/* --- propose.c ------------------------------------------------------------------ */

void place_as_leader(struct replica *r);

/* --- apply.c ------------------------------------------------------------------- */

/* Decodes a command into r->database and r->arguments, which borrow from it. False if it is not
 * one. */
bool replica_decode(struct replica *r, struct slice payload, uint32_t *ret_count);
/* Applies what is committed, within a turn's limit, and answers. */
void replica_apply(struct replica *r);
void replica_serve_reads(struct replica *r);
/* Without a node: what the entry does to keyspace and level. Memberships do nothing. */
void replica_execute_entry(struct replica *r, struct entry *e);
/* During recovery: entries up to `last`, if they are here and known to be committed. */
void replica_apply_recovered(struct replica *r, raft_index last);

/* --- observing.c ----------------------------------------------------------------- */

/* Must be called whenever the keyspace is another one. */
void observing_begin(struct replica *r);
/* A restart: entries that the predecessor has reported are not reported again. */
void observing_inherit(struct replica *r, const struct replica *before);
/* The state of that entry takes the place of the present one. */
void observing_skip(struct replica *r, raft_index index);
/* The audience can't take more now. */
bool observing_is_held_up(const struct replica *r);

/* --- announce.c ------------------------------------------------------------------ */

void announce_init(struct replica *r);
/* Must be called when the leader, or the address in the log, may have changed. */
void announce_address(struct replica *r);

/* --- compare.c -------------------------------------------------------------------- */

void compare_init(struct replica *r);
/* An entry was applied: notes the digest, if it is due. */
void compare_note(struct replica *r);
/* A node reports its own. */
void compare_hear(struct replica *r, raft_id from, const struct wire_digest *d);
/* Each turn: sends what was noted since the last one. */
void compare_send(struct replica *r);
/* Now and then: sends the newest one again, for nodes that were not connected. */
void compare_send_again(struct replica *r);

/* --- holders.c --------------------------------------------------------------------- */
/* Called once a second: chooses a follower that sends its snapshot in this leader's place. */
void holders_look(struct replica *r);
/* The index of the snapshot of a follower that members are to fetch; 0: none. */
raft_index holders_named(const struct replica *r);

/* --- isolate.c --------------------------------------------------------------------- */

/* This node's state is wrong. By digest: at `index`, where a majority has `right`. */
void isolate(struct replica *r, enum quarantine_reason reason, raft_index index, uint64_t right);
/* Each turn, while it is isolated: goes on. */
void isolation_look(struct replica *r);
/* At the end of each turn: it is over, or goes on with a restart. */
void isolation_settle(struct replica *r);
/* The replica has restarted and takes part again. */
void isolation_resume(struct replica *r);
/* Reports to the others that this node is isolated, and asks one for a snapshot. */
void isolation_each_second(struct replica *r);
/* Evidence was written, or could not be. */
void isolation_kept(struct replica *r, int error);
/* Whether a snapshot of that entry is wanted although the log needs none. */
bool isolation_wants(const struct replica *r, raft_index snapshot_index);
/* A node that was asked for one has this snapshot. */
void isolation_offer(struct replica *r, raft_id from, const struct raft_snapshot *snapshot);
/* It was fetched, and is durable in the data directory. */
void isolation_fetched(struct replica *r);
/* An isolated node needs a snapshot that is not older. */
void isolation_answer(struct replica *r, raft_id from, raft_index index);

/* --- watch.c --------------------------------------------------------------------- */

void watch_fired(struct io_timer *timer);

/* --- disk.c --------------------------------------------------------------------- */

/* Each turn: reports the state of the disk to the peers; a leader acts on it. */
void disk_look(struct replica *r);
/* Leader: what disks mean for the next write. */
enum disk_outlook disk_outlook(const struct replica *r);
/* Each turn, after entries were applied: reserves room for the next snapshot. */
void disk_reserve(struct replica *r);
/* Leader: to which node to transfer leadership, preferably one with room; 0: the core decides. */
raft_id disk_successor(const struct replica *r);

/* --- leading.c ------------------------------------------------------------------ */

void leading_init(struct replica *r);
/* Each turn, after disk_look(): whether this node is reluctant to lead; a leader may hand over. */
void leading_look(struct replica *r);

/* --- memory_use.c --------------------------------------------------------------- */

/* The memory that a leader has now for a batch. */
void memory_survey(const struct replica *r, struct memory_survey *ret_survey);
/* Each turn: reports to the other nodes for how much data this node has memory. */
void memory_announce(const struct replica *r);
/* Whether hardly any data may be added, according to that member; for RAFT STATUS. */
bool memory_is_full(const struct replica *r, raft_id id);
/* Memory is exceeded only because deleted data is not freed yet. */
bool memory_is_exceeded_by_cleared(const struct replica *r);
/* The role, the term or the leader has changed. */
void memory_begin_term(struct replica *r);
/* More entries have been applied. */
void memory_note_applied(struct replica *r);

/* --- level.c -------------------------------------------------------------------- */

/* Each turn: a leader raises the level if all members know a newer one. */
void level_look(struct replica *r);
/* False if the entry is malformed. */
bool level_apply(struct replica *r, const struct entry *e);
/* An entry that raises the level beyond what this program knows. */
bool level_is_beyond(const struct replica *r, const struct entry *e);
/* Leader: the level in its log, committed or not. */
uint32_t level_logged(const struct replica *r);
/* Whether the cluster is at the level that this command needs. */
bool level_has(const struct replica *r, const struct command *command);

#endif /* RAKIT_REPLICA_STATE_H */
