/* raft.h - consensus as a pure state machine: no clock, no disk, no sockets, and
 * no allocation: it lives in memory that the host hands in. The host feeds one
 * event at a time to raft_step() and carries the effects out. Vocabulary follows
 * Figure 2 of the Raft paper; "dissertation" is Ongaro's.
 *
 * What the host promises:
 * - Effects are carried out in the order they were given. Writes reach the disk
 *   in the order of their sequence numbers, through one queue; RAFT_DURABLE
 *   reports the highest number up to which everything is durable.
 * - A message leaves no earlier than the write it names (`after`) is durable.
 * - Messages may be lost, doubled and reordered; they are not invented.
 * - Time never runs backwards.
 *
 * Pointers in effects are borrowed: they die at the next raft_step(). */
#ifndef RAKIT_RAFT_RAFT_H
#define RAKIT_RAFT_RAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raft/types.h"

enum {
    RAFT_MEMBERS_MAX = 16,                    /* Voters and learners together. */
    RAFT_CONFIGURATIONS_MAX = 4,              /* Kept for rolling back; see configuration.c. */
    RAFT_READS_MAX = 8,                       /* Read confirmations under way at once. */
    RAFT_OUTBOUND_MAX = 4 * RAFT_MEMBERS_MAX, /* Messages out of one step. */
    RAFT_WINDOW_ENTRIES = 65536,              /* Sent to one peer and not yet acknowledged. */
};

/* By so much a message may raise the term at once. Elections raise it by one, so a node that
 * was away for years is within it; and whoever is out of order can't use the terms up. */
#define RAFT_TERM_STEP_MAX ((raft_term)1 << 32)

/* --- membership ------------------------------------------------------------------- */

/* One member's part in a configuration (§6). A learner votes in neither. Outside
 * the joint state nobody is `outgoing`. */
struct raft_member {
    raft_id id;
    bool incoming; /* Votes in C_new: the only vote outside the joint state. */
    bool outgoing; /* Votes in C_old, while the joint state lasts. */
};

struct raft_configuration {
    uint32_t member_count;
    struct raft_member members[RAFT_MEMBERS_MAX]; /* By rising id; ids are unique. */
};

/* Whether a majority of C_old is needed as well. */
bool raft_configuration_is_joint(const struct raft_configuration *c);
/* Whether `c`, which is in order by itself, may come next in a log, by whatever change. Where it
 * may not, its entry has no effect. An empty `before`: there was none. */
bool raft_configuration_may_follow(const struct raft_configuration *before,
                                   const struct raft_configuration *c);
/* The member of that id, or NULL. */
const struct raft_member *raft_configuration_find(const struct raft_configuration *c, raft_id id);

/* --- log entries as the core sees them -------------------------------------------- */

enum raft_entry_kind {
    RAFT_NOOP = 1,          /* A new leader's first (§8). */
    RAFT_COMMAND = 2,       /* For the replicated state machine. */
    RAFT_CONFIGURATION = 3, /* A membership, in force from when it is logged (§6). */
    RAFT_LEVEL = 4,         /* The host's, as commands are: what all members can do. */
    /* From here on: who does not know a kind stores it, and it does nothing. */
    RAFT_MAY_BE_SKIPPED = 128,
};

struct raft_entry {
    raft_term term;
    enum raft_entry_kind kind;
    /* For RAFT_CONFIGURATION, else NULL. */
    const struct raft_configuration *configuration;
};

/* --- snapshots -------------------------------------------------------------------- */

/* Stands for a log up to an entry (§7). The core passes the rest on: which file that is, and who
 * has it, are the host's concern. */
struct raft_snapshot {
    raft_index last_included_index; /* 0: there is none. */
    raft_term last_included_term;
    uint64_t bytes;
    uint64_t checksum;
    raft_id holder; /* 0, to raft_set_snapshot(): this node. */
};

/* One that has replaced the log, or its beginning. */
struct raft_installed {
    raft_index last_included_index;
    raft_term last_included_term;
    const struct raft_configuration *configuration; /* In force there, */
    raft_index configuration_index;                 /* and the index of its entry. */
};

