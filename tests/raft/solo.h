/* solo.h - a single core, with its peers played by the test: for rules that are best shown
 * message by message. The node under test always has id 1. */
#ifndef RAKIT_TESTS_RAFT_SOLO_H
#define RAKIT_TESTS_RAFT_SOLO_H

#include "raft/raft.h"

#define SOLO_MS               ((uint64_t)1000000)
#define SOLO_ELECTION_TIMEOUT (300 * SOLO_MS)
#define SOLO_HEARTBEAT        (50 * SOLO_MS)

struct solo {
    uint64_t now_ns;
    raft_seq written_seq; /* The newest write that was requested. */
    struct raft *raft;
    struct raft_effects effects; /* Of the newest step that was not refused. */
    void *memory;
};

/* {1 .. voter_count}, all voting. */
struct raft_configuration solo_voters(uint32_t voter_count);

/* Not started: without a log. `runs_max` bounds the terms in it. */
void solo_init(struct solo *s, uint32_t runs_max);
void solo_deinit(struct solo *s);

/* A node whose log has the configuration of that many voters at index 1 (term 1),
 * and commands of the given terms after it; its term is the highest of these. */
void solo_restore(struct solo *s, uint32_t voter_count, const raft_term *terms, uint32_t count);

/* The same without that entry, after an origin at which the configuration is in force. */
void solo_restore_behind(struct solo *s, uint32_t voter_count, raft_index origin,
                         raft_term origin_term, const raft_term *terms, uint32_t count);

/* Each checks the invariants and returns what raft_step() returned. */
int solo_step(struct solo *s, struct raft_event event);
int solo_receive(struct solo *s, struct raft_message message);
int solo_tick(struct solo *s);
int solo_durable(struct solo *s, raft_seq seq);
/* Everything that was requested becomes durable. */
void solo_settle(struct solo *s);
void solo_pass(struct solo *s, uint64_t ns);

/* An append from `from` in `term`: commands of these terms after prev@prev_term. */
struct raft_message solo_append(raft_id from, raft_term term, raft_index prev, raft_term prev_term,
                                const raft_term *terms, uint32_t count, raft_index leader_commit);
struct raft_message solo_accept(raft_id from, raft_term term, raft_index match_index);
struct raft_message solo_reject(raft_id from, raft_term term, raft_index prev,
                                raft_index conflict_index, raft_term conflict_term);
struct raft_message solo_heartbeat(raft_id from, raft_term term, raft_index leader_commit);
struct raft_message solo_pulse(raft_id from, raft_term term, uint64_t read_round);
struct raft_message solo_vote_request(raft_id from, raft_term term, raft_index last,
                                      raft_term last_term);
struct raft_message solo_vote(raft_id from, raft_term term, bool granted);

struct raft_message solo_pre_vote_request(raft_id from, raft_term term, raft_index last,
                                          raft_term last_term);
struct raft_message solo_pre_vote(raft_id from, raft_term term, bool granted);

/* Advances to the deadline and ticks. */
void solo_timeout(struct solo *s);
/* By a pre-vote and votes of 2, 3, ...; its no-op is written but not acknowledged by anybody,
 * not even by its own disk. */
void solo_become_leader(struct solo *s);

/* The outbound message of that kind in the newest effects (`to` 0: the first), or NULL. */
const struct raft_outbound *solo_sent(const struct solo *s, enum raft_message_kind kind,
                                      raft_id to);
/* The AppendEntries to that node; CHECKs that there is one. */
const struct raft_append_entries *solo_sent_entries(const struct solo *s, raft_id to);
uint32_t solo_sent_count(const struct solo *s, enum raft_message_kind kind);

#endif /* RAKIT_TESTS_RAFT_SOLO_H */
