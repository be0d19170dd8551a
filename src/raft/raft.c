/* raft.c - one step of the core: dispatches an event and returns the effects. Only this file
 * sets the term, the vote, the role, the commit index and the end of the log, so each rule about
 * these is enforced in one place.
 *
 * A handler refuses before it has changed anything: if it returns less than 0, the host may
 * treat the event as if it had never happened. */
#include "raft/raft.h"

#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft_state.h"

/* At most one reply, two campaigns, or for each peer entries, heartbeat, and TimeoutNow or
 * InstallSnapshot. */
_Static_assert(4 * RAFT_MEMBERS_MAX + 1 <= RAFT_OUTBOUND_MAX, "a step's messages have room");
_Static_assert(offsetof(struct raft_message, append_entries) + sizeof(struct raft_append_entries) ==
                   sizeof(struct raft_message),
               "the body that comes first is the largest");
_Static_assert(RAFT_CONFIGURATIONS_MAX >= 2, "one in force and one to go back to");

/* --- starting --------------------------------------------------------------------- */

static size_t runs_offset(void)
{
    size_t alignment = _Alignof(struct term_run);

    return (sizeof(struct raft) + alignment - 1) / alignment * alignment;
}

size_t raft_size(const struct raft_options *options)
{
    return runs_offset() + raft_terms_size(options->runs_max);
}

struct raft *raft_init(void *memory, const struct raft_options *options, uint64_t now_ns)
{
    struct raft *r = memory;

    CHECK(options->id != 0);
    CHECK(options->heartbeat_interval_ns > 0);
    CHECK(options->heartbeat_interval_ns < options->election_timeout_ns);
    *r = (struct raft){
        .options = *options, .now_ns = now_ns, .led_ns = now_ns, .random = options->seed};
    term_log_init(&r->log, (struct term_run *)(void *)((char *)memory + runs_offset()),
                  options->runs_max);
    r->configurations.count = 1; /* The empty configuration, before the log. */
    raft_election_rearm(r);
    return r;
}

uint32_t raft_terms_max(const struct raft *r)
{
    return r->log.runs_max;
}

uint32_t raft_terms_left(const struct raft *r)
{
    return r->log.runs_max - r->log.run_count;
}

size_t raft_terms_size(uint32_t runs_max)
{
    return ((size_t)runs_max + 1) * sizeof(struct term_run); /* And one for the origin's. */
}

void raft_move_terms(struct raft *r, void *memory, uint32_t runs_max)
{
    term_log_move(&r->log, memory, runs_max);
}

void raft_restore_vote(struct raft *r, raft_term current_term, raft_id voted_for)
{
    CHECK(r->durability.last_seq == 0);
    r->current_term = current_term;
    r->voted_for = MUTANT(vote_forgotten) ? 0 : voted_for;
}

int raft_restore_origin(struct raft *r, raft_index index, raft_term term,
                        const struct raft_configuration *configuration,
                        raft_index configuration_index)
{
    CHECK(r->durability.last_seq == 0);
    CHECK(r->log.last_index == 0);
    if (index == 0 && term == 0 && (configuration == NULL || MUTANT(uncut_configuration_late))) {
        return RAFT_OK; /* There is no snapshot. */
    }
    if ((index == 0) != (term == 0) || term > r->current_term || configuration == NULL ||
        configuration_index == 0 || !raft_configuration_is_valid(configuration)) {
        return RAFT_ELOG;
    }
    if (index > 0) {
        term_log_begin(&r->log, index, term);
        r->commit_index = MUTANT(origin_uncommitted) ? 0 : index;
        r->durability.index = index;
    }
    raft_configuration_begin(r, configuration_index, configuration);
    return RAFT_OK;
}

