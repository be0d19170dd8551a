/* raft.h - consensus as a pure state machine: no clock, no disk, no sockets, and no allocation:
 * the host provides the memory. The host passes one event at a time to raft_step() and carries
 * out the effects. Names follow Figure 2 of the Raft paper; "dissertation" is Ongaro's.
 *
 * The host promises:
 * - Effects are carried out in the order in which they were returned. Writes reach the disk in
 *   the order of their sequence numbers, through one queue; RAFT_DURABLE reports the highest
 *   number up to which everything is durable.
 * - A message is sent only once the write that it names (`after`) is durable.
 * - Messages may be lost, duplicated and reordered; they are not invented.
 * - Time never runs backwards.
 *
 * Pointers in effects are borrowed: they are valid until the next raft_step(). */
#ifndef RAKIT_RAFT_RAFT_H
#define RAKIT_RAFT_RAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raft/types.h"

enum {
    RAFT_MEMBERS_MAX = 16,                    /* Voters and learners together. */
    RAFT_CONFIGURATIONS_MAX = 4,              /* Kept for truncation; see configuration.c. */
    RAFT_READS_MAX = 8,                       /* Read confirmations under way at once. */
    RAFT_OUTBOUND_MAX = 5 * RAFT_MEMBERS_MAX, /* Messages from one step. */
    RAFT_WINDOW_ENTRIES = 65536,              /* Sent to one peer and not yet acknowledged. */
};

/* The most by which a message may raise the term at once. Elections raise it by one, so a node
 * that was away for years is within it; and a faulty node can't use up the terms. */
#define RAFT_TERM_STEP_MAX ((raft_term)1 << 32)

/* --- membership ------------------------------------------------------------------- */

/* One member's part in a configuration (§6). A learner votes in neither half. Outside the joint
 * state nobody is `outgoing`. */
struct raft_member {
    raft_id id;
    bool incoming; /* Votes in C_new; outside the joint state, this is the vote. */
    bool outgoing; /* Votes in C_old; only in the joint state. */
    /* A learner that is not promoted by itself. In the joint state also a voter that becomes one;
     * without this mark, a voter that is only in C_old leaves. */
    bool stays_learner;
    bool never_leads;   /* It serves no clients as leader; see election.c. */
    uint8_t precedence; /* Of voters that are as good as each other, the highest should lead. */
    raft_id replaces; /* A learner that takes the place of this voter once it has caught up; in the
                         * joint state too. 0: of none. */
};

struct raft_configuration {
    uint32_t member_count;
    struct raft_member members[RAFT_MEMBERS_MAX]; /* By rising id; ids are unique. */
    /* Rises when the cluster is made anew of one member, after the majority was lost. */
    uint64_t epoch;
};

/* Whether a majority of C_old is needed as well. */
bool raft_configuration_is_joint(const struct raft_configuration *c);
/* Whether `c`, which is valid by itself, may come next in a log, by whatever change. If not, its
 * entry has no effect. An empty `before`: there was none. */
bool raft_configuration_may_follow(const struct raft_configuration *before,
                                   const struct raft_configuration *c);
struct raft_change;

/* What a leader would log for that change of `c`: the new configuration, or C_old,new. Returns
 * RAFT_OK, or why the change is impossible for any leader. */
int raft_configuration_after(const struct raft_configuration *c, const struct raft_change *change,
                             struct raft_configuration *ret_next);
/* The member with that id, or NULL. */
const struct raft_member *raft_configuration_find(const struct raft_configuration *c, raft_id id);

/* --- log entries as the core sees them -------------------------------------------- */

enum raft_entry_kind {
    RAFT_NOOP = 1,          /* A new leader's first entry (§8). */
    RAFT_COMMAND = 2,       /* For the replicated state machine. */
    RAFT_CONFIGURATION = 3, /* A membership, in force once it is logged (§6). */
    RAFT_LEVEL = 4,         /* For the host, like commands: what all members can do. */
    RAFT_EXPIRED = 5,       /* For the host: which keys have expired. */
    /* From here on: a node that does not know a kind stores it, and it has no effect. */
    RAFT_MAY_BE_SKIPPED = 128,
};