/* --- messages --------------------------------------------------------------------- */

enum raft_message_kind {
    RAFT_PRE_VOTE = 1, /* Dissertation §9.6; `term` is the term it would campaign in. */
    RAFT_PRE_VOTE_REPLY,
    RAFT_REQUEST_VOTE,
    RAFT_REQUEST_VOTE_REPLY,
    RAFT_APPEND_ENTRIES,
    RAFT_APPEND_ENTRIES_REPLY,
    RAFT_HEARTBEAT, /* AppendEntries without entries that claims nothing beyond
                     * what its receiver has acknowledged in this term, and in
                     * `leader_commit` names an entry of this term, or none (0). */
    RAFT_HEARTBEAT_REPLY,
    RAFT_TIMEOUT_NOW,      /* Dissertation §3.10. */
    RAFT_INSTALL_SNAPSHOT, /* Which one to fetch, without its data. Who needs none answers with
                            * the success of an AppendEntries that ends there. */
};

/* PRE_VOTE, REQUEST_VOTE. */
struct raft_request_vote {
    raft_index last_log_index;
    raft_term last_log_term;
    bool is_transfer; /* REQUEST_VOTE: the leader asked for it; stickiness is waived. */
};

/* PRE_VOTE_REPLY, whose term is that of the request if it grants; REQUEST_VOTE_REPLY. */
struct raft_request_vote_reply {
    bool vote_granted;
};

/* Outbound, `entries` is NULL: the host sends entries prev_log_index + 1 .. prev_log_index +
 * entry_count from its log, in one frame or in several consecutive ones, and only as long as it
 * leads the term of this message: later they may have been replaced. */
struct raft_append_entries {
    raft_index prev_log_index;
    raft_term prev_log_term;
    raft_index leader_commit;
    uint64_t read_round; /* The newest. */
    uint32_t entry_count;
    const struct raft_entry *entries; /* Inbound: borrowed during the step. */
};

struct raft_append_entries_reply {
    bool success;
    /* Success: the receiver's log equals the sender's up to here, durably. Rejection: the
     * rejected prev_log_index. */
    raft_index match_index;
    /* Rejection: the term the receiver has there (0: its log ends before) and the first index of
     * that term, or its last index + 1: one round trip a term. */
    raft_term conflict_term;
    raft_index conflict_index;
    uint64_t read_round; /* Of the request. */
};

struct raft_heartbeat {
    raft_index leader_commit; /* See RAFT_HEARTBEAT. */
    uint64_t read_round;      /* The newest. */
};

struct raft_heartbeat_reply {
    uint64_t read_round; /* Of the request. */
};

/* The kind says which body it has; RAFT_TIMEOUT_NOW has none. */
struct raft_message {
    enum raft_message_kind kind;
    raft_id from;
    raft_id to;
    raft_term term;
    union {
        struct raft_append_entries append_entries; /* The largest: initializing clears it all. */
        struct raft_request_vote request_vote;
        struct raft_request_vote_reply request_vote_reply;
        struct raft_append_entries_reply append_entries_reply;
        struct raft_heartbeat heartbeat;
        struct raft_heartbeat_reply heartbeat_reply;
        struct raft_snapshot install_snapshot;
    };
};

/* --- events ----------------------------------------------------------------------- */

enum raft_event_kind {
    RAFT_TICK = 1,  /* The deadline has come (or any other instant). */
    RAFT_RECEIVE,   /* `message` came in. */
    RAFT_PROPOSE,   /* `propose_count` commands; they get consecutive indexes. */
    RAFT_CHANGE,    /* `change`: a membership change. */
    RAFT_READ,      /* Ask for a read confirmation; see effects.read_ticket. */
    RAFT_DURABLE,   /* Everything up to write `durable_seq` is durable. */
    RAFT_TRANSFER,  /* Hand leadership to `peer`, or to the best one (0). */
    RAFT_PEER_LOST, /* The connection to `peer` broke. If it leads: pre-vote at once. */
    RAFT_RELUCTANT, /* From now on `is_reluctant`: whether others should rather lead. */
    RAFT_INSTALLED, /* The snapshot `installed` is durable, and the durable log begins behind it;
                     * see raft_wants_snapshot(). */
};

