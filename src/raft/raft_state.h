/* raft_state.h - struct raft, and what the core's own files share. Private to src/raft: hosts
 * use raft.h only. I-n is the invariant of docs/INVARIANTS.md. */
#ifndef RAKIT_RAFT_RAFT_STATE_H
#define RAKIT_RAFT_RAFT_STATE_H

#include "raft/durability.h"
#include "raft/raft.h"
#include "raft/term_log.h"

enum {
    RAFT_STALL_HEARTBEATS = 3,     /* After so long without progress, messages were lost. */
    RAFT_STALL_DOUBLINGS_MAX = 5,  /* Patience with a slow peer grows to 2^5 times that. */
    RAFT_STAGGER_DIVISOR = 4,      /* Of the heartbeat interval; see raft_election_leader_lost(). */
    RAFT_RELUCTANT_TIMEOUTS = 3,   /* Election timeouts without a leader before a reluctant node
                                   * campaigns; others wait for two at most. */
    RAFT_LAST_RESORT_TIMEOUTS = 5, /* The same for a node that never leads, as a caretaker. */
    RAFT_ORPHAN_TIMEOUTS = 10,     /* Election timeouts without a leader after which a node counts
                                   * as orphaned. */
    RAFT_LEAVING_TIMEOUTS = 10,    /* Election timeouts after it handed over in order to be replaced
                                   * in which a leader does not do so again. */
    RAFT_LEASE_MARGIN_PART = 8,   /* The part of an election timeout by which a lease is shorter. */
    RAFT_CLOCKS_DIFFER_PART = 10, /* Clocks that differ by more than this part end leases. */
    RAFT_CLOCK_TIMEOUTS = 10,     /* Election timeouts over which clocks are compared, at least. */
    RAFT_DISTRUST_TIMEOUTS = 200, /* Election timeouts without a lease after clocks differed. */
    RAFT_TERM_STEP_LAST = 256,    /* The most by which a message may raise one of the last terms. */
};

/* The clock of another node, when it answered. */
struct raft_clock_sample {
    uint64_t asked_ns; /* By our clock: it was not asked before, */
    uint64_t heard_ns; /* and has answered until then. 0: there is no sample. */
    uint64_t there_ns; /* By its own. */
};

/* Leader: see lease.c. */
struct raft_lease {
    uint64_t round;    /* The newest round that asks for promises; 0: none. */
    uint64_t round_ns; /* When it began. */
    uint64_t since_ns; /* When the newest one began that a majority has promised; 0: none. */
    uint64_t distrusted_until_ns; /* A clock runs too fast, as far as can be seen. */
    bool is_void;                 /* In this term there is none any more. */
};

/* What a leader knows about another node. */
struct raft_peer {
    raft_id id;
    raft_index match_index;      /* Its log equals ours up to here, durably (I-5). */
    raft_index next_index;       /* Where the next range starts; above match_index. */
    bool is_replicating;         /* Ranges are streamed; otherwise one probe at a time is sent. */
    bool probe_is_out;           /* A probe waits for its outcome, or for the next heartbeat. */
    bool needs_snapshot;         /* Its log ends, or differs from ours, before our origin. */
    uint64_t heard_ns;           /* When any message of this term last arrived. */
    uint64_t progress_ns;        /* When match_index rose, or sending began after a pause. */
    uint64_t searching_since_ns; /* Only if it is not being replicated to. */
    uint32_t stall_doublings;
    uint64_t read_round;            /* The newest round that it echoed. */
    uint64_t promised_round;        /* The newest round for which it has promised not to vote. */
    struct raft_clock_sample clock; /* Some time ago, to compare its clock with ours. */
    struct raft_clock_sample next_clock; /* Later; it takes the place of the other one. */
    uint64_t life;                       /* The newest in which it was heard. */

    /* Catching up (dissertation §4.2.1): a round is complete when the peer has what was in the
     * log when the round began. */
    raft_index round_target;
    uint64_t round_start_ns;
    bool is_caught_up; /* Its last round took less than an election timeout. */
};

