/* follower.c - receives the log (§5.3) and heartbeats.
 *
 * Refuses, without any change: messages that contradict the committed log or name a second
 * leader of one term (RAFT_ELOG), and those that would need more runs of terms than there is
 * memory for (RAFT_EFULL). Entries that do not fit yet are answered with a rejection. */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft_state.h"

/* What an append would do; made before anything is changed. */
struct plan {
    bool fits;            /* Our log contains the previous entry. */
    uint32_t known_count; /* Entries at the beginning that we have already. */
    raft_index truncate_from;
};

/* Election safety (§5.2): there can't be another leader in this term. */
static bool contradicts_leader(const struct raft *r, const struct raft_message *m)
{
    if (m->term != r->current_term) {
        return false;
    }
    return r->role == RAFT_LEADER || (r->leader_id != 0 && r->leader_id != m->from);
}

/* Whether the entries are consistent by themselves. Counts their runs of terms, without one that
 * continues the previous entry's. */
static bool entries_are_sound(const struct raft_append_entries *a, raft_term leader_term,
                              uint32_t from, raft_term term_before, uint32_t *ret_new_runs)
{
    raft_term term = term_before;
    uint32_t new_runs = 0;

    for (uint32_t i = from; i < a->entry_count; i++) {
        const struct raft_entry *entry = &a->entries[i];

        if (entry->term < term || entry->term == 0 || entry->term > leader_term) {
            return false;
        }
        if (entry->kind == RAFT_CONFIGURATION &&
            (entry->configuration == NULL || !raft_configuration_is_valid(entry->configuration))) {
            return false;
        }
        new_runs += entry->term != term;
        term = entry->term;
    }
    *ret_new_runs = new_runs;
    return true;
}

/* How many of the first entries are in our log, or below its origin. */
static uint32_t count_known(const struct raft *r, const struct raft_append_entries *a)
{
    uint32_t count = 0;

    while (count < a->entry_count &&
           term_log_agrees(&r->log, a->prev_log_index + count + 1, a->entries[count].term)) {
        count++;
    }
    return count;
}

static int make_plan(const struct raft *r, const struct raft_message *m, struct plan *ret_plan)
{
    const struct raft_append_entries *a = &m->append_entries;
    raft_index last = r->log.last_index;
    raft_index prev = a->prev_log_index;
    struct plan plan = {.fits = term_log_agrees(&r->log, prev, a->prev_log_term)};

    MUTANT_DO(previous_term_unchecked, plan.fits = prev <= last);
    if (!plan.fits) {
        *ret_plan = plan;
        return prev <= r->commit_index ? RAFT_ELOG : RAFT_OK;
    }
    plan.known_count = count_known(r, a);
    raft_index first_new = prev + plan.known_count + 1;

    if (plan.known_count == a->entry_count) {
        MUTANT_DO(old_append_truncates,
                  plan.truncate_from =
                      first_new > r->commit_index && first_new <= last ? first_new : 0);
        *ret_plan = plan;
        return RAFT_OK;
    }
    if (first_new <= last) {
        plan.truncate_from = first_new;
        if ((first_new <= r->commit_index && !MUTANT(truncate_committed)) ||
            !raft_configuration_can_truncate(r, first_new)) {
            return RAFT_ELOG;
        }
    }
    uint32_t new_runs;

    if (!entries_are_sound(a, m->term, plan.known_count, raft_term_at(r, first_new - 1),
                           &new_runs)) {
        return RAFT_ELOG;
    }
    if (term_log_runs_up_to(&r->log, first_new - 1) + new_runs > r->log.runs_max) {
        return RAFT_EFULL;
    }
    *ret_plan = plan;
    return RAFT_OK;
}

static void append(struct raft *r, const struct raft_append_entries *a, const struct plan *plan)
{
    if (plan->truncate_from != 0) {
        raft_truncate_from(r, plan->truncate_from);
    }
    if (plan->known_count == a->entry_count) {
        return;
    }
    r->gathered.append_first = r->log.last_index + 1;
    r->gathered.append_count = a->entry_count - plan->known_count;
    (void)raft_write_seq(r);
    for (uint32_t i = plan->known_count; i < a->entry_count; i++) {
        term_log_append(&r->log, a->entries[i].term, 1);
        if (a->entries[i].kind == RAFT_CONFIGURATION) {
            raft_configuration_receive(r, r->log.last_index, a->entries[i].configuration);
        }
    }
}

/* The log agrees with a leader's. If entries fitted in a term, this process can't have lost what
 * it acknowledged in that term: otherwise they would not have fitted. */