enum raft_change_kind {
    RAFT_ADD_LEARNER = 1, /* Joins as a learner, promoted once it has caught up. */
    RAFT_REMOVE,          /* A voter leaves through the joint state, a learner at once. */
    RAFT_READDRESS,       /* Same members again: the host's part of the entry changes. */
};

struct raft_change {
    enum raft_change_kind kind;
    raft_id id; /* Whom. */
};

struct raft_event {
    enum raft_event_kind kind;
    uint64_t now_ns;
    const struct raft_message *message;
    uint32_t propose_count;
    struct raft_change change;
    raft_seq durable_seq;
    raft_id peer;
    bool is_reluctant;
    const struct raft_installed *installed;
};

/* Refusals: nothing has changed, neither `r` nor the effects' meaning. */
enum raft_error {
    RAFT_OK = 0,
    RAFT_ENOTLEADER = -1, /* Only the leader takes this. */
    RAFT_EFULL = -2,      /* A fixed bound is reached; try again after commits. */
    RAFT_EBUSY = -3,      /* A change or a transfer is under way, or this leader has
                           * not committed in its term yet; try again. */
    RAFT_EMEMBER = -4,    /* Already a member, not a member, or the last voter; a message
                           * that is not for this node, or not from another one. */
    RAFT_ELOG = -5,       /* A message that contradicts what is committed: a bug or
                           * a foreign node. Dropped. */
    RAFT_ELOST = -6,      /* Dropped. Its sender says to lead, and to have this node's word for
                           * entries that are not in its log. Where no leader agrees with the
                           * log (raft_agreed_ns()) and this goes on, its disk has lost them,
                           * and the node must stop. */
    RAFT_ETERM = -7,      /* A message of a term too far ahead to have come about by
                           * elections: its sender is out of order. Dropped. */
};

/* --- effects ---------------------------------------------------------------------- */

/* One message and the write it waits for. `after` == 0: it may leave at once. */
struct raft_outbound {
    raft_seq after;
    struct raft_message message;
};

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

/* Why the role changed last; for the log line of that change. */
enum raft_reason {
    RAFT_BECAUSE_START = 0,
    RAFT_BECAUSE_TIMEOUT,     /* Heard no leader for an election timeout. */
    RAFT_BECAUSE_LEADER_LOST, /* The connection to the leader broke. */
    RAFT_BECAUSE_TRANSFER,    /* Was asked to take over, or handed over. */
    RAFT_BECAUSE_ELECTED,
    RAFT_BECAUSE_PRE_ELECTED, /* A majority would vote for it. */
    RAFT_BECAUSE_HIGHER_TERM,
    RAFT_BECAUSE_LEADER_FOUND, /* Somebody leads this term already. */
    RAFT_BECAUSE_NO_QUORUM,    /* CheckQuorum: a majority is silent. */
    RAFT_BECAUSE_REMOVED,      /* No longer a voter. */
    RAFT_BECAUSE_INSTALLED,    /* A snapshot has replaced its log. */
};

/* A read that may be served once the state machine has applied `index`. */
struct raft_read {
    uint64_t ticket;
    raft_index index;
};

struct raft_effects {
    /* What to persist, in this order, as write `write_seq` (0: nothing). */
    raft_seq write_seq;
    bool write_vote; /* Store current_term and voted_for, before the entries. */
    raft_term current_term;
    raft_id voted_for;
    raft_index truncate_from; /* Drop entries from here on; 0: none. */
    raft_index append_first;  /* Then append append_count entries from here. Those of */
    uint32_t append_count;    /* a received message are its entries (maybe not its first
                               * ones: those up to append_first - 1 it had already).
                               * Those of RAFT_PROPOSE are the commands. */
    /* Set where the core made the (one) entry itself: a no-op or a configuration. */
    enum raft_entry_kind append_own; /* 0: not its own. */
    struct raft_configuration append_configuration;

    uint32_t outbound_count;
    const struct raft_outbound *outbound;