struct raft_entry {
    raft_term term;
    enum raft_entry_kind kind;
    /* For RAFT_CONFIGURATION, else NULL. */
    const struct raft_configuration *configuration;
};

/* --- snapshots -------------------------------------------------------------------- */

/* Replaces a log up to an entry (§7). The core only passes on the rest: which file that is, and
 * which node has it, is the host's concern. */
struct raft_snapshot {
    raft_index last_included_index; /* 0: there is none. */
    raft_term last_included_term;
    uint64_t bytes;
    uint64_t checksum;
    raft_id holder; /* In raft_set_snapshot(), 0 means this node. */
};

/* A snapshot that has replaced the log, or its beginning. */
struct raft_installed {
    raft_index last_included_index;
    raft_term last_included_term;
    const struct raft_configuration *configuration; /* In force there, */
    raft_index configuration_index;                 /* The index of its entry. */
};

/* --- messages --------------------------------------------------------------------- */

enum raft_message_kind {
    RAFT_PRE_VOTE = 1, /* Dissertation §9.6; `term` is the term of the campaign. */
    RAFT_PRE_VOTE_REPLY,
    RAFT_REQUEST_VOTE,
    RAFT_REQUEST_VOTE_REPLY,
    RAFT_APPEND_ENTRIES,
    RAFT_APPEND_ENTRIES_REPLY,
    RAFT_HEARTBEAT, /* AppendEntries without entries, which claims nothing beyond what its
                     * receiver has acknowledged in this term. */
    RAFT_HEARTBEAT_REPLY,
    RAFT_TIMEOUT_NOW,      /* Dissertation §3.10. */
    RAFT_INSTALL_SNAPSHOT, /* Which snapshot to fetch, without its data. A node that needs none
                            * replies as to a successful AppendEntries that ends there. */
};

/* PRE_VOTE, REQUEST_VOTE. */
struct raft_request_vote {
    raft_index last_log_index;
    raft_term last_log_term;
    bool is_transfer; /* REQUEST_VOTE: the leader asked for it, so stickiness does not apply. */
};

/* PRE_VOTE_REPLY (if granted, its term is that of the request) and REQUEST_VOTE_REPLY. */
struct raft_request_vote_reply {
    bool vote_granted;
};

/* If outbound, `entries` is NULL: the host sends entries prev_log_index + 1 .. prev_log_index +
 * entry_count from its log, in one frame or in several consecutive ones, and only as long as it
 * leads the term of this message, because later they may have been replaced. */
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
    bool has_lost; /* The sender's log lacked acknowledged entries when this life began. */
    /* Success: up to here the receiver's log equals the sender's, durably. Rejection: the
     * rejected prev_log_index. */
    raft_index match_index;
    /* Rejection: the receiver's term there (0: its log ends before), and the first index of that
     * term, or its last index + 1: this saves round trips, one per term. */
    raft_term conflict_term;
    raft_index conflict_index;
    uint64_t read_round; /* Of the request. */
    uint64_t life;       /* The sender's; see raft_options. */
};

struct raft_heartbeat {
    raft_index leader_commit;     /* See RAFT_HEARTBEAT; 0: nothing. */
    raft_term leader_commit_term; /* The term of that entry. */
    uint64_t read_round;          /* The newest. */
    raft_index leader_last;       /* The end of the leader's log. */
    uint64_t life;                /* The newest life of the receiver of which the leader heard. */
    uint64_t promise_ns;          /* Promise to grant no vote for so long, and not to campaign; 0:
                                   * not asked for. See lease.c. */
};

struct raft_heartbeat_reply {
    uint64_t read_round; /* Of the request. */
    uint64_t life;       /* Both as in raft_append_entries_reply. */
    bool has_lost;
    uint64_t promised_at_ns; /* The sender's clock when it promised that; 0: it has not. */
};