int raft_restore_entry(struct raft *r, const struct raft_entry *entry)
{
    CHECK(r->durability.last_seq == 0);
    if (entry->term == 0 || entry->term < term_log_last_term(&r->log) ||
        entry->term > r->current_term) {
        return RAFT_ELOG;
    }
    if (entry->kind == RAFT_CONFIGURATION &&
        (entry->configuration == NULL || !raft_configuration_is_valid(entry->configuration))) {
        return RAFT_ELOG;
    }
    if (!term_log_has_room(&r->log, entry->term)) {
        return RAFT_EFULL;
    }
    term_log_append(&r->log, entry->term, 1);
    r->durability.index = r->log.last_index;
    bool is_news = r->log.last_index > raft_configuration_index(r) || MUTANT(snapshot_replayed);

    if (entry->kind == RAFT_CONFIGURATION && is_news &&
        !(MUTANT(restart_skips_configurations) && r->log.last_index > 1)) {
        raft_configuration_receive(r, r->log.last_index, entry->configuration);
    }
    return RAFT_OK;
}

void raft_restore_commit(struct raft *r, raft_index commit_index)
{
    CHECK(r->durability.last_seq == 0);
    if (commit_index > r->commit_index) {
        raft_commit_to(r, commit_index);
        MUTANT_DO(restart_reverts_configuration,
                  r->configurations.count -= raft_configuration_index(r) > commit_index ? 1 : 0);
    }
}

/* --- setting ---------------------------------------------------------------------- */

void raft_commit_to(struct raft *r, raft_index index)
{
    CHECK(index > r->commit_index);
    CHECK(index <= r->log.last_index);
    raft_index configured = raft_configuration_index(r);

    if (r->role == RAFT_LEADER && configured > r->commit_index && configured <= index) {
        /* Nodes that have left should still hear that it was settled. */
        r->leaving_until_ns = r->now_ns + r->options.election_timeout_ns;
    }
    r->commit_index = index;
}

void raft_set_vote(struct raft *r, raft_term term, raft_id voted_for)
{
    CHECK(term >= r->current_term);
    CHECK(term > r->current_term || r->voted_for == 0); /* I-2: one vote per term. */
    r->current_term = term;
    r->voted_for = voted_for;
    r->gathered.write_vote = true;
    r->term_seq = raft_write_seq(r);
}

void raft_set_role(struct raft *r, enum raft_role role, raft_id leader_id, enum raft_reason reason)
{
    r->role = role;
    r->leader_id = leader_id;
    r->reason = reason;
}

void raft_become_follower(struct raft *r, raft_term term, raft_id leader_id,
                          enum raft_reason reason)
{
    CHECK(leader_id != r->options.id);
    enum raft_role role = r->role;

    if (role == RAFT_LEADER) {
        raft_leader_end(r);
    }
    if (term > r->current_term) {
        raft_set_vote(r, term, 0);
    }
    raft_set_role(r, RAFT_FOLLOWER, leader_id, reason);
    if (role != RAFT_FOLLOWER) {
        raft_election_rearm(r);
    }
}

raft_seq raft_write_seq(struct raft *r)
{
    if (r->gathered.write_seq == 0) {
        r->gathered.write_seq = durability_next_seq(&r->durability);
    }
    return r->gathered.write_seq;
}

void raft_truncate_from(struct raft *r, raft_index index)
{
    CHECK(index > r->commit_index); /* I-7 */
    CHECK(r->role != RAFT_LEADER);  /* I-8 */
    term_log_truncate_from(&r->log, index);
    raft_configuration_truncate_from(r, index);
    r->gathered.truncate_from = index;
    (void)raft_write_seq(r);
    durability_cut(&r->durability, index);
}

