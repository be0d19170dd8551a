/* snapshot.c - snapshots replace the beginning of the log (§7): drops from the log what a
 * snapshot replaces, and continues from one that another node has made.
 *
 * The configuration in force at the origin remains known, with the index of its entry, though
 * the entry is gone: what is committed is never undone.
 *
 * A snapshot contains committed entries. So if it does not end beyond what this node has
 * committed, it changes only the origin. If it does, it replaces the log, unless the log has its
 * last entry, and therefore all before: then the entries after it are kept, because they may
 * have been acknowledged (§7, InstallSnapshot, rule 6).
 *
 * Refuses: a snapshot that contradicts what is committed (RAFT_ELOG). */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft_state.h"

void raft_set_snapshot(struct raft *r, const struct raft_snapshot *snapshot)
{
    CHECK(snapshot->last_included_index >= raft_origin(r));
    CHECK(snapshot->last_included_index <= r->commit_index);
    r->snapshot = *snapshot;
}

void raft_set_other_snapshot(struct raft *r, const struct raft_snapshot *snapshot)
{
    static const struct raft_snapshot none = {0};

    r->other = snapshot == NULL ? none : *snapshot;
}

bool raft_wants_snapshot(const struct raft *r, raft_index last_included_index)
{
    return r->role != RAFT_LEADER && last_included_index > r->commit_index;
}

static void leave_out(struct raft *r, raft_index index)
{
    term_log_compact(&r->log, index);
    raft_configuration_compact(r, index);
    if (r->role == RAFT_LEADER) {
        raft_leader_compact(r);
    }
}

void raft_compact(struct raft *r, raft_index index)
{
    if (index <= raft_origin(r)) {
        return;
    }
    CHECK(index <= r->commit_index);
    CHECK(index <= r->durability.index);
    CHECK(index <= r->snapshot.last_included_index || r->snapshot.last_included_index == 0);
    leave_out(r, index);
}

static void replace_log(struct raft *r, const struct raft_installed *s)
{
    term_log_begin(&r->log, s->last_included_index, s->last_included_term);
    raft_configuration_begin(r, s->configuration_index, s->configuration);
    r->gathered.configuration_changed = true;
}

static bool is_sound(const struct raft *r, const struct raft_installed *s)
{
    return s->last_included_index > 0 && s->last_included_term > 0 &&
           s->last_included_term <= r->current_term && s->configuration_index > 0 &&
           s->configuration_index <= s->last_included_index &&
           raft_configuration_is_valid(s->configuration);
}

int raft_snapshot_on_installed(struct raft *r, const struct raft_installed *s)
{
    raft_index index = s->last_included_index;
    bool is_known = term_log_agrees(&r->log, index, s->last_included_term);

    if (!is_sound(r, s) || (!is_known && index <= r->commit_index)) {
        return RAFT_ELOG;
    }
    if (index <= raft_origin(r)) {
        return RAFT_OK; /* The log begins there or later already. */
    }
    /* A campaign was for the previous log. (A leader has committed as much:
     * raft_wants_snapshot() makes sure of that.) */
    if (r->role != RAFT_FOLLOWER && index > r->commit_index) {
        raft_become_follower(r, r->current_term, 0, RAFT_BECAUSE_INSTALLED);
    }
    MUTANT_DO(snapshot_drops_suffix, is_known = false);
    MUTANT_DO(snapshot_keeps_other_log, is_known = index <= r->log.last_index);
    if (is_known) {
        leave_out(r, index);
    } else {
        replace_log(r, s);
    }
    durability_begin(&r->durability, index, r->log.last_index);
    if (index > r->commit_index) {
        raft_commit_to(r, index);
    }
    if (r->snapshot.last_included_index < index) {
        r->snapshot = (struct raft_snapshot){0}; /* The host will set the new one. */
    }
    if (r->role == RAFT_FOLLOWER && r->leader_id != 0 && !MUTANT(installed_not_acknowledged)) {
        raft_follower_accept(r, r->leader_id, index, 0);
    }
    return RAFT_OK;
}