/* `kind` determines which member of the union is valid; RAFT_TIMEOUT_NOW has none. */
struct raft_message {
    enum raft_message_kind kind;
    raft_id from;
    raft_id to;
    raft_term term;
    union {
        struct raft_append_entries append_entries; /* First, because it is the largest:
                                                    * initializing it clears the whole union. */
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
    RAFT_TICK = 1,  /* The deadline has come (allowed at any time). */
    RAFT_RECEIVE,   /* `message` has arrived. */
    RAFT_PROPOSE,   /* `propose_count` commands; they get consecutive indexes. */
    RAFT_CHANGE,    /* `change`: a membership change. */
    RAFT_READ,      /* Asks for a read confirmation; see effects.read_ticket. */
    RAFT_DURABLE,   /* Everything up to write `durable_seq` is durable. */
    RAFT_TRANSFER,  /* Transfer leadership to `peer`, or to the best one (0). */
    RAFT_PEER_LOST, /* The connection to `peer` broke. If it was the leader, a pre-vote follows. */
    RAFT_COMMITTED, /* A leader has reported that the entry `committed_index`, of `committed_term`,
                     * is committed. No effect if it is not in the log. */
    RAFT_RELUCTANT, /* `is_reluctant`: from now on, others should rather lead. */
    RAFT_INSTALLED, /* The snapshot `installed` is durable, and the durable log begins after it;
                     * see raft_wants_snapshot(). */
};

enum raft_change_kind {
    RAFT_ADD_LEARNER = 1, /* Joins as a learner, and is promoted once it has caught up. */
    RAFT_REMOVE,          /* A voter leaves through the joint state, a learner at once. */
    RAFT_READDRESS,       /* The same members again: the host's part of the entry changes. */
    RAFT_REPLACE,         /* The learner takes the place of a voter once it has caught up. */
    RAFT_PROMOTE,         /* The learner becomes a voter once it has caught up. */
    RAFT_DEMOTE,          /* A voter becomes a learner, and stays one; so does a learner. */
    RAFT_PRIORITIZE,      /* Whether the node should lead. */
};

/* The marks are those of struct raft_member. */
struct raft_change {
    enum raft_change_kind kind;
    raft_id id;         /* The node concerned. */
    raft_id replaces;   /* RAFT_ADD_LEARNER, RAFT_REPLACE. */
    bool stays_learner; /* RAFT_ADD_LEARNER. */
    bool never_leads;   /* RAFT_ADD_LEARNER, RAFT_REPLACE, RAFT_PRIORITIZE; and: */
    uint8_t precedence;
};

struct raft_event {
    enum raft_event_kind kind;
    uint64_t now_ns;
    const struct raft_message *message;
    uint32_t propose_count;
    struct raft_change change;
    raft_seq durable_seq;
    raft_id peer;
    raft_index committed_index; /* RAFT_COMMITTED */
    raft_term committed_term;
    bool wants_lease; /* RAFT_READ: the round also asks for what a lease needs. */
    bool is_reluctant;
    const struct raft_installed *installed;
};

/* Refusals: nothing has changed, neither `r` nor the effects. */
enum raft_error {
    RAFT_OK = 0,
    RAFT_ENOTLEADER = -1, /* Only the leader accepts this. */
    RAFT_EFULL = -2,      /* A fixed bound is reached; try again after commits. */
    RAFT_EBUSY = -3,      /* A change or a transfer is under way, or this leader has not
                           * committed in its term yet; try again. */
    RAFT_EMEMBER = -4,    /* Already a member, not a member, or the last voter that may lead; or a
                           * message that is not for this node, or not from another one. */
    RAFT_ELOG = -5,       /* A message that contradicts what is committed: a bug or a foreign
                           * node. Dropped. */
    RAFT_ELOST = -6,      /* Dropped. Its sender claims to lead, and that this node has
                           * acknowledged entries that are not in its log. If no leader agrees
                           * with the log (raft_agreed_ns()) and this continues, the disk has
                           * lost the entries, and the node must stop. */
    RAFT_ETERM = -7,      /* A message whose term is too far ahead to be the result of elections:
                           * its sender is faulty. Dropped. */
};

/* --- effects ---------------------------------------------------------------------- */

/* One message and the write that it waits for. `after` == 0: it may be sent at once. */
struct raft_outbound {
    raft_seq after;
    struct raft_message message;
};

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

/* Why the role last changed; for the log line of that change. */
enum raft_reason {
    RAFT_BECAUSE_START = 0,
    RAFT_BECAUSE_TIMEOUT,     /* No leader was heard for an election timeout. */
    RAFT_BECAUSE_LEADER_LOST, /* The connection to the leader broke. */
    RAFT_BECAUSE_TRANSFER,    /* It was asked to take over, or has transferred leadership. */
    RAFT_BECAUSE_ELECTED,
    RAFT_BECAUSE_PRE_ELECTED, /* A majority would vote for it. */
    RAFT_BECAUSE_HIGHER_TERM,
    RAFT_BECAUSE_LEADER_FOUND, /* There is already a leader of this term. */
    RAFT_BECAUSE_NO_QUORUM,    /* CheckQuorum: a majority is silent. */
    RAFT_BECAUSE_REMOVED,      /* It is no longer a voter. */
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
    raft_index append_first;  /* Then append `append_count` entries from here. */
    uint32_t append_count;    /* After RAFT_RECEIVE they are the message's entries (maybe not its
                               * first ones: those up to append_first - 1 were there already);
                               * after RAFT_PROPOSE, the commands. */
    /* If not 0, the core made the (only) entry itself: a no-op or a configuration. */
    enum raft_entry_kind append_own; /* 0: not its own. */
    struct raft_configuration append_configuration;