void raft_append_own(struct raft *r, enum raft_entry_kind kind,
                     const struct raft_configuration *configuration)
{
    CHECK(r->role == RAFT_LEADER);
    CHECK(r->gathered.append_count == 0);
    term_log_append(&r->log, r->current_term, 1);
    r->gathered.append_first = r->log.last_index;
    r->gathered.append_count = 1;
    r->gathered.append_own = kind;
    (void)raft_write_seq(r);
    if (configuration != NULL) {
        CHECK(raft_configuration_may_follow(raft_configuration(r), configuration) ||
              MUTANT(second_change));
        raft_configuration_push(r, r->log.last_index, configuration);
        raft_leader_sync_peers(r);
        raft_lease_reset(r);
    }
}

/* --- writes and messages ---------------------------------------------------------- */

static void on_durable(struct raft *r, raft_seq seq)
{
    if (!durability_reach(&r->durability, seq)) {
        return;
    }
    if (r->role == RAFT_LEADER) {
        raft_leader_advance_commit(r);
    } else if (r->role == RAFT_CANDIDATE) {
        raft_election_on_durable(r);
    }
}

raft_seq raft_after_term(const struct raft *r)
{
    MUTANT_DO(term_before_durable, return 0);
    return durability_pending(&r->durability, r->term_seq);
}

raft_seq raft_after_all(const struct raft *r)
{
    return durability_pending(&r->durability, r->durability.last_seq);
}

struct raft_message *raft_send(struct raft *r, raft_id to, enum raft_message_kind kind,
                               raft_seq after)
{
    CHECK(to != r->options.id);
    CHECK(r->gathered.outbound_count < RAFT_OUTBOUND_MAX);
    struct raft_outbound *outbound = &r->outbound[r->gathered.outbound_count++];

    *outbound = (struct raft_outbound){
        .after = after,
        .message = {.kind = kind, .from = r->options.id, .to = to, .term = r->current_term},
    };
    return &outbound->message;
}

/* splitmix64 (Steele, Lea, Flood 2014). The bias of the modulus is far below what matters for a
 * timeout. */
uint64_t raft_random_below(struct raft *r, uint64_t bound)
{
    r->random += 0x9e3779b97f4a7c15U;
    uint64_t mixed = r->random;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    mixed ^= mixed >> 31;
    return bound == 0 ? 0 : mixed % bound;
}

/* --- the step --------------------------------------------------------------------- */

/* Replies are for a request of this term; a later term ends that. */
static bool reply_is_current(struct raft *r, const struct raft_message *m)
{
    if (m->term > r->current_term) {
        raft_become_follower(r, m->term, 0, RAFT_BECAUSE_HIGHER_TERM);
    }
    return m->term == r->current_term || MUTANT(old_reply_counts);
}

/* This node has had no leader for long: maybe the others' terms are so far away that nobody
 * believes anybody. */
static bool is_orphaned(const struct raft *r)
{
    return r->role != RAFT_LEADER &&
           r->now_ns - r->led_ns >= RAFT_ORPHAN_TIMEOUTS * r->options.election_timeout_ns &&
           !MUTANT(orphan_believes_none);
}

/* A node without a log may join a cluster of any term, and one without a leader may find back to
 * one. In each case room for elections is left, and the last terms are used up only in small
 * steps. */
static bool is_term_credible(const struct raft *r, raft_term term)
{
    raft_term limit = UINT64_MAX - RAFT_TERM_STEP_MAX;

    if (r->current_term >= limit) {
        limit = r->current_term < UINT64_MAX - RAFT_TERM_STEP_LAST
                    ? r->current_term + RAFT_TERM_STEP_LAST
                    : UINT64_MAX;
    } else if (r->log.last_index > 0 && !is_orphaned(r) &&
               r->current_term < limit - RAFT_TERM_STEP_MAX) {
        limit = r->current_term + RAFT_TERM_STEP_MAX;
    }
    return term <= r->current_term || term <= limit || MUTANT(any_term_believed);
}