static void note_agreement(struct raft *r, bool has_fitted)
{
    r->agreed_ns = r->now_ns;
    if (has_fitted) {
        r->agreed_term = r->current_term;
    }
}

/* A message from the leader of this term. */
static void hear_leader(struct raft *r, const struct raft_message *m)
{
    if (m->term > r->current_term || r->role != RAFT_FOLLOWER || r->leader_id != m->from) {
        raft_become_follower(r, m->term, m->from, RAFT_BECAUSE_LEADER_FOUND);
    }
    r->leader_heard_ns = r->now_ns;
    r->led_ns = r->now_ns;
    raft_election_rearm(r);
}

/* Figure 2: no further than what this message covers, however long our log is. */
static void follow_commit(struct raft *r, raft_index leader_commit, raft_index vouched)
{
    raft_index limit = MUTANT(commit_unvouched) ? r->log.last_index : vouched;
    raft_index index = leader_commit < limit ? leader_commit : limit;

    if (index > r->commit_index || (MUTANT(commit_falls) && index > 0)) {
        raft_commit_to(r, index);
    }
}

/* An entry with that index and term is the same in all logs, and so is all before it (§5.3). */
void raft_follower_on_committed(struct raft *r, raft_index index, raft_term term)
{
    bool is_here =
        raft_has_entry(r, index, term) || (MUTANT(committed_unseen) && index <= r->log.last_index);

    if (r->role == RAFT_LEADER || !is_here || index <= r->commit_index) {
        return;
    }
    raft_commit_to(r, index);
    /* A configuration that leaves this node out may be committed now. */
    if (r->role != RAFT_FOLLOWER && !raft_election_is_electable(r) &&
        !MUTANT(campaigns_after_removal)) {
        raft_become_follower(r, r->current_term, 0, RAFT_BECAUSE_REMOVED);
    }
}

/* The first entry of that entry's term; at least the one after the origin, which is committed. */
static raft_index first_in_conflict(const struct raft *r, raft_index index)
{
    raft_index first = term_log_first_of_run(&r->log, index);

    return first < raft_first_index(r) && !MUTANT(rejects_below_origin) ? raft_first_index(r)
                                                                        : first;
}

/* Rejects, with a hint where to try next: after our end, or at the start of the conflicting
 * term, so that backing up takes one round trip per term (§5.3, end). */
static void reject(struct raft *r, const struct raft_message *m)
{
    raft_index prev = m->append_entries.prev_log_index;
    struct raft_append_entries_reply reply = {.match_index = prev,
                                              .read_round = m->append_entries.read_round};

    if (prev > r->log.last_index) {
        reply.conflict_index = r->log.last_index + 1;
    } else if (prev > raft_origin(r)) {
        reply.conflict_term = raft_term_at(r, prev);
        reply.conflict_index = first_in_conflict(r, prev);
    }
    reply.life = r->options.life;
    reply.has_lost = r->loss.has_lost;
    raft_send(r, m->from, RAFT_APPEND_ENTRIES_REPLY, raft_after_term(r))->append_entries_reply =
        reply;
}

int raft_follower_on_append_entries(struct raft *r, const struct raft_message *m)
{
    const struct raft_append_entries *a = &m->append_entries;
    struct plan plan;

    CHECK(a->entry_count == 0 || a->entries != NULL);
    if (m->term < r->current_term && !MUTANT(old_leader_obeyed)) {
        reject(r, m); /* Because of the term in it, its sender steps down. */
        return RAFT_OK;
    }
    if (contradicts_leader(r, m)) {
        return RAFT_ELOG;
    }
    int error = make_plan(r, m, &plan);

    if (error != RAFT_OK) {
        return error;
    }
    hear_leader(r, m);
    if (!plan.fits) {
        reject(r, m);
        return RAFT_OK;
    }
    raft_index vouched = a->prev_log_index + a->entry_count;

    if (vouched >= raft_origin(r) || MUTANT(agrees_below_origin)) {
        note_agreement(r, true);
    }
    append(r, a, &plan);
    follow_commit(r, a->leader_commit, vouched);

    /* Acknowledges what the message covered, not everything we have: the rest may be from
     * another leader. */
    raft_follower_accept(r, m->from, MUTANT(ack_beyond_request) ? r->log.last_index : vouched,
                         a->read_round);
    return RAFT_OK;
}

/* The reply waits for every write so far, because the entries of a duplicate may be in one that
 * is not durable yet (I-3). */