    uint32_t outbound_count;
    const struct raft_outbound *outbound;

    raft_index commit_index; /* Never lower than in earlier effects. */

    uint64_t read_ticket; /* RAFT_READ: identifies the confirmation asked for. */
    uint32_t read_count;  /* Confirmed now. A leader that steps down drops all. */
    struct raft_read reads[RAFT_READS_MAX];

    /* Fetch it, install it, and report that (RAFT_INSTALLED): the leader has no entries that
     * would help. It is offered again with each heartbeat, maybe a newer one. Index 0: nothing. */
    struct raft_snapshot install;

    bool role_changed;          /* Role, term or leader_id has changed in this step. */
    bool configuration_changed; /* The configuration in force has changed. Members that left
                                 * count as removed only once it is committed. */

    uint64_t deadline_ns; /* Send RAFT_TICK at this time. */
};

/* --- the core --------------------------------------------------------------------- */

struct raft_options {
    raft_id id;
    uint64_t election_timeout_ns;   /* Minimum; each is drawn from [this, 2 * this). */
    uint64_t heartbeat_interval_ns; /* Well below the election timeout. */
    uint64_t seed;                  /* For random timeouts. */
    uint32_t runs_max;              /* Limit of (index, term) runs: terms in the log. */
    uint64_t life; /* Higher than in all earlier processes of this node (on the same data). */
};

struct raft; /* Opaque to the host; raft_state.h is for the core's own files. */

/* Bytes that raft_init() needs, aligned for any type. */
size_t raft_size(const struct raft_options *options);

/* How many terms the log has room for, and how many more fit. */
uint32_t raft_terms_max(const struct raft *r);
uint32_t raft_terms_left(const struct raft *r);
/* The size of a table of so many terms; and moving it to such memory, which the host owns and
 * which must outlive `r`. Only between steps; the previous memory is not used any more. CHECKs
 * that it is larger. */
size_t raft_terms_size(uint32_t runs_max);
void raft_move_terms(struct raft *r, void *memory, uint32_t runs_max);

/* A new node: without a log and a configuration, a follower in term 0 that will not campaign.
 * The host owns `memory`, which must outlive the node. */
struct raft *raft_init(void *memory, const struct raft_options *options, uint64_t now_ns);

/* Recovery, between raft_init() and the first raft_step(), in this order. */
void raft_restore_vote(struct raft *r, raft_term current_term, raft_id voted_for);
/* Where the durable log begins: after the entry at `index`, of `term`. That entry and all before
 * are committed and not in the log (§7). `configuration` is in force at the end of the node's
 * snapshot, which is there or later; `configuration_index` is that of its entry, which may also
 * be later. Configurations in entries up to there have no effect any more. `index` and `term` 0:
 * the log begins with entry 1, and there may be a snapshot or none (`configuration` NULL). The
 * same if this is not called. */
int raft_restore_origin(struct raft *r, raft_index index, raft_term term,
                        const struct raft_configuration *configuration,
                        raft_index configuration_index);
/* This node was a member before, and may have promised something a moment ago (see lease.c): it
 * grants no vote for an election timeout. */
void raft_restore_promise(struct raft *r);
/* The entries of a durable log, after its origin, in order. */
int raft_restore_entry(struct raft *r, const struct raft_entry *entry);
/* A commit index that was reached before the restart (0 if unknown). */
void raft_restore_commit(struct raft *r, raft_index commit_index);
/* This log is only the beginning of the one that was durable: the rest is damaged. If it is known
 * with which entry that log had ended, then `last_index` and `last_term` say so; otherwise both
 * are 0. What this node acknowledged may be missing, so until it holds that again
 * (raft_is_whole()) it votes for no log that may lack it, and does not campaign without it. */
void raft_restore_loss(struct raft *r, raft_index last_index, raft_term last_term);

/* Between steps: from now on the log begins after the entry at `index`, because a durable
 * snapshot replaces it and all before (§7). CHECKs that the entry is committed, durable in the
 * log, and not beyond raft_set_snapshot(). No effect if the log begins there or later. */
void raft_compact(struct raft *r, raft_index index);

/* The newest snapshot that this node has durably, for members that lack entries from before its
 * log begins. CHECKs that it ends at a committed entry, not before the log's origin. */
void raft_set_snapshot(struct raft *r, const struct raft_snapshot *snapshot);

/* A leader names this one first, of `holder`, which then sends it in this node's place. It is
 * named only while the log has its last entry, and what comes after; NULL: there is none. */
void raft_set_other_snapshot(struct raft *r, const struct raft_snapshot *snapshot);

/* Whether it helps to install a snapshot that ends there: this node does not lead, and has
 * committed less. The host installs it once all writes are durable (raft_is_durable()): it moves
 * the snapshot to its place, and makes the durable log begin after it. It keeps the entries
 * after it if the log has its last one (raft_has_entry()), otherwise none. Meanwhile it takes no
 * step; the next one is RAFT_INSTALLED. */
bool raft_wants_snapshot(const struct raft *r, raft_index last_included_index);

/* Processes one event. On RAFT_OK `ret_effects` is filled in completely; on a refusal neither
 * `r` nor `*ret_effects` has changed. */
int raft_step(struct raft *r, const struct raft_event *event, struct raft_effects *ret_effects);

/* --- looking ---------------------------------------------------------------------- */

raft_id raft_self(const struct raft *r);
enum raft_role raft_role(const struct raft *r);
enum raft_reason raft_role_reason(const struct raft *r);
raft_term raft_current_term(const struct raft *r);
raft_id raft_voted_for(const struct raft *r);
raft_id raft_leader(const struct raft *r); /* 0: unknown. */
/* When the leader that this node follows, or last followed, was heard; 0: there was none. */
uint64_t raft_leader_heard_ns(const struct raft *r);
/* When the log last agreed with a leader's: entries fitted, or a heartbeat named one of its
 * entries. For a leader: now. 0: never since the start. */
uint64_t raft_agreed_ns(const struct raft *r);
raft_index raft_commit_index(const struct raft *r);
raft_index raft_last_index(const struct raft *r);
/* The entry after which the log begins; 0: it begins with entry 1. */
raft_index raft_origin(const struct raft *r);
/* The index after the origin, which is the oldest that the log can have. */
raft_index raft_first_index(const struct raft *r);
/* The log up to here is on this node's disk, according to RAFT_DURABLE. */
raft_index raft_durable_index(const struct raft *r);
/* It durably holds all that it may have acknowledged; false: see raft_restore_loss(). */
bool raft_is_whole(const struct raft *r);
/* Everything that effects asked to write is durable, according to RAFT_DURABLE. */
bool raft_is_durable(const struct raft *r);
/* 0 for index 0; CHECKs origin <= index <= last. */
raft_term raft_term_at(const struct raft *r, raft_index index);
/* Whether that entry is in the log, or is its origin. */
bool raft_has_entry(const struct raft *r, raft_index index, raft_term term);
/* Whether that entry is in the log, or is its origin. */
bool raft_has_entry(const struct raft *r, raft_index index, raft_term term);
/* The configuration in force: the newest in the log, committed or not. */
const struct raft_configuration *raft_configuration(const struct raft *r);
/* The index of its entry, which may be before the origin; 0: there is none. */
raft_index raft_configuration_index(const struct raft *r);
/* Leader: it has committed an entry of its own term, so it may serve reads and changes. */
bool raft_is_ready(const struct raft *r);
/* Leader: until then nobody else can be elected, so that reads at the commit index need no round;
 * 0: there is no such time. Holds as long as nothing is stepped. */
uint64_t raft_lease_until_ns(const struct raft *r);
/* Leader: there is no lease, because clocks differ too much. */
bool raft_is_lease_distrusted(const struct raft *r);
/* Leader: `asker` reports that it followed this node in the present term when it asked for a read
 * index. If the two are a majority, that is confirmation enough: the index that its read must
 * see. 0: a round is needed, or this term has not committed yet. */
raft_index raft_read_index_for(const struct raft *r, raft_id asker);
/* Leader: a transfer of leadership is under way, so proposals are refused (RAFT_EBUSY). */
bool raft_is_transferring(const struct raft *r);
/* Leader: it accepts proposals. Not during a transfer, and not if it never leads (priority 0) and
 * is only a caretaker, which also refuses RAFT_READ. */
bool raft_takes_commands(const struct raft *r);

struct raft_progress {
    raft_index match_index;
    raft_index next_index;
    bool is_active;    /* Was heard within an election timeout before the last step. */
    uint64_t heard_ns; /* When it was heard last; for oneself: at the last step. */
    bool is_probing;   /* Waits for the outcome of one probe. */
    /* The logs agree nowhere from this one's origin on, so entries can't help. It is probed
     * there with each heartbeat. */
    bool needs_snapshot;
    /* For how long it has been unknown where the logs agree; 0: it is known. The search takes
     * some round trips, unless the peer refuses this log. */
    uint64_t searching_ns;
};

/* Leader only: what it knows about a member; false if nothing. */
bool raft_progress_of(const struct raft *r, raft_id id, struct raft_progress *ret_progress);

const char *raft_role_name(enum raft_role role);
const char *raft_reason_text(enum raft_reason reason);
const char *raft_entry_kind_name(enum raft_entry_kind kind);
/* Whether the kind is known, or may be unknown because it then has no effect. */
bool raft_entry_kind_is_taken(uint32_t kind);
const char *raft_message_kind_name(enum raft_message_kind kind);
const char *raft_error_text(int error);

/* --- checking (tests and the simulator) ------------------------------------------- */

/* What raft_check_invariants() needs to know from before a step. */
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
/* CHECKs the invariants of the state, and those between the state before and now. */
void raft_check_invariants(const struct raft *r, const struct raft_observation *before);

#endif /* RAKIT_RAFT_RAFT_H */
