/* solo.c - see solo.h. */
#include "solo.h"

#include <stdlib.h>

#include "base/check.h"

enum { ENTRIES_MAX = 64 };

/* For steps that must not be refused. */
static void must(int error)
{
    CHECK(error == RAFT_OK);
}

struct raft_configuration solo_voters(uint32_t voter_count)
{
    struct raft_configuration c = {.member_count = voter_count};

    for (uint32_t i = 0; i < voter_count; i++) {
        c.members[i] = (struct raft_member){.id = i + 1, .incoming = true};
    }
    return c;
}

void solo_init(struct solo *s, uint32_t runs_max)
{
    const struct raft_options options = {
        .id = 1,
        .election_timeout_ns = SOLO_ELECTION_TIMEOUT,
        .heartbeat_interval_ns = SOLO_HEARTBEAT,
        .seed = 42,
        .runs_max = runs_max,
    };

    *s = (struct solo){.now_ns = 5000 * SOLO_MS};
    s->memory = malloc(raft_size(&options));
    CHECK(s->memory != NULL);
    s->raft = raft_init(s->memory, &options, s->now_ns);
}

void solo_deinit(struct solo *s)
{
    free(s->memory);
}

static void restore_commands(struct solo *s, const raft_term *terms, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct raft_entry entry = {.term = terms[i], .kind = RAFT_COMMAND};

        must(raft_restore_entry(s->raft, &entry));
    }
    raft_restore_commit(s->raft, 0);
    must(solo_tick(s));
}

void solo_restore(struct solo *s, uint32_t voter_count, const raft_term *terms, uint32_t count)
{
    const struct raft_configuration voters = solo_voters(voter_count);
    struct raft_entry entry = {.term = 1, .kind = RAFT_CONFIGURATION, .configuration = &voters};

    solo_init(s, 64);
    raft_restore_vote(s->raft, count == 0 ? 1 : terms[count - 1], 0);
    must(raft_restore_entry(s->raft, &entry));
    restore_commands(s, terms, count);
}

void solo_restore_behind(struct solo *s, uint32_t voter_count, raft_index origin,
                         raft_term origin_term, const raft_term *terms, uint32_t count)
{
    const struct raft_configuration voters = solo_voters(voter_count);

    solo_init(s, 64);
    raft_restore_vote(s->raft, count == 0 ? origin_term : terms[count - 1], 0);
    must(raft_restore_origin(s->raft, origin, origin_term, &voters, origin));
    restore_commands(s, terms, count);
}

int solo_step(struct solo *s, struct raft_event event)
{
    struct raft_observation before;

    event.now_ns = s->now_ns;
    raft_observe(s->raft, &before);
    int error = raft_step(s->raft, &event, &s->effects);

    raft_check_invariants(s->raft, &before);
    if (error == RAFT_OK && s->effects.write_seq != 0) {
        CHECK(s->effects.write_seq > s->written_seq);
        s->written_seq = s->effects.write_seq;
    }
    return error;
}

int solo_receive(struct solo *s, struct raft_message message)
{
    message.to = 1;
    return solo_step(s, (struct raft_event){.kind = RAFT_RECEIVE, .message = &message});
}

int solo_tick(struct solo *s)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_TICK});
}

int solo_durable(struct solo *s, raft_seq seq)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_DURABLE, .durable_seq = seq});
}

void solo_settle(struct solo *s)
{
    raft_seq seq = 0;

    while (seq != s->written_seq) { /* A durable write may cause further writes. */
        seq = s->written_seq;
        must(solo_durable(s, seq));
    }
}

void solo_pass(struct solo *s, uint64_t ns)
{
    s->now_ns += ns;
}

struct raft_message solo_append(raft_id from, raft_term term, raft_index prev, raft_term prev_term,
                                const raft_term *terms, uint32_t count, raft_index leader_commit)
{
    static struct raft_entry entries[ENTRIES_MAX]; /* Read before the next call. */

    CHECK(count <= ENTRIES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = (struct raft_entry){.term = terms[i], .kind = RAFT_COMMAND};
    }
    return (struct raft_message){
        .kind = RAFT_APPEND_ENTRIES,
        .from = from,
        .term = term,
        .append_entries = {.prev_log_index = prev,
                           .prev_log_term = prev_term,
                           .leader_commit = leader_commit,
                           .entry_count = count,
                           .entries = entries},
    };
}

