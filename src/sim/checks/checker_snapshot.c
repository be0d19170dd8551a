/* checker_snapshot.c - snapshots (I-122, I-130): a log that begins behind one, a state that no
 * entry has made, a log that another node's snapshot replaces. The checker remembers what a node
 * does not have any more: to it, each log begins with entry 1. */
#include "sim/checks/checker_node.h"

static bool is_committed(const struct checker *c, uint64_t index, uint64_t term)
{
    return index <= c->committed_last && (index == 0 || c->committed[index].entry.term == term);
}

void checker_recovered_origin(struct checker_node *n, uint64_t index, uint64_t term)
{
    const struct checker *c = n->checker;

    if (index > c->committed_last || (index > 0 && c->committed[index].entry.term != term)) {
        BROKEN(n, "origin", "the log of %s begins behind entry %llu of term %llu, not committed",
               n->name, ULL(index), ULL(term));
        return;
    }
    for (uint64_t i = 1; i <= index; i++) {
        checker_log_put(&n->log, c->committed[i].entry);
    }
    checker_note_configurations(n, 1);
    n->origin = index;
    n->commit_index = index;
    n->applied_index = index;
}

void checker_compacted(struct checker_node *n, uint64_t origin)
{
    if (origin > n->applied_index || origin < n->origin) {
        BROKEN(n, "origin", "%s has applied entries up to %llu, and its log begins behind %llu",
               n->name, ULL(n->applied_index), ULL(origin));
    }
    n->origin = origin;
}

void checker_restored(struct checker_node *n, const struct store_snapshot *s, uint64_t kv_digest,
                      uint64_t kv_time_us)
{
    struct checker *c = n->checker;

    if (s->index < n->applied_index || !is_committed(c, s->index, s->term)) {
        BROKEN(n, "snapshot",
               "%s has applied %llu, and takes over a snapshot of entry %llu, term %llu", n->name,
               ULL(n->applied_index), ULL(s->index), ULL(s->term));
        return;
    }
    struct committed *known = &c->committed[s->index];

    if (kv_time_us != known->entry.time_us) {
        BROKEN(n, "log time",
               "the snapshot of entry %llu on %s is of time %llu, and the entry of %llu",
               ULL(s->index), n->name, ULL(kv_time_us), ULL(known->entry.time_us));
    }
    if (!known->has_digest && c->has_doubted_states) {
        known->has_digest = true; /* Only nodes in doubt have applied it. */
        known->digest = kv_digest;
    }
    if (!known->has_digest || known->digest != kv_digest) {
        BROKEN(n, "state machine safety", "%s has another keyspace in its snapshot of entry %llu",
               n->name, ULL(s->index));
    }
    n->applied_index = s->index;
}

/* Rule 6 of InstallSnapshot (§7): what follows stays if the log has its last entry. */
static bool keeps_log(const struct checker_node *n, uint64_t index)
{
    return n->log.last >= index &&
           checker_log_at(&n->log, index).chain == n->checker->committed[index].entry.chain;
}

/* It may have acknowledged only what the snapshot stands for, too, to the leader of this term. */
static void replace_log(struct checker_node *n, uint64_t index)
{
    struct checker_life *life = n->life;

    if (life->acknowledged_term == n->current_term && life->acknowledged_last > index) {
        BROKEN(n, "acknowledged",
               "a snapshot of entry %llu replaces the log of %s, which said in "
               "this term that it holds %llu",
               ULL(index), n->name, ULL(life->acknowledged_last));
    }
    n->log.last = 0;
    for (uint64_t i = 1; i <= index; i++) {
        checker_log_put(&n->log, n->checker->committed[i].entry);
    }
    checker_note_configurations(n, 1);
}

void checker_installed(struct checker_node *n, const struct raft_installed *s)
{
    uint64_t index = s->last_included_index;

    if (!is_committed(n->checker, index, s->last_included_term)) {
        BROKEN(n, "snapshot", "%s installs a snapshot of entry %llu, term %llu, not committed",
               n->name, ULL(index), ULL(s->last_included_term));
        return;
    }
    if (index <= n->origin) {
        return;
    }
    n->origin = index;
    if (!keeps_log(n, index)) {
        replace_log(n, index);
    }
    checker_disk_replace(&n->life->disk, &n->log);
}
