/* step.c - the only place where the core is stepped, and the consequences: its entries go to the
 * log in memory and to the store, its messages to the peers, and a change of role to the
 * requests. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "replica/admin.h"
#include "replica/stage_notes.h"
#include "replica/state.h"

enum { TERMS_LEFT_MIN = 8192 }; /* More than a correct leader's frame has entries. */

/* --- effects ------------------------------------------------------------------------- */

static void truncate_log(struct replica *r, raft_index from)
{
    log_window_truncate(&r->window, from);
    members_truncate(&r->members, from);
}

/* The entry that the core itself makes: a no-op, or a configuration with its addresses. */
static struct entry *own_entry(struct replica *r, const struct raft_effects *effects)
{
    if (effects->append_own == RAFT_NOOP) {
        return entry_new(RAFT_NOOP, 0);
    }

    const struct membership *current =
        r->members.count == 0 ? NULL : r->members.history[r->members.count - 1];
    struct membership *next =
        membership_next(current, &effects->append_configuration, admin_fresh_address(r));
    struct entry *e = membership_encode(next);

    membership_free(next);
    return e;
}

/* Appends to the log in memory. Configurations enter their history here. */
void replica_append_entry(struct replica *r, struct entry *e)
{
    if (e->kind == RAFT_CONFIGURATION) {
        struct membership *m = membership_decode(entry_payload(e));

        CHECK(m != NULL); /* Checked when it arrived. */
        m->index = e->index;
        members_append_take(&r->members, m);
    }
    log_window_append_take(&r->window, entry_hold(e));
}

/* The log time of what a leader appends (I-78, I-225). */
uint64_t replica_next_time_us(struct replica *r)
{
    uint64_t last_us = log_window_time_us(&r->window, r->window.last);
    uint64_t wall_ns = io_wall_ns(r->io);

    MUTANT_DO(log_time_runs_back, return wall_ns / 1000);
    return log_clock_go_on(&r->log_clock, io_now_ns(r->io), wall_ns, last_us);
}

/* Where the entries to append are: received ones may begin with some that are here already. */
static struct entry *const *find_appended(const struct raft_event *event,
                                          const struct raft_effects *effects,
                                          struct entry *const *entries)
{
    if (event->kind == RAFT_RECEIVE) {
        return entries +
               (effects->append_first - event->message->append_entries.prev_log_index - 1);
    }
    return entries;
}

static void persist(struct replica *r, const struct raft_event *event,
                    const struct raft_effects *effects, struct entry *const *entries)
{
    struct entry *own = NULL;
    struct entry *const *appended = NULL;
    uint64_t time_us = 0;

    if (effects->truncate_from > 0) {
        truncate_log(r, effects->truncate_from);
    }
    if (effects->append_own != 0) {
        own = own_entry(r, effects);
        appended = &own;
    } else if (effects->append_count > 0) {
        appended = find_appended(event, effects, entries);
    }

    bool is_leaders = event->kind != RAFT_RECEIVE || own != NULL;

    if (is_leaders && effects->append_count > 0) {
        time_us = replica_next_time_us(r);
        stage_notes_appended(r, effects, time_us, event->now_ns);
    }
    for (uint32_t i = 0; i < effects->append_count; i++) {
        appended[i]->index = effects->append_first + i;
        if (is_leaders) {
            appended[i]->term = raft_current_term(r->raft);
            appended[i]->time_us = time_us;
        }
        replica_append_entry(r, appended[i]);
    }

    struct store_write write = {
        .seq = effects->write_seq + r->seq_offset,
        .write_vote = effects->write_vote,
        .current_term = effects->current_term,
        .voted_for = effects->voted_for,
        .truncate_from = effects->truncate_from,
        .commit_index = effects->commit_index,
        .entries = appended,
        .entry_count = effects->append_count,
    };

    store_write(r->store, &write);
    stall_note_written(&r->leading.stall, write.seq, io_now_ns(r->io));
    probe_call(r->probe, written, &write);
    entry_release(own);
}

