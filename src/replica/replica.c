/* replica.c - the turn, and the one place where the core is stepped. */
#include "replica/state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "raft/quorum.h"

enum {
    TURN_NS = 4 * 1000 * 1000,
    TIDY_ITEMS = 2000,
    TERMS_LEFT_MIN = 8192, /* More than a frame of a leader in order has entries. */
};

enum { STOP_HEARTBEATS = 4 };

static const uint64_t STOP_WAIT_NS = 2000 * 1000 * 1000ull;

static const uint64_t LATE_TICK_NS = 2 * 1000 * 1000u;

/* --- effects ------------------------------------------------------------------------- */

static void truncate_log(struct replica *r, raft_index from)
{
    log_window_truncate(&r->window, from);
    members_truncate(&r->members, from);
}

/* The entry that the core itself wants: a no-op, or a configuration with the
 * addresses that belong to it. */
static struct entry *own_entry(struct replica *r, const struct raft_effects *effects)
{
    if (effects->append_own == RAFT_NOOP) {
        return entry_new(RAFT_NOOP, 0);
    }

    const struct membership *current =
        r->members.count == 0 ? NULL : r->members.history[r->members.count - 1];
    struct membership *next = membership_next(current, &effects->append_configuration,
                                              r->fresh.id == 0 ? NULL : &r->fresh);
    struct entry *e = membership_encode(next);

    membership_free(next);
    return e;
}

/* Appends to the log in memory. Configurations enter their history here. */
void replica_append_entry(struct replica *r, struct entry *e)
{
    if (e->kind == RAFT_CONFIGURATION) {
        struct membership *m = membership_decode(entry_payload(e));

        CHECK(m != NULL); /* Checked where it came in. */
        m->index = e->index;
        members_append_take(&r->members, m);
    }
    log_window_append_take(&r->window, entry_hold(e));
}

/* The log time of what a leader appends: its clock may be set back, the log's time is not. */
uint64_t replica_next_time_us(const struct replica *r)
{
    uint64_t last_us = log_window_time_us(&r->window, r->window.last);
    uint64_t wall_us = io_wall_ns(r->io) / 1000;

    if (wall_us == 0) {
        wall_us = 1; /* 0 is before the log. */
    }
    return wall_us > last_us || MUTANT(log_time_runs_back) ? wall_us : last_us;
}

/* Where the entries to append stand: received ones may begin with some we had. */
static struct entry *const *find_appended(const struct raft_event *event,
                                          const struct raft_effects *effects,
                                          struct entry *const *entries)
{
    if (event->kind == RAFT_RECEIVE) {
        return entries + (effects->append_first - event->message->prev_log_index - 1);
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
    probe_call(r->probe, written, &write);
    entry_release(own);
}

static void transmit(struct replica *r, const struct raft_message *m)
{
    probe_call(r->probe, sent, m);
    peers_send(&r->peers, m);
}

static void send_or_hold(struct replica *r, const struct raft_outbound *outbound)
{
    if (outbound->after == 0 || MUTANT(messages_not_held)) {
        transmit(r, &outbound->message);
        return;
    }
    if (r->held_count == r->held_capacity) {
        r->held_capacity = r->held_capacity == 0 ? 64 : r->held_capacity * 2;
        r->held = memory_resize(r->held, r->held_capacity * sizeof *r->held);
    }
    r->held[r->held_count++] =
        (struct held_message){.after = outbound->after, .message = outbound->message};
}

static void release_held(struct replica *r, raft_seq durable_seq)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->held_count; i++) {
        if (r->held[i].after <= durable_seq) {
            transmit(r, &r->held[i].message);
        } else {
            r->held[kept++] = r->held[i];
        }
    }
    r->held_count = kept;
}

/* Why the role is another now. Where a leader fell silent, for how long it was not heard
 * by then, since that tells a timeout that is too short from a node that is gone. */
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

/* A pre-vote is told where it is how a leader was given up; the further ones change nothing. */
static void log_role(const struct replica *r)
{
    enum raft_role role = raft_role(r->raft);
    raft_id leader = raft_leader(r->raft);
    bool is_news = role != RAFT_PRE_CANDIDATE || r->seen_leader != 0;
    char name[20] = "none";
    char reason[48];

    if (leader != 0) {
        snprintf(name, sizeof name, "%016llx", (unsigned long long)leader);
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
        log_role(r);
    }

    bool is_same = role == r->seen_role && leader == r->seen_leader && term == r->seen_term;

    if (!is_same) {
        requests_abandon(r);
        r->clock_told_ns = 0;
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

    peers_set_members(&r->peers, m);
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
        r->asked_ticket = effects->read_ticket;
    }
    for (uint32_t i = 0; i < effects->read_count; i++) {
        if (effects->reads[i].ticket > r->confirmed_ticket) {
            r->confirmed_ticket = effects->reads[i].ticket;
            r->confirmed_index = effects->reads[i].index;
        }
    }
    if (effects->read_count > 0) {
        requests_confirm_reads(r);
    }
    if (effects->configuration_changed) {
        replica_note_configuration(r, true);
    }
    if (effects->role_changed) {
        note_role(r);
    }
    r->deadline_ns = effects->deadline_ns;
}