struct raft_message solo_accept(raft_id from, raft_term term, raft_index match_index)
{
    return (struct raft_message){
        .kind = RAFT_APPEND_ENTRIES_REPLY,
        .from = from,
        .term = term,
        .append_entries_reply = {.success = true, .match_index = match_index}};
}

struct raft_message solo_reject(raft_id from, raft_term term, raft_index prev,
                                raft_index conflict_index, raft_term conflict_term)
{
    return (struct raft_message){.kind = RAFT_APPEND_ENTRIES_REPLY,
                                 .from = from,
                                 .term = term,
                                 .append_entries_reply = {.match_index = prev,
                                                          .conflict_index = conflict_index,
                                                          .conflict_term = conflict_term}};
}

struct raft_message solo_heartbeat(raft_id from, raft_term term, raft_index leader_commit)
{
    return (struct raft_message){
        .kind = RAFT_HEARTBEAT,
        .from = from,
        .term = term,
        .heartbeat = {.leader_commit = leader_commit,
                      .leader_commit_term = leader_commit == 0 ? 0 : term}};
}

struct raft_message solo_pulse(raft_id from, raft_term term, uint64_t read_round)
{
    return (struct raft_message){.kind = RAFT_HEARTBEAT_REPLY,
                                 .from = from,
                                 .term = term,
                                 .heartbeat_reply = {.read_round = read_round}};
}

struct raft_message solo_vote_request(raft_id from, raft_term term, raft_index last,
                                      raft_term last_term)
{
    return (struct raft_message){
        .kind = RAFT_REQUEST_VOTE,
        .from = from,
        .term = term,
        .request_vote = {.last_log_index = last, .last_log_term = last_term}};
}

struct raft_message solo_vote(raft_id from, raft_term term, bool granted)
{
    return (struct raft_message){.kind = RAFT_REQUEST_VOTE_REPLY,
                                 .from = from,
                                 .term = term,
                                 .request_vote_reply = {.vote_granted = granted}};
}

struct raft_message solo_pre_vote_request(raft_id from, raft_term term, raft_index last,
                                          raft_term last_term)
{
    struct raft_message m = solo_vote_request(from, term, last, last_term);

    m.kind = RAFT_PRE_VOTE;
    return m;
}

struct raft_message solo_pre_vote(raft_id from, raft_term term, bool granted)
{
    struct raft_message m = solo_vote(from, term, granted);

    m.kind = RAFT_PRE_VOTE_REPLY;
    return m;
}

void solo_timeout(struct solo *s)
{
    if (s->effects.deadline_ns > s->now_ns && s->effects.deadline_ns != UINT64_MAX) {
        s->now_ns = s->effects.deadline_ns;
    }
    must(solo_tick(s));
}

void solo_become_leader(struct solo *s)
{
    const struct raft_configuration *c = raft_configuration(s->raft);

    solo_timeout(s);
    raft_term term = raft_current_term(s->raft) + 1;

    for (uint32_t i = 1; raft_role(s->raft) == RAFT_PRE_CANDIDATE; i++) {
        must(solo_receive(s, solo_pre_vote(c->members[i].id, term, true)));
    }
    must(solo_durable(s, s->written_seq));
    for (uint32_t i = 1; raft_role(s->raft) == RAFT_CANDIDATE; i++) {
        must(solo_receive(s, solo_vote(c->members[i].id, raft_current_term(s->raft), true)));
    }
    CHECK(raft_role(s->raft) == RAFT_LEADER);
}

const struct raft_outbound *solo_sent(const struct solo *s, enum raft_message_kind kind, raft_id to)
{
    for (uint32_t i = 0; i < s->effects.outbound_count; i++) {
        const struct raft_outbound *o = &s->effects.outbound[i];

        if (o->message.kind == kind && (to == 0 || o->message.to == to)) {
            return o;
        }
    }
    return NULL;
}

const struct raft_append_entries *solo_sent_entries(const struct solo *s, raft_id to)
{
    const struct raft_outbound *o = solo_sent(s, RAFT_APPEND_ENTRIES, to);

    CHECK(o != NULL);
    return &o->message.append_entries;
}

uint32_t solo_sent_count(const struct solo *s, enum raft_message_kind kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->effects.outbound_count; i++) {
        count += s->effects.outbound[i].message.kind == kind;
    }
    return count;
}