static int on_receive(struct raft *r, const struct raft_message *m)
{
    if (m->to != r->options.id || m->from == r->options.id || m->from == 0) {
        return RAFT_EMEMBER;
    }
    if (!is_term_credible(r, m->term)) {
        return RAFT_ETERM;
    }
    switch (m->kind) {
    case RAFT_PRE_VOTE:
        raft_election_on_pre_vote(r, m);
        return RAFT_OK;
    case RAFT_PRE_VOTE_REPLY:
        raft_election_on_pre_vote_reply(r, m);
        return RAFT_OK;
    case RAFT_REQUEST_VOTE:
        raft_election_on_request_vote(r, m);
        return RAFT_OK;
    case RAFT_REQUEST_VOTE_REPLY:
        if (reply_is_current(r, m)) {
            raft_election_on_request_vote_reply(r, m);
        }
        return RAFT_OK;
    case RAFT_APPEND_ENTRIES:
        return raft_follower_on_append_entries(r, m);
    case RAFT_APPEND_ENTRIES_REPLY:
        return reply_is_current(r, m) ? raft_leader_on_append_entries_reply(r, m) : RAFT_OK;
    case RAFT_HEARTBEAT:
        return raft_follower_on_heartbeat(r, m);
    case RAFT_HEARTBEAT_REPLY:
        return reply_is_current(r, m) ? raft_leader_on_heartbeat_reply(r, m) : RAFT_OK;
    case RAFT_TIMEOUT_NOW:
        raft_election_on_timeout_now(r, m);
        return RAFT_OK;
    case RAFT_INSTALL_SNAPSHOT:
        return raft_follower_on_install_snapshot(r, m);
    }
    return RAFT_ELOG;
}

static int dispatch(struct raft *r, const struct raft_event *event)
{
    switch (event->kind) {
    case RAFT_TICK:
        if (r->role == RAFT_LEADER) {
            raft_leader_on_tick(r);
        } else {
            raft_election_on_tick(r);
        }
        return RAFT_OK;
    case RAFT_RECEIVE:
        return on_receive(r, event->message);
    case RAFT_PROPOSE:
        return raft_leader_on_propose(r, event->propose_count);
    case RAFT_CHANGE:
        return raft_configuration_on_change(r, &event->change);
    case RAFT_READ:
        return raft_read_on_ask(r, event->wants_lease);
    case RAFT_DURABLE:
        on_durable(r, event->durable_seq);
        return RAFT_OK;
    case RAFT_COMMITTED:
        raft_follower_on_committed(r, event->committed_index, event->committed_term);
        return RAFT_OK;
    case RAFT_TRANSFER:
        return raft_transfer_on_ask(r, event->peer);
    case RAFT_RELUCTANT:
        r->is_reluctant = event->is_reluctant;
        return RAFT_OK;
    case RAFT_INSTALLED:
        return raft_snapshot_on_installed(r, event->installed);
    case RAFT_PEER_LOST:
        if (r->role == RAFT_LEADER) {
            raft_leader_on_peer_lost(r, event->peer);
        } else if (event->peer != 0 && event->peer == r->leader_id) {
            raft_election_on_leader_lost(r);
        }
        return RAFT_OK;
    }
    CHECK(event->kind == RAFT_TICK); /* Hosts send no other kinds. */
    return RAFT_OK;
}

static uint64_t deadline(const struct raft *r)
{
    if (r->role != RAFT_LEADER) {
        return raft_election_deadline(r);
    }
    return r->transfer_target != 0 && r->transfer_deadline_ns < r->heartbeat_due_ns
               ? r->transfer_deadline_ns
               : r->heartbeat_due_ns;
}