/* The newest configurations of the log, by rising index. The entry of the first one may be
 * before the origin, where it is in force; it is empty at index 0. */
struct raft_configurations {
    uint32_t count;
    raft_index indexes[RAFT_CONFIGURATIONS_MAX];
    struct raft_configuration items[RAFT_CONFIGURATIONS_MAX];
};

/* See loss.c. */
struct raft_loss {
    bool has_lost;         /* At the start. */
    bool is_open;          /* It does not hold all of that again. */
    raft_index last_index; /* With this entry the log had ended; 0: unknown. */
    raft_term last_term;
    raft_term agreed_term; /* In this term the log agrees with the leader's up to that entry. */
    raft_index agreed_index;
    raft_term goal_term; /* The leader's log of this term ended there, after the start. */
    raft_index goal_index;
};

enum raft_broadcast { RAFT_TO_NOBODY, RAFT_TO_VOTERS, RAFT_TO_ALL };

/* What one step collects before it is returned as effects. On a refusal it is thrown away, which
 * leaves the effects untouched. */
struct raft_gathered {
    raft_seq write_seq;
    bool write_vote;
    bool configuration_changed;
    enum raft_broadcast heartbeat;
    raft_index truncate_from;
    raft_index append_first;
    uint32_t append_count;
    enum raft_entry_kind append_own;
    uint32_t outbound_count;
    uint32_t read_count;
    struct raft_snapshot install;
};

struct raft {
    struct raft_options options;
    uint64_t now_ns; /* Of the newest event. */
    uint64_t random;

    /* Figure 2: persistent state. */
    raft_term current_term;
    raft_id voted_for;
    struct term_log log;

    /* Figure 2: volatile state. */
    raft_index commit_index;
    enum raft_role role;
    enum raft_reason reason;
    raft_id leader_id;
    uint64_t leader_heard_ns;   /* Valid while leader_id is another node. */
    uint64_t promised_until_ns; /* It grants no vote before, and does not campaign: lease.c. */
    uint64_t led_ns;            /* When there was last a leader (maybe this node); or the start. */
    raft_term agreed_term; /* The newest term in which this log took a leader's entries, or led. */
    uint64_t agreed_ns;    /* When the log last agreed with a leader's. */
    uint64_t election_deadline_ns;
    bool is_reluctant; /* Others should campaign first. */
    uint32_t votes;    /* Bit i: members[i] of the configuration has voted yes. */

    struct raft_loss loss;
    struct durability durability;
    raft_seq term_seq; /* The write that stores current_term and voted_for. */

    struct raft_configurations configurations;
    struct raft_snapshot snapshot; /* The newest that the host has; index 0: none. */
    struct raft_snapshot other;    /* Leader: one that another node has, and would send. */

    /* Leader. */
    uint32_t peer_count;
    struct raft_peer peers[RAFT_MEMBERS_MAX];
    raft_index term_start_index; /* Index of this term's no-op. */
    uint64_t heartbeat_due_ns;
    uint64_t leaving_ns;       /* When it last handed over in order to be replaced; 0: never. */
    uint64_t leaving_until_ns; /* Until then, members that left are served; 0: nobody left. */

    uint64_t read_round; /* The newest round; never falls, so no number is used twice (I-12). */
    uint32_t read_count;
    struct raft_read reads[RAFT_READS_MAX]; /* Index 0: not before this term commits. */

    struct raft_lease lease;
    raft_id transfer_target; /* 0: no transfer is under way. */
    uint64_t transfer_deadline_ns;
    bool transfer_is_sent;

    struct raft_gathered gathered;
    struct raft_read confirmed[RAFT_READS_MAX];
    struct raft_outbound outbound[RAFT_OUTBOUND_MAX];
};

/* --- raft.c: the few places where the essential fields are set ------------------ */

