/* from_peers.c - handles what comes from peers: messages of the core with their entries, and
 * answers to forwarded commands. */
#include "replica/state.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "command/table.h"
#include "replica/forwarded.h"

enum { UNWRITTEN_BYTES_MAX = 256 * 1024 * 1024 };

static const uint64_t LOG_US_MAX = UINT64_MAX / 4000; /* Of what is believed. */

/* --- messages of the core ------------------------------------------------------------ */

/* Describes the entries for the core; false if one is malformed. */
static bool describe(struct entry *const *entries, uint32_t count, struct raft_entry *described,
                     struct membership **memberships)
{
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i]->kind == RAFT_CONFIGURATION) {
            memberships[i] = membership_decode(entry_payload(entries[i]));
            if (memberships[i] == NULL) {
                return false;
            }
        }
        described[i] = membership_core_entry(entries[i], memberships[i]);
    }
    return true;
}

static void note_contradiction(struct replica *r, const struct raft_message *message, int error)
{
    uint64_t now_ns = io_now_ns(r->io);
    uint64_t count;

    if ((error == RAFT_ELOG || error == RAFT_ELOST) && !MUTANT(contradiction_not_noted)) {
        contradictions_note(&r->contradictions, now_ns);
    }
    if (complaints_is_due(&r->peers->complaints, message->from, now_ns, &count)) {
        log_write(r->log, LOG_ERROR, "a message of a peer was dropped",
                  "peer=%016llx message=%s term=%llu own_term=%llu dropped=%llu reason=" LOG_Q,
                  (unsigned long long)message->from, raft_message_kind_name(message->kind),
                  (unsigned long long)message->term, (unsigned long long)raft_current_term(r->raft),
                  (unsigned long long)count, raft_error_text(error));
    }
}

static void note_loss(struct replica *r)
{
    if (contradictions_note_loss(&r->contradictions, raft_agreed_ns(r->raft), io_now_ns(r->io))) {
        replica_fail(r, "the leader has this node's word for log entries that are not there: its "
                        "disk has lost what it had stored. Remove this node from the cluster, "
                        "and join anew with an empty data directory");
    }
}

static void step_message(struct replica *r, const struct raft_message *message,
                         struct entry *const *entries)
{
    /* A promise must not begin before it was heard, as it might if this process was held up after
     * the loop had looked at its clock. And clocks are compared by when it was heard. */
    bool is_promise =
        (message->kind == RAFT_HEARTBEAT && message->heartbeat.promise_ns > 0) ||
        (message->kind == RAFT_HEARTBEAT_REPLY && message->heartbeat_reply.promised_at_ns > 0);
    struct raft_event event = {.kind = RAFT_RECEIVE,
                               .now_ns = is_promise ? peers_time_now(r->peers) : io_now_ns(r->io),
                               .message = message};
    int error = replica_step(r, &event, entries);

    if (error == RAFT_ELOG || error == RAFT_ETERM || error == RAFT_ELOST) {
        note_contradiction(r, message, error);
    }
    if (error == RAFT_ELOST) {
        note_loss(r);
    }
}

static void note_malformed(struct replica *r, raft_id from, const char *what)
{
    uint64_t count;

    if (complaints_is_due(&r->peers->complaints, from, io_now_ns(r->io), &count)) {
        log_write(r->log, LOG_ERROR, what, "peer=%016llx count=%llu", (unsigned long long)from,
                  (unsigned long long)count);
    }
}

/* The log time of the entry before `index`, if that has this term here as well. */
static uint64_t time_before(const struct replica *r, raft_index index, raft_term term)
{
    raft_index before = index - 1;

    return before >= raft_origin(r->raft) && before <= raft_last_index(r->raft) &&
                   raft_term_at(r->raft, before) == term
               ? log_window_time_us(&r->window, before)
               : 0;
}

/* Entries after it could not be executed. No correct leader logs it before all members know it. */
static bool has_level_beyond(const struct replica *r, struct entry *const *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (level_is_beyond(r, entries[i])) {
            return true;
        }
    }
    return false;
}

/* No correct leader sends an entry whose log time is lower than the previous one's. */
static bool has_ordered_times(const struct replica *r, const struct raft_append_entries *a,
                              struct entry *const *entries)
{
    raft_term term = a->prev_log_term;
    uint64_t time_us = 1;

    for (uint32_t i = 0; i < a->entry_count && !MUTANT(any_log_time_stored); i++) {
        uint64_t own_us = time_before(r, a->prev_log_index + 1 + i, term);

        if (entries[i]->time_us < time_us || entries[i]->time_us < own_us) {
            return false;
        }
        term = entries[i]->term;
        time_us = entries[i]->time_us;
    }
    return true;
}

static void step_entries(struct replica *r, const struct wire_message *m, struct entry **entries)
{
    uint32_t count = m->message.append_entries.entry_count;
    struct raft_entry *described = memory_take(count * sizeof *described);
    struct membership **memberships = memory_take_zeroed(count, sizeof *memberships);
    struct raft_message message = m->message;

    message.append_entries.entries = described;
    if (has_level_beyond(r, entries, count)) {
        note_malformed(r, message.from,
                       "the log of a peer needs a newer version of this program: install it");
    } else if (!describe(entries, count, described, memberships)) {
        note_malformed(r, message.from, "a peer sent a malformed configuration");
    } else if (!has_ordered_times(r, &message.append_entries, entries)) {
        note_malformed(r, message.from, "a peer sent entries whose log time runs back");
    } else {
        step_message(r, &message, entries);
    }
    for (uint32_t i = 0; i < count; i++) {
        membership_free(memberships[i]);
    }
    free(memberships);
    free(described);
}

/* A full disk, or one that is far behind: entries that can't be stored now count as not
 * received, and the leader tries again. */