static void hand_over(struct raft *r, bool role_changed, struct raft_effects *ret_effects)
{
    const struct raft_gathered *g = &r->gathered;

    ret_effects->write_seq = g->write_seq;
    ret_effects->write_vote = g->write_vote;
    ret_effects->current_term = r->current_term;
    ret_effects->voted_for = r->voted_for;
    ret_effects->truncate_from = g->truncate_from;
    ret_effects->append_first = g->append_first;
    ret_effects->append_count = g->append_count;
    ret_effects->append_own = g->append_own;
    if (g->append_own == RAFT_CONFIGURATION) {
        ret_effects->append_configuration = *raft_configuration(r);
    }
    ret_effects->outbound_count = g->outbound_count;
    ret_effects->outbound = r->outbound;
    ret_effects->commit_index = r->commit_index;
    ret_effects->read_ticket = r->read_round;
    ret_effects->read_count = g->read_count;
    for (uint32_t i = 0; i < g->read_count; i++) {
        ret_effects->reads[i] = r->confirmed[i];
    }
    ret_effects->install = g->install;
    ret_effects->role_changed = role_changed;
    ret_effects->configuration_changed = g->configuration_changed;
    ret_effects->deadline_ns = deadline(r);
}

int raft_step(struct raft *r, const struct raft_event *event, struct raft_effects *ret_effects)
{
    enum raft_role role = r->role;
    raft_term term = r->current_term;
    raft_id leader_id = r->leader_id;

    if (event->now_ns > r->now_ns) {
        r->now_ns = event->now_ns; /* If the clock steps back, time stands still. */
    }
    r->gathered = (struct raft_gathered){0};
    int error = dispatch(r, event);

    if (error != RAFT_OK) {
        CHECK(r->gathered.write_seq == 0); /* A later refusal would leave a half-done change. */
        return error;
    }
    if (r->role == RAFT_LEADER) {
        raft_leader_finish(r);
    }
    raft_loss_look(r);
    if (r->gathered.write_seq != 0) {
        durability_note(&r->durability, r->gathered.write_seq, r->log.last_index);
    }
    hand_over(r, r->role != role || r->current_term != term || r->leader_id != leader_id,
              ret_effects);
    return RAFT_OK;
}

/* --- looking ---------------------------------------------------------------------- */

raft_id raft_self(const struct raft *r)
{
    return r->options.id;
}

enum raft_role raft_role(const struct raft *r)
{
    return r->role;
}

enum raft_reason raft_role_reason(const struct raft *r)
{
    return r->reason;
}

raft_term raft_current_term(const struct raft *r)
{
    return r->current_term;
}

raft_id raft_voted_for(const struct raft *r)
{
    return r->voted_for;
}

uint64_t raft_leader_heard_ns(const struct raft *r)
{
    return r->leader_heard_ns;
}

uint64_t raft_agreed_ns(const struct raft *r)
{
    return r->role == RAFT_LEADER ? r->now_ns : r->agreed_ns;
}

raft_id raft_leader(const struct raft *r)
{
    return r->leader_id;
}

raft_index raft_commit_index(const struct raft *r)
{
    return r->commit_index;
}

raft_index raft_last_index(const struct raft *r)
{
    return r->log.last_index;
}

raft_index raft_origin(const struct raft *r)
{
    return term_log_origin(&r->log);
}

raft_index raft_first_index(const struct raft *r)
{
    return raft_origin(r) + 1;
}

raft_index raft_durable_index(const struct raft *r)
{
    return r->durability.index;
}

bool raft_is_durable(const struct raft *r)
{
    return raft_after_all(r) == 0;
}

raft_term raft_term_at(const struct raft *r, raft_index index)
{
    return term_log_term_at(&r->log, index);
}

bool raft_has_entry(const struct raft *r, raft_index index, raft_term term)
{
    return index >= raft_origin(r) && term_log_agrees(&r->log, index, term);
}

bool raft_is_ready(const struct raft *r)
{
    return r->role == RAFT_LEADER && r->commit_index >= r->term_start_index;
}

bool raft_is_transferring(const struct raft *r)
{
    return r->role == RAFT_LEADER && r->transfer_target != 0;
}

bool raft_takes_commands(const struct raft *r)
{
    return r->role == RAFT_LEADER && r->transfer_target == 0 &&
           (!raft_never_leads(r) || MUTANT(caretaker_serves));
}