    raft_index commit_index; /* Never lower than in any effects before. */

    uint64_t read_ticket; /* RAFT_READ: names the confirmation asked for. */
    uint32_t read_count;  /* Confirmed now. A leader that steps down forgets all. */
    struct raft_read reads[RAFT_READS_MAX];

    /* Fetch it, install it, and report that (RAFT_INSTALLED): the leader has no entries that would
     * help. It asks again with each heartbeat, maybe for a newer one. Index 0: nothing. */
    struct raft_snapshot install;

    bool role_changed;          /* role, term or leader_id differs from before the step. */
    bool configuration_changed; /* The configuration in force differs. Who is not in it
                                 * counts as removed only once it is committed. */

    uint64_t deadline_ns; /* Step RAFT_TICK at this instant. */
};

/* --- the core --------------------------------------------------------------------- */

struct raft_options {
    raft_id id;
    uint64_t election_timeout_ns;   /* Minimum; each is drawn from [this, 2 * this). */
    uint64_t heartbeat_interval_ns; /* Well below the election timeout. */
    uint64_t seed;                  /* Of the randomness of timeouts. */
    uint32_t runs_max;              /* Bound on (index, term) runs: terms in the log. */
};

struct raft; /* Opaque to the host; see raft_state.h for the core's own files. */

/* Bytes that raft_init() needs, aligned for any type. */
size_t raft_size(const struct raft_options *options);

/* How many terms the log has room for, and how many more. */
uint32_t raft_terms_max(const struct raft *r);
uint32_t raft_terms_left(const struct raft *r);
/* Bytes of a table of so many, and its move to such memory, which is the host's and outlives `r`.
 * Between steps; the memory of an earlier move is not used any more. CHECKs that it is larger. */
size_t raft_terms_size(uint32_t runs_max);
void raft_move_terms(struct raft *r, void *memory, uint32_t runs_max);

/* A node as it starts: without a log, without a configuration, a follower in
 * term 0 that will not campaign. `memory` stays the host's and outlives it. */
struct raft *raft_init(void *memory, const struct raft_options *options, uint64_t now_ns);

/* Recovery, between raft_init() and the first raft_step(), in this order. */
void raft_restore_vote(struct raft *r, raft_term current_term, raft_id voted_for);
/* Where the durable log begins: behind the entry at `index`, of `term`, which with all before it
 * is committed and not in the log (§7). `configuration`: in force where the node's snapshot ends,
 * which is there or later; `configuration_index`: of its entry, which may come later, too. Entries
 * of configurations up to there change nothing any more. Not called, or with 0 and 0: the log
 * begins with the first entry ever. */
int raft_restore_origin(struct raft *r, raft_index index, raft_term term,
                        const struct raft_configuration *configuration,
                        raft_index configuration_index);
/* Entries of a durable log, from behind its origin, in order. */
int raft_restore_entry(struct raft *r, const struct raft_entry *entry);
/* A commit index known to be reached before the restart (0 where unknown). */
void raft_restore_commit(struct raft *r, raft_index commit_index);

/* Between steps: from now on the log begins behind the entry at `index`, since a snapshot that is
 * durable stands for it and all before it (§7). CHECKs that it is committed, durable in the log,
 * and not beyond raft_set_snapshot(). No effect if the log begins there or later. */
void raft_compact(struct raft *r, raft_index index);

/* The newest snapshot that this node has durably, for members that lack what its log begins with.
 * CHECKs that it ends at a committed entry, not before the log's origin. */
void raft_set_snapshot(struct raft *r, const struct raft_snapshot *snapshot);

/* Whether it helps to install a snapshot that ends there: this node does not lead, and has
 * committed less. The host installs it once all writes are durable (raft_is_durable()): it puts the
 * snapshot in its place, and lets the durable log begin behind it. It keeps the entries after it if
 * the log has its last one (raft_has_entry()), else none. In between it takes no step; the next is
 * RAFT_INSTALLED. */
bool raft_wants_snapshot(const struct raft *r, raft_index last_included_index);

/* Consumes one event. On RAFT_OK `ret_effects` is filled in full; on a refusal
 * neither `r` nor `*ret_effects` has changed. */