void raft_follower_accept(struct raft *r, raft_id leader, raft_index match_index,
                          uint64_t read_round)
{
    raft_seq after = MUTANT(ack_before_sync) ? raft_after_term(r) : raft_after_all(r);

    raft_send(r, leader, RAFT_APPEND_ENTRIES_REPLY, after)->append_entries_reply =
        (struct raft_append_entries_reply){.success = true,
                                           .match_index = match_index,
                                           .read_round = read_round,
                                           .life = r->options.life,
                                           .has_lost = r->loss.has_lost};
    raft_loss_note_agreement(r, match_index);
}

/* §7. The leader believes that this node lacks entries from before the leader's origin, which it
 * can't send. */
int raft_follower_on_install_snapshot(struct raft *r, const struct raft_message *m)
{
    const struct raft_snapshot *s = &m->install_snapshot;
    raft_index index = s->last_included_index;

    if (m->term < r->current_term) {
        raft_send(r, m->from, RAFT_HEARTBEAT_REPLY, raft_after_term(r))->heartbeat_reply =
            (struct raft_heartbeat_reply){.life = r->options.life, .has_lost = r->loss.has_lost};
        return RAFT_OK; /* Because of the term in the reply, its sender steps down. */
    }
    bool is_known = term_log_agrees(&r->log, index, s->last_included_term);

    if (contradicts_leader(r, m) || index == 0 || s->last_included_term == 0 ||
        s->last_included_term > m->term || (!is_known && index <= r->commit_index)) {
        return RAFT_ELOG;
    }
    hear_leader(r, m);
    if (!is_known || MUTANT(snapshot_always_wanted)) {
        r->gathered.install = *s;
        return RAFT_OK;
    }
    if (index >= raft_origin(r)) {
        note_agreement(r, false);
    }
    follow_commit(r, index, index);
    raft_follower_accept(r, m->from, index, 0);
    return RAFT_OK;
}

/* A report of a loss stops a node, so a stranger's is not enough. (A node that has lost its
 * configuration, too, can't know who is a stranger.) Nor can the report be true if this process
 * has taken entries in that term already: a leader to which it had promised more would have sent
 * what comes after. */
static bool may_have_lost(const struct raft *r, const struct raft_message *m)
{
    const struct raft_configuration *c = raft_configuration(r);

    if (m->term <= r->agreed_term && !MUTANT(impossible_loss_believed)) {
        return false;
    }
    return c->member_count == 0 || raft_configuration_find(c, m->from) != NULL ||
           MUTANT(loss_reported_by_anybody);
}

/* What the leader knows of an earlier life of this node may be lost; it learns that from the
 * reply. */
static bool is_loss_known(const struct raft *r, const struct raft_heartbeat *h)
{
    return r->loss.has_lost && h->leader_commit > r->commit_index && h->life < r->options.life;
}

static void reply_to_heartbeat(struct raft *r, const struct raft_message *m)
{
    bool is_leaders = m->term == r->current_term;
    uint64_t promised_at_ns = is_leaders ? raft_lease_promise(r, m->heartbeat.promise_ns) : 0;

    raft_send(r, m->from, RAFT_HEARTBEAT_REPLY, raft_after_term(r))->heartbeat_reply =
        (struct raft_heartbeat_reply){.read_round = m->heartbeat.read_round,
                                      .life = r->options.life,
                                      .has_lost = r->loss.has_lost,
                                      .promised_at_ns = promised_at_ns};
}

/* Or nothing. */
static bool names_an_entry(const struct raft_heartbeat *h, raft_term term)
{
    return (h->leader_commit == 0) == (h->leader_commit_term == 0) && h->leader_commit_term <= term;
}

int raft_follower_on_heartbeat(struct raft *r, const struct raft_message *m)
{
    const struct raft_heartbeat *h = &m->heartbeat;

    if (m->term >= r->current_term) {
        if (contradicts_leader(r, m) || !names_an_entry(h, m->term)) {
            return RAFT_ELOG;
        }
        bool has_it = h->leader_commit == 0 ||
                      term_log_agrees(&r->log, h->leader_commit, h->leader_commit_term);

        /* We have acknowledged that entry in this term. If there is no trace of it on our disk,
         * other promises may be lost as well. */
        if (!has_it && !is_loss_known(r, h)) {
            return MUTANT(loss_not_noticed) || !may_have_lost(r, m) ? RAFT_ELOG : RAFT_ELOST;
        }
        hear_leader(r, m);
        raft_loss_note_end(r, h->leader_last, h->life);
        if (has_it && h->leader_commit > 0 && h->leader_commit >= raft_origin(r)) {
            note_agreement(r, false);
        }
        if (has_it) {
            follow_commit(r, h->leader_commit, h->leader_commit);
        }
    }
    reply_to_heartbeat(r, m);
    return RAFT_OK;
}