static void transmit(void *context, const struct raft_message *m)
{
    struct replica *r = context;

    probe_call(r->probe, sent, m);
    peers_send(r->peers, m);
}

static void send_or_hold(struct replica *r, const struct raft_outbound *outbound)
{
    if (outbound->after == 0 || MUTANT(messages_not_held)) {
        transmit(r, &outbound->message);
    } else {
        outbox_hold(&r->outbox, outbound);
    }
}

/* Why the role has changed. If a leader fell silent, also for how long it had not been heard,
 * which shows whether a timeout is too short or a node has gone. */
static const char *describe_reason(const struct replica *r, char *text, size_t size)
{
    enum raft_reason reason = raft_role_reason(r->raft);

    if (reason != RAFT_BECAUSE_TIMEOUT || r->seen_leader == 0) {
        return raft_reason_text(reason);
    }
    snprintf(text, size, "leader silent for %llu ms",
             (unsigned long long)((io_now_ns(r->io) - raft_leader_heard_ns(r->raft)) / 1000000));
    return text;
}

static bool is_loss(enum raft_reason reason)
{
    return reason == RAFT_BECAUSE_TIMEOUT || reason == RAFT_BECAUSE_LEADER_LOST ||
           reason == RAFT_BECAUSE_NO_QUORUM;
}

/* A leader was lost without its wish. */
static void note_lost_leader(struct replica *r)
{
    char text[48];

    if (r->seen_leader != 0 && is_loss(raft_role_reason(r->raft))) {
        trouble_note(&r->trouble, "the leader was lost", describe_reason(r, text, sizeof text));
    }
}

/* A pre-vote is logged only if it shows why a leader was given up; further ones change nothing. */
static void log_role(const struct replica *r)
{
    enum raft_role role = raft_role(r->raft);
    raft_id leader = raft_leader(r->raft);
    bool is_news = role != RAFT_PRE_CANDIDATE || r->seen_leader != 0;
    char name[20 + MEMBER_NAME_MAX] = "none";
    char reason[48];

    if (leader != 0) {
        const struct member_address *known = membership_address(replica_membership(r), leader);
        bool has_name = known != NULL && known->name[0] != 0;

        snprintf(name, sizeof name, "%016llx%s%s", (unsigned long long)leader, has_name ? "/" : "",
                 has_name ? known->name : "");
    }
    log_write(r->log, is_news ? LOG_INFO : LOG_DEBUG, "role",
              "role=%s term=%llu leader=%s reason=" LOG_Q, raft_role_name(role),
              (unsigned long long)raft_current_term(r->raft), name,
              describe_reason(r, reason, sizeof reason));
}

static void note_role(struct replica *r)
{
    enum raft_role role = raft_role(r->raft);
    raft_term term = raft_current_term(r->raft);
    raft_id leader = raft_leader(r->raft);

    if (role == RAFT_CANDIDATE && term != r->seen_term) {
        r->stats.election_count++;
    }
    if (role != r->seen_role || leader != r->seen_leader) {
        note_lost_leader(r);
        log_role(r);
    }

    bool is_same = role == r->seen_role && leader == r->seen_leader && term == r->seen_term;

    if (!is_same) {
        place_again(r);
        r->clock_sent_ns = 0;
        r->seen_since_ns = io_now_ns(r->io);
    }
    r->seen_role = role;
    r->seen_term = term;
    r->seen_leader = leader;
    announce_address(r);
}

void replica_note_configuration(struct replica *r, bool is_change)
{
    const struct membership *m = members_current(&r->members, raft_configuration_index(r->raft));
    const struct raft_member *self =
        m == NULL ? NULL : raft_configuration_find(&m->configuration, raft_self(r->raft));
    bool is_voter = self != NULL && self->incoming;

    peers_set_members(r->peers, m);
    if (is_voter && !r->was_voter) {
        log_write(r->log, LOG_INFO, is_change ? "this node is a voter now" : "this node is a voter",
                  "index=%llu members=%u", (unsigned long long)m->index,
                  (unsigned)m->configuration.member_count);
    }
    r->was_voter = is_voter;
}