/* With the table full the log would take no entry of a new term, so nobody could be elected. Each
 * term in it has an entry on the disk, which is as long. */
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

int replica_step(struct replica *r, const struct raft_event *event, struct entry *const *entries)
{
    struct raft_effects effects;

    CHECK(r->is_running);
    replica_make_room_for_terms(r);
    probe_call(r->probe, before_step, r->raft, event);

    int error = raft_step(r->raft, event, &effects);

    probe_call(r->probe, after_step, r->raft, event, error == RAFT_OK ? &effects : NULL);
    if (error == RAFT_OK) {
        carry_out(r, event, &effects, entries);
    }
    return error;
}

/* --- stopping ------------------------------------------------------------------------ */

static bool leads_others(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t voter_count = 0;

    if (raft_role(r->raft) != RAFT_LEADER) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        voter_count += c->members[i].incoming ? 1 : 0;
    }
    return voter_count > 1;
}

/* Whether those that remain can commit at once: a majority of voters without this one, as far as
 * they are there, has what was committed when it was told to stop. */
static bool others_are_ready(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t there = 0;
    uint32_t ready = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;
        struct raft_progress p;

        if (id == raft_self(r->raft) || !raft_progress_of(r->raft, id, &p) ||
            !(p.is_active || peers_is_connected(&r->peers, id))) {
            continue;
        }
        there |= 1u << i;
        if (p.is_active && p.match_index >= r->stop_index) {
            ready |= 1u << i;
        }
    }
    return quorum_has(c, ready) || !quorum_has(c, there) || MUTANT(stop_waits_for_nobody);
}

/* A leader that stops serves on while others catch up, for a moment; then it hands over, and tries
 * again where that fails. */
static void hand_over(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TRANSFER, .now_ns = io_now_ns(r->io)};

    if (raft_is_transferring(r->raft) ||
        (!others_are_ready(r) && event.now_ns < r->hand_over_by_ns)) {
        return;
    }
    event.peer = disk_successor(r);
    replica_step(r, &event, NULL);
}

void replica_hand_over(struct replica *r)
{
    r->is_stopping = true;
    r->stop_index = r->is_running ? raft_commit_index(r->raft) : 0;
    r->hand_over_by_ns = io_now_ns(r->io) + STOP_WAIT_NS;
    io_turn_soon(r->io); /* It may have been told from outside the loop. */
}

/* What the disk has yet to do is acknowledged if it is soon done; it is written in any case. */
bool replica_is_settled(const struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);
    bool is_stored = raft_is_durable(r->raft) && r->held_count == 0;

    return !r->is_running ||
           (r->is_handed_over && r->stats.pending_count == 0 && now_ns >= r->stay_until_ns &&
            (is_stored || (r->leave_by_ns != 0 && now_ns >= r->leave_by_ns)));
}

/* Once nobody is led any more, no further command is taken: those under way end. What others have
 * forwarded before they heard of it is on its way yet, and refused for certain as long as this
 * node is there: so it stays for a moment. */
static void note_hand_over(struct replica *r)
{
    uint64_t moment_ns = STOP_HEARTBEATS * r->options.heartbeat_interval_ns;

    if (!r->is_stopping || !r->is_running) {
        return;
    }
    if (r->is_handed_over) {
        if (r->stats.pending_count == 0 && r->leave_by_ns == 0 && !MUTANT(stop_waits_for_a_lull)) {
            r->leave_by_ns = io_now_ns(r->io) + moment_ns;
        }
    } else if (leads_others(r)) {
        r->has_led = true;
        hand_over(r);
    } else {
        r->is_handed_over = true;
        if (r->has_led && !MUTANT(stop_does_not_stay)) {
            r->stay_until_ns = io_now_ns(r->io) + moment_ns;
        }
    }
}

/* When an end in order is to be looked at again; UINT64_MAX: not for this. */
static uint64_t stop_due_ns(const struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);

    if (r->stay_until_ns > now_ns) {
        return r->stay_until_ns;
    }
    return r->leave_by_ns > now_ns ? r->leave_by_ns : UINT64_MAX;
}

/* --- the turn ------------------------------------------------------------------------ */

void replica_trim_window(struct replica *r)
{
    raft_index durable_index = raft_durable_index(r->raft);
    raft_index up_to = r->applied_index < durable_index ? r->applied_index : durable_index;

    log_window_trim(&r->window, up_to, r->options.log_memory_bytes);
}