/* The only function that sets the commit index, for leaders and followers. */
void raft_commit_to(struct raft *r, raft_index index);
/* Sets current_term and voted_for together, to be written (I-1, I-2). */
void raft_set_vote(struct raft *r, raft_term term, raft_id voted_for);
void raft_set_role(struct raft *r, enum raft_role role, raft_id leader_id, enum raft_reason reason);
/* Follows `leader_id` (0: unknown) in `term`, which is not below current_term. */
void raft_become_follower(struct raft *r, raft_term term, raft_id leader_id,
                          enum raft_reason reason);
/* The number of this step's write; takes a new one if there is none yet. */
raft_seq raft_write_seq(struct raft *r);
/* Drops the end of the log, the configurations in it, and its durability. */
void raft_truncate_from(struct raft *r, raft_index index);
/* Appends an entry that the core makes itself. `configuration` or NULL. */
void raft_append_own(struct raft *r, enum raft_entry_kind kind,
                     const struct raft_configuration *configuration);

/* The write for which a message waits that only claims current_term. */
raft_seq raft_after_term(const struct raft *r);
/* The same for a message that claims the vote or the log: everything written so far. */
raft_seq raft_after_all(const struct raft *r);
/* Adds a message of current_term to the step's effects, which the caller completes. */
struct raft_message *raft_send(struct raft *r, raft_id to, enum raft_message_kind kind,
                               raft_seq after);
/* Uniform in [0, bound); 0 if bound is 0. */
uint64_t raft_random_below(struct raft *r, uint64_t bound);

/* --- configuration.c -------------------------------------------------------------- */

const struct raft_configuration *raft_configuration_before(const struct raft *r);
bool raft_configuration_is_valid(const struct raft_configuration *c);
bool raft_configuration_has_voter(const struct raft_configuration *c, raft_id id);
/* The only known configuration: the one in force at the end of a snapshot. */
void raft_configuration_begin(struct raft *r, raft_index index, const struct raft_configuration *c);
/* Drops the configurations before the one in force at the log's new origin. */
void raft_configuration_compact(struct raft *r, raft_index origin);
void raft_configuration_push(struct raft *r, raft_index index, const struct raft_configuration *c);
/* The same for a configuration that another node has logged: it is in force only if it may
 * follow. */
void raft_configuration_receive(struct raft *r, raft_index index,
                                const struct raft_configuration *c);
/* Whether the history goes back far enough to undo entries from `index` on. */
bool raft_configuration_can_truncate(const struct raft *r, raft_index index);
void raft_configuration_truncate_from(struct raft *r, raft_index index);
int raft_configuration_on_change(struct raft *r, const struct raft_change *change);
/* Leader, at the end of each step: makes the changes that follow automatically. */
void raft_configuration_drive(struct raft *r);
/* Whether this node votes in the configuration in force. */
bool raft_is_voter(const struct raft *r);
/* Whether it serves no clients as leader. */
bool raft_never_leads(const struct raft *r);

/* --- election.c ------------------------------------------------------------------- */

void raft_election_rearm(struct raft *r);
bool raft_election_is_electable(const struct raft *r);
bool raft_election_may_campaign(const struct raft *r);
uint64_t raft_election_deadline(const struct raft *r);
void raft_election_on_tick(struct raft *r);
void raft_election_on_durable(struct raft *r);
void raft_election_on_leader_lost(struct raft *r);
void raft_election_on_pre_vote(struct raft *r, const struct raft_message *m);
void raft_election_on_pre_vote_reply(struct raft *r, const struct raft_message *m);
void raft_election_on_request_vote(struct raft *r, const struct raft_message *m);
void raft_election_on_request_vote_reply(struct raft *r, const struct raft_message *m);
void raft_election_on_timeout_now(struct raft *r, const struct raft_message *m);

/* --- follower.c ------------------------------------------------------------------- */

