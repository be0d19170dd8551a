/* checker_epoch.c - what remains of the rules when a cluster begins a new epoch: the log of the one
 * node that goes on is all that was ever committed. */
#include "sim/checks/checker_node.h"

static void commit(struct checker *c, struct committed entry)
{
    uint64_t index = c->committed_last + 1;

    if (index >= c->committed_capacity) {
        c->committed_capacity = c->committed_capacity == 0 ? 1024 : 2 * c->committed_capacity;
        c->committed = memory_resize(c->committed, c->committed_capacity * sizeof *c->committed);
    }
    c->committed[index] = entry;
    c->committed_last = index;
    (void)checker_matches_note(&c->matches, index, entry.entry.term, entry.entry.chain);
}

struct checker *checker_new_epoch(const struct checker *before, uint64_t origin)
{
    struct checker *c = checker_new(before->verdict);

    if (origin > before->committed_last) {
        verdict_broken(before->verdict, "origin", "a log begins behind entry %llu, not committed",
                       ULL(origin));
        return c;
    }
    for (uint64_t i = 1; i <= origin; i++) {
        commit(c, before->committed[i]);
    }
    return c;
}

void checker_epoch_entry(struct checker *c, const struct checker *before, const struct entry *e)
{
    uint64_t chain = c->committed_last == 0 ? 0 : c->committed[c->committed_last].entry.chain;
    struct committed entry = {.entry = checker_entry_of(e, chain), .commit_term = e->term};

    if (e->index != c->committed_last + 1) {
        verdict_broken(c->verdict, "recovery", "a log has entry %llu after %llu", ULL(e->index),
                       ULL(c->committed_last));
        return;
    }
    if (e->index <= before->committed_last &&
        before->committed[e->index].entry.chain == entry.entry.chain) {
        entry = before->committed[e->index]; /* With the digest of the state after it. */
        entry.commit_term = e->term;
    }
    commit(c, entry);
}

void checker_epoch_vote(struct checker *c, uint64_t id, uint64_t current_term, uint64_t voted_for)
{
    struct checker_disk *d = &checker_life_new(c, id)->disk;

    for (uint64_t i = 1; i <= c->committed_last; i++) {
        checker_log_put(&d->log, c->committed[i].entry);
    }
    d->current_term = current_term;
    d->voted_for = voted_for;
    d->before_last = d->log.last;
    d->honest_last = d->log.last;
}