static bool can_store(struct replica *r, struct entry *const *entries, uint32_t count)
{
    enum store_use use = STORE_FOR_ELECTIONS;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < count; i++) {
        bytes += store_entry_bytes(entries[i]->size);
        if (entries[i]->kind == RAFT_COMMAND) {
            use = STORE_FOR_FOLLOWERS;
        }
    }
    if (count == 0) {
        return true;
    }
    if (!store_has_room(r->store, use, bytes)) {
        disk_policy_note_unstored(&r->disk_policy, bytes);
        return false;
    }
    return store_unwritten_bytes(r->store) < UNWRITTEN_BYTES_MAX;
}

static void on_message(void *context, const struct wire_message *m, struct entry **entries)
{
    struct replica *r = context;
    uint32_t count =
        m->message.kind == RAFT_APPEND_ENTRIES ? m->message.append_entries.entry_count : 0;

    CHECK(entries != NULL || count == 0);
    if (r->is_running && !r->is_removed && !r->is_installing && can_store(r, entries, count)) {
        if (entries != NULL) {
            step_entries(r, m, entries);
        } else {
            step_message(r, &m->message, NULL);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        entry_release(entries[i]);
    }
}

static void on_lost(void *context, raft_id id)
{
    struct replica *r = context;
    struct raft_event event = {.kind = RAFT_PEER_LOST, .now_ns = 0, .peer = id};

    if (!r->is_running || r->is_installing) {
        return;
    }
    event.now_ns = io_now_ns(r->io);
    replica_step(r, &event, NULL);
}

static void on_forwards_lost(void *context, raft_id id)
{
    struct replica *r = context;

    if (r->is_running) {
        forwards_lost(&r->forwards, id);
    }
}

void replica_note_removed(struct replica *r)
{
    if (r->is_running && !r->is_removed) {
        r->is_removed = true; /* Commands under way at the leader are still answered. */
        log_write(r->log, LOG_WARN, "this node was removed from the cluster and serves nothing",
                  "advice=" LOG_Q, REMOVED_ADVICE);
    }
}

/* Only members can know who was removed. About others, only that they have called is known, unless
 * the administrator has named one as the contact: all members that this node knows may have left.
 * A node without a configuration, which nobody dials once it is removed, relies on nodes that have
 * proven that they belong to the cluster. */
static bool may_know_removed(const struct replica *r, raft_id id)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    const struct peer *peer = peers_find(r->peers, id);

    MUTANT_DO(removal_known_by_members_only, return raft_configuration_find(c, id) != NULL);
    if (c->member_count == 0) {
        return (peer != NULL && peer->has_proven) || MUTANT(removal_believed_unproven);
    }
    return raft_configuration_find(c, id) != NULL || addresses_is_contact(r->peers, id);
}

static void on_refused(void *context, raft_id id, enum wire_refusal refusal)
{
    struct replica *r = context;

    if (refusal == WIRE_REMOVED && r->is_running && may_know_removed(r, id)) {
        replica_note_removed(r);
    }
}

static void on_answer(void *context, raft_id from, const struct wire_answer *a)
{
    struct replica *r = context;

    forwards_answered(&r->forwards, from, a);
}

static void on_fetch(void *context, uint64_t connection, const struct wire_fetch *f)
{
    struct replica *r = context;

    if (!r->is_running) {
        return;
    }
    if (quarantine_is_on(&r->quarantine)) {
        serving_refuse(&r->serving, connection, f); /* It may be wrong as well. */
    } else {
        serving_on_fetch(&r->serving, connection, f);
    }
}

static void on_part(void *context, raft_id from, const struct wire_part *part)
{
    struct replica *r = context;

    if (r->is_running) {
        fetching_on_part(&r->fetching, from, part);
    }
}

static void on_damaged(void *context, raft_id from, const struct wire_damaged *d)
{
    struct replica *r = context;

    if (r->is_running) {
        log_write(
            r->log, LOG_WARN, "a node has fetched a snapshot from this one, and it is damaged",
            "peer=%016llx index=%llu", (unsigned long long)from, (unsigned long long)d->index);
        serving_on_damaged(&r->serving, d);
    }
}

static void on_digest(void *context, raft_id from, const struct wire_digest *d)
{
    struct replica *r = context;

    if (r->is_running) {
        compare_hear(r, from, d);
    }
}

static uint64_t log_time_us(void *context)
{
    struct replica *r = context;

    if (!r->is_running) {
        return 0;
    }
    return raft_role(r->raft) == RAFT_LEADER
               ? replica_next_time_us(r)
               : log_clock_estimate_us(&r->log_clock, io_now_ns(r->io));
}

static void on_heard_time(void *context, raft_id from, uint64_t log_us)
{
    struct replica *r = context;

    if (!r->is_running || raft_role(r->raft) == RAFT_LEADER || log_us > LOG_US_MAX) {
        return;
    }
    if (from == raft_leader(r->raft)) {
        log_clock_hear(&r->log_clock, io_now_ns(r->io), log_us);
    } else {
        log_clock_learn(&r->log_clock, io_now_ns(r->io), log_us);
    }
}

struct peers_events replica_peers_events(struct replica *r)
{
    return (struct peers_events){
        .context = r,
        .message = on_message,
        .forward = forwarded_on_command,
        .abandoned = forwarded_on_abandon,
        .answer = on_answer,
        .read_index = read_index_on_question,
        .read_index_reply = read_index_on_reply,
        .fetch = on_fetch,
        .part = on_part,
        .damaged = on_damaged,
        .digest = on_digest,
        .log_time_us = log_time_us,
        .heard_time = on_heard_time,
        .lost = on_lost,
        .forwards_lost = on_forwards_lost,
        .refused = on_refused,
    };
}