/* For what is to be done though nothing comes in. */
static void arm(struct replica *r)
{
    uint64_t at_ns = r->deadline_ns;

    if (r->late_deadline_ns == r->deadline_ns && at_ns != UINT64_MAX) {
        at_ns = r->late_until_ns;
    }
    if (r->gathering_ends_ns != 0 && r->gathering_ends_ns < at_ns) {
        at_ns = r->gathering_ends_ns;
    }
    if (stop_due_ns(r) < at_ns) {
        at_ns = stop_due_ns(r);
    }
    if (at_ns != UINT64_MAX) {
        io_timer_start(r->io, &r->tick, at_ns);
    }
    if (r->is_answering && r->gathering_ends_ns != 0) {
        io_turn_soon(r->io); /* By then clients have said what comes next. */
    }
}

/* Who forwards is told the time with each heartbeat, and at once by a new leader. */
static void tell_time(struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);

    if (raft_role(r->raft) == RAFT_LEADER &&
        now_ns - r->clock_told_ns >= r->options.heartbeat_interval_ns / 2) {
        r->clock_told_ns = now_ns;
        peers_tell_time(&r->peers);
    }
}

/* The memory of what was deleted is given back in small parts, turn by turn. */
static void give_memory_back(struct replica *r)
{
    if (!MUTANT(deleted_stays_in_memory) && keyspace_tidy(r->keyspace, TIDY_ITEMS)) {
        io_turn_soon(r->io);
    }
}

/* Each change and each request that waits gets its way, as far as it can go now. */
static void place(struct replica *r)
{
    r->gathering_ends_ns = 0;
    note_hand_over(r);
    disk_look(r);
    admin_show_log(r);
    admin_progress(r);
    requests_place(r);
}

static void send_to_peers(struct replica *r)
{
    tell_time(r);
    r->peers.applied_index = r->applied_index;
    forwards_note_held(r);
    peers_flush(&r->peers);
}

/* What the callbacks since the last turn have made possible, all at once: one write to the disk,
 * one to each peer. No step makes work for one before it; a step that leaves some of its own asks
 * for the next turn. */
void replica_turn(struct replica *r)
{
    time_share_begin(&r->share, r->io, r->probe, TURN_NS);
    r->is_answering = r->is_running && raft_commit_index(r->raft) > r->applied_index;
    if (r->is_running) {
        place(r);
        store_flush(r->store);
        send_to_peers(r);
        replica_apply(r);
        replica_serve_reads(r);
        peers_flush_answers(&r->peers);
    }
    replica_trim_window(r);
    give_memory_back(r);
    if (!r->is_ended) {
        arm(r);
    }
}

/* The deadline waits a moment, once; the turn arms the timer for then. */
static void look_again(struct replica *r, uint64_t now_ns)
{
    r->late_deadline_ns = r->deadline_ns;
    r->late_until_ns = now_ns + LATE_TICK_NS;
}

/* This node itself may have been held up (a huge value, a process that was stopped): what has
 * come in meanwhile is heard first, or it would take its own silence for the leader's. Who
 * waits for others can't know, since it may have woken up right at its deadline. */
static bool may_have_slept(const struct replica *r, uint64_t now_ns)
{
    bool is_late = now_ns - r->deadline_ns > r->options.heartbeat_interval_ns / 2;

    return is_late || (raft_role(r->raft) != RAFT_LEADER && !MUTANT(trusts_its_timer));
}

void replica_tick_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, tick);
    uint64_t now_ns = io_now_ns(r->io);

    if (!r->is_running || now_ns < r->deadline_ns) {
        return;
    }
    if (r->late_deadline_ns == r->deadline_ns && now_ns < r->late_until_ns) {
        return;
    }
    if (may_have_slept(r, now_ns) && r->late_deadline_ns != r->deadline_ns) {
        look_again(r, now_ns);
        return;
    }

    /* A leader that is in the middle of a long entry lives, though its heartbeats may
     * wait behind the work on that entry, there or here. */
    if (raft_role(r->raft) == RAFT_FOLLOWER &&
        peers_is_receiving(&r->peers, raft_leader(r->raft),
                           now_ns - 2 * r->options.heartbeat_interval_ns)) {
        look_again(r, now_ns);
        return;
    }

    struct raft_event event = {.kind = RAFT_TICK, .now_ns = now_ns};

    replica_step(r, &event, NULL);
}

void replica_fail(struct replica *r, const char *text)
{
    if (r->is_ended) {
        return;
    }
    r->is_ended = true;
    r->is_running = false;
    log_write(r->log, LOG_ERROR, "the node stops", "reason=" LOG_Q, text);
    r->events.failed(r->events.context);
}

/* --- the store's callbacks ----------------------------------------------------------- */

void replica_store_durable(void *context, uint64_t seq)
{
    struct replica *r = context;

    probe_call(r->probe, durable, seq);
    if (r->is_ended || !r->is_running) {
        if (seq == r->seq_offset && !r->is_ended) {
            replica_run(r); /* The first entry of a new cluster. */
        }
        return;
    }

    struct raft_event event = {
        .kind = RAFT_DURABLE, .now_ns = io_now_ns(r->io), .durable_seq = seq - r->seq_offset};

    release_held(r, event.durable_seq);
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