int raft_follower_on_append_entries(struct raft *r, const struct raft_message *m);
int raft_follower_on_heartbeat(struct raft *r, const struct raft_message *m);
void raft_follower_on_committed(struct raft *r, raft_index index, raft_term term);
int raft_follower_on_install_snapshot(struct raft *r, const struct raft_message *m);
/* Acknowledges that the log equals the leader's up to `match_index`, once everything written so
 * far is durable. */
void raft_follower_accept(struct raft *r, raft_id leader, raft_index match_index,
                          uint64_t read_round);

/* --- leader.c --------------------------------------------------------------------- */

struct raft_peer *raft_leader_peer(struct raft *r, raft_id id);
void raft_leader_begin(struct raft *r);
void raft_leader_end(struct raft *r);
/* Updates the list of peers to the newest configurations. */
void raft_leader_sync_peers(struct raft *r);
void raft_leader_advance_commit(struct raft *r);
/* The log begins later now. */
void raft_leader_compact(struct raft *r);
/* When a majority was last heard. */
uint64_t raft_leader_quorum_heard_ns(const struct raft *r);
void raft_leader_on_tick(struct raft *r);
int raft_leader_on_propose(struct raft *r, uint32_t propose_count);
int raft_leader_on_append_entries_reply(struct raft *r, const struct raft_message *m);
int raft_leader_on_heartbeat_reply(struct raft *r, const struct raft_message *m);
void raft_leader_on_peer_lost(struct raft *r, raft_id id);
/* At the end of each step: commits what can be committed, and sends messages. */
void raft_leader_finish(struct raft *r);

/* --- loss.c ----------------------------------------------------------------------- */

/* Whether a candidate whose log ends with that entry may lack what this node acknowledged. */
bool raft_loss_forbids(const struct raft *r, raft_index last_index, raft_term last_term);
/* The log equals that of this term's leader up to there. */
void raft_loss_note_agreement(struct raft *r, raft_index index);
/* A heartbeat of this term's leader says where its log ends, and of which life of this node it
 * has heard. */
void raft_loss_note_end(struct raft *r, raft_index leader_last, uint64_t life);
/* At the end of each step: whether the log is whole again. */
void raft_loss_look(struct raft *r);

/* --- read.c ----------------------------------------------------------------------- */

int raft_read_on_ask(struct raft *r, bool wants_lease);
void raft_read_confirm(struct raft *r);

/* --- lease.c ---------------------------------------------------------------------- */

/* As follower: whether it has promised to grant no vote now. */
bool raft_lease_is_promised(const struct raft *r);
/* Promises that for so long, if that is not too long. Returns its clock for the reply; 0: it has
 * not promised. */
uint64_t raft_lease_promise(struct raft *r, uint64_t promise_ns);
/* As leader: of a new term; the configuration has changed; leadership is being transferred. */
void raft_lease_begin(struct raft *r);
void raft_lease_reset(struct raft *r);
void raft_lease_end(struct raft *r);
/* The round that has just begun asks for promises. */
void raft_lease_ask(struct raft *r);
/* For how long a heartbeat asks for promises; 0: not at all. */
uint64_t raft_lease_wanted_ns(const struct raft *r);
void raft_lease_note(struct raft *r, struct raft_peer *peer, uint64_t read_round,
                     uint64_t promised_at_ns);

/* --- snapshot.c ------------------------------------------------------------------- */

int raft_snapshot_on_installed(struct raft *r, const struct raft_installed *s);

/* --- transfer.c ------------------------------------------------------------------- */

int raft_transfer_on_ask(struct raft *r, raft_id target);
void raft_transfer_drive(struct raft *r);
void raft_transfer_give_up(struct raft *r);
/* Leader: if it is a caretaker, hands over as soon as it can. */
void raft_transfer_caretaker(struct raft *r);
/* The other voter that is best prepared to lead; 0: there is none. */
raft_id raft_transfer_best(const struct raft *r);

#endif /* RAKIT_RAFT_RAFT_STATE_H */