static void carry_out(struct replica *r, const struct raft_event *event,
                      const struct raft_effects *effects, struct entry *const *entries)
{
    if (effects->write_seq > 0) {
        persist(r, event, effects, entries);
    }
    for (uint32_t i = 0; i < effects->outbound_count; i++) {
        send_or_hold(r, &effects->outbound[i]);
    }
    if (event->kind == RAFT_READ) {
        reads_ask(&r->reads, effects->read_ticket, event->now_ns);
        askers_ask(&r->askers, effects->read_ticket);
    }
    for (uint32_t i = 0; i < effects->read_count; i++) {
        reads_confirm(&r->reads, effects->reads[i].ticket, effects->reads[i].index);
        read_index_confirm(r, effects->reads[i].ticket, effects->reads[i].index);
    }
    if (effects->configuration_changed) {
        replica_note_configuration(r, true);
    }
    if (effects->role_changed) {
        note_role(r);
    }
    if (effects->install.last_included_index > 0) {
        install_offer(r, &effects->install);
    }
    ticker_set(&r->ticker, effects->deadline_ns);
}

/* With a full table the log could take no entry of a new term, so nobody could be elected. The
 * log on the disk has an entry for each term in the table, so that does not grow beyond it. */
void replica_make_room_for_terms(struct replica *r)
{
    if (raft_terms_left(r->raft) >= TERMS_LEFT_MIN || MUTANT(terms_run_out)) {
        return;
    }

    uint32_t terms_max = 2 * raft_terms_max(r->raft);
    void *memory = memory_take(raft_terms_size(terms_max));

    raft_move_terms(r->raft, memory, terms_max);
    free(r->terms_memory);
    r->terms_memory = memory;
}

bool replica_hears(const struct replica *r, const struct raft_progress *progress)
{
    return io_now_ns(r->io) < progress->heard_ns + r->options.election_timeout_ns;
}

int replica_step(struct replica *r, const struct raft_event *event, struct entry *const *entries)
{
    struct raft_effects effects;

    CHECK(r->is_running && !r->is_installing);
    replica_make_room_for_terms(r);
    probe_call(r->probe, before_step, r->raft, event);

    int error = raft_step(r->raft, event, &effects);

    probe_call(r->probe, after_step, r->raft, event, error == RAFT_OK ? &effects : NULL);
    if (error == RAFT_OK) {
        carry_out(r, event, &effects, entries);
        stage_notes_stepped(r, event, &effects);
    }
    return error;
}

/* --- the store's callbacks ----------------------------------------------------------- */

void replica_store_durable(void *context, uint64_t seq)
{
    struct replica *r = context;

    probe_call(r->probe, durable, seq);
    stall_note_durable(&r->leading.stall, seq, io_now_ns(r->io));
    if (r->is_ended || !r->is_running) {
        if (seq == r->seq_offset && !r->is_ended) {
            replica_run(r); /* The first entry of a new cluster. */
        }
        return;
    }

    struct raft_event event = {
        .kind = RAFT_DURABLE, .now_ns = io_now_ns(r->io), .durable_seq = seq - r->seq_offset};

    peers_set_stored(r->peers, store_last_write_ns(r->store));
    outbox_release(&r->outbox, event.durable_seq, transmit, r);
    replica_step(r, &event, NULL);
}

void replica_store_failed(void *context, int error, const char *text)
{
    replica_fail(context, text);
}

void replica_store_room(void *context)
{
    struct replica *r = context;

    log_write(r->log, LOG_INFO, "the disk has room again: writes are taken", "%s", "");
}