int raft_step(struct raft *r, const struct raft_event *event, struct raft_effects *ret_effects);

/* --- looking ---------------------------------------------------------------------- */

raft_id raft_self(const struct raft *r);
enum raft_role raft_role(const struct raft *r);
enum raft_reason raft_role_reason(const struct raft *r);
raft_term raft_current_term(const struct raft *r);
raft_id raft_voted_for(const struct raft *r);
raft_id raft_leader(const struct raft *r); /* 0: not known. */
/* When the leader that this node follows, or followed last, was heard; 0: there was none. */
uint64_t raft_leader_heard_ns(const struct raft *r);
/* When the log was last found to be as a leader said, by entries that fitted or a heartbeat that
 * named one of them; always now for who leads; 0: never since the start. */
uint64_t raft_agreed_ns(const struct raft *r);
raft_index raft_commit_index(const struct raft *r);
raft_index raft_last_index(const struct raft *r);
/* The entry that the log begins behind; 0: it begins with the first one ever. */
raft_index raft_origin(const struct raft *r);
/* The oldest entry that the log could hold: the one behind the origin. */
raft_index raft_first_index(const struct raft *r);
/* The log up to here is on this node's disk, as far as RAFT_DURABLE has reported. */
raft_index raft_durable_index(const struct raft *r);
/* All that effects asked to be written is, as far as RAFT_DURABLE has reported. */
bool raft_is_durable(const struct raft *r);
/* 0 for index 0; CHECKs origin <= index <= last. */
raft_term raft_term_at(const struct raft *r, raft_index index);
/* Whether that entry is in the log, or the log begins behind it. */
bool raft_has_entry(const struct raft *r, raft_index index, raft_term term);
/* Whether the log has that entry, or begins behind it. */
bool raft_has_entry(const struct raft *r, raft_index index, raft_term term);
/* The configuration in force: the newest in the log, committed or not. */
const struct raft_configuration *raft_configuration(const struct raft *r);
/* The index of its entry, which may be before the origin; 0: there is none. */
raft_index raft_configuration_index(const struct raft *r);
/* Leader: has committed an entry of its own term, so may serve reads and changes. */
bool raft_is_ready(const struct raft *r);
/* Leader: a transfer of leadership is under way, so proposals are refused (RAFT_EBUSY). */
bool raft_is_transferring(const struct raft *r);

struct raft_progress {
    raft_index match_index;
    raft_index next_index;
    bool is_active;  /* Was heard within the last election timeout. */
    bool is_probing; /* Waits for the outcome of one probe. */
    /* The logs agree nowhere from this one's origin on: entries can't help it. It is probed
     * there with each heartbeat. */
    bool needs_snapshot;
    /* For how long it has not been known where the logs agree; 0: it is. That takes some round
     * trips, unless the peer refuses this log. */
    uint64_t searching_ns;
};

/* Leader only: what it knows of a member; false where there is nothing. */
bool raft_progress_of(const struct raft *r, raft_id id, struct raft_progress *ret_progress);

const char *raft_role_name(enum raft_role role);
const char *raft_reason_text(enum raft_reason reason);
const char *raft_entry_kind_name(enum raft_entry_kind kind);
/* Whether it is known, or does nothing where it is not. */
bool raft_entry_kind_is_taken(uint32_t kind);
const char *raft_message_kind_name(enum raft_message_kind kind);
const char *raft_error_text(int error);

/* --- checking (tests and the simulator) ------------------------------------------- */

/* What raft_check_invariants() needs to remember from before a step. */
struct raft_observation {
    raft_id voted_for;
    raft_term current_term;
    raft_index origin;
    raft_index commit_index;
    raft_term commit_term; /* Of the entry at commit_index. */
    raft_index last_index;
    raft_term last_term;
    enum raft_role role;
};

void raft_observe(const struct raft *r, struct raft_observation *ret_observation);
/* CHECKs what must hold of the state, and between the state before and now. */
void raft_check_invariants(const struct raft *r, const struct raft_observation *before);

#endif /* RAKIT_RAFT_RAFT_H */
