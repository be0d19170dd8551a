/* checker.c - see checker.h. Everything is O(1) a call, or O(1) for each entry that
 * the call is about. */
#include "sim/checker.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "sim/checker_log.h"

/* A write that the store has not acknowledged yet. */
struct pending_write {
    struct list link;
    uint64_t seq;
    bool write_vote;
    uint64_t current_term;
    uint64_t voted_for;
    uint64_t truncate_from;
    uint32_t entry_count;
    struct checker_entry entries[];
};

/* What is known of a node over all its lives. */
struct checker_disk {
    struct list link;
    uint64_t id;
    uint64_t current_term;
    uint64_t voted_for;
    struct checker_log log;
    struct list pending; /* Writes in their order. */
    uint64_t *votes;     /* For each term whom it said it votes for; 0: nobody. */
    uint64_t vote_capacity;
};

struct checker_node {
    struct checker *checker;
    char name[16];
    struct checker_disk *disk; /* NULL until recovered. */
    struct checker_log log;    /* As the core has it. */
    uint64_t commit_index;     /* Compared with the others up to here. */
    uint64_t core_commit;      /* As the core has it: its entries may yet be written. */
    uint64_t applied_index;
    enum raft_role role;
    struct raft_observation before;
};

/* An entry that is committed. */
struct committed {
    struct checker_entry entry;
    uint64_t digest;
    bool has_digest;
};

/* The write-once map from (index, term) to hash. */
struct match_slot {
    uint64_t index; /* 0: free. */
    uint64_t term;
    uint64_t chain;
};

struct checker {
    struct verdict *verdict;
    struct list disks;
    uint64_t *leaders; /* By term; 0: none known. */
    uint64_t leader_capacity;
    struct committed *committed; /* By index, from 1. */
    uint64_t committed_last;
    uint64_t committed_capacity;
    struct match_slot *matches;
    uint64_t match_count;
    uint64_t match_capacity; /* A power of two. */
    struct checker_stats stats;
};

#define BROKEN(n, rule, ...) verdict_broken((n)->checker->verdict, rule, __VA_ARGS__)
#define ULL(x)               ((unsigned long long)(x))

/* --- small maps ------------------------------------------------------------------------- */

/* The place for `key` in an array that grows with it. */
static uint64_t *slot_for(uint64_t **array, uint64_t *capacity, uint64_t key)
{
    if (key >= *capacity) {
        uint64_t wanted = *capacity == 0 ? 64 : *capacity;

        while (key >= wanted) {
            wanted *= 2;
        }
        *array = memory_resize(*array, wanted * sizeof **array);
        memset(*array + *capacity, 0, (wanted - *capacity) * sizeof **array);
        *capacity = wanted;
    }
    return *array + key;
}

static struct match_slot *match_find(struct checker *c, uint64_t index, uint64_t term)
{
    uint64_t at = (index * 0x9e3779b97f4a7c15u ^ term * 0xc2b2ae3d27d4eb4fu) >> 20;

    for (;; at++) {
        struct match_slot *slot = &c->matches[at & (c->match_capacity - 1)];

        if (slot->index == 0 || (slot->index == index && slot->term == term)) {
            return slot;
        }
    }
}

static void match_grow(struct checker *c)
{
    struct match_slot *old = c->matches;
    uint64_t old_capacity = c->match_capacity;

    c->match_capacity = old_capacity == 0 ? 4096 : 2 * old_capacity;
    c->matches = memory_take_zeroed(c->match_capacity, sizeof *c->matches);
    for (uint64_t i = 0; i < old_capacity; i++) {
        if (old[i].index != 0) {
            *match_find(c, old[i].index, old[i].term) = old[i];
        }
    }
    free(old);
}

/* Log matching (§5.3): an entry of one index and term has one content, and one past. */
static void match_note(struct checker_node *n, uint64_t index, struct checker_entry e)
{
    struct checker *c = n->checker;

    if (2 * c->match_count >= c->match_capacity) {
        match_grow(c);
    }
    struct match_slot *slot = match_find(c, index, e.term);

    if (slot->index == 0) {
        *slot = (struct match_slot){.index = index, .term = e.term, .chain = e.chain};
        c->match_count++;
    } else if (slot->chain != e.chain) {
        BROKEN(n, "log matching", "%s has another entry %llu of term %llu than somebody else",
               n->name, ULL(index), ULL(e.term));
    }
}

/* --- life ---------------------------------------------------------------------------------- */

struct checker *checker_new(struct verdict *verdict)
{
    struct checker *c = memory_take_zeroed(1, sizeof *c);

    c->verdict = verdict;
    list_init(&c->disks);
    return c;
}

static void pending_clear(struct checker_disk *d)
{
    while (!list_is_empty(&d->pending)) {
        struct list *link = list_first(&d->pending);

        list_remove(link);
        free(container_of(link, struct pending_write, link));
    }
}

void checker_free(struct checker *c)
{
    while (!list_is_empty(&c->disks)) {
        struct checker_disk *d = container_of(list_first(&c->disks), struct checker_disk, link);

        list_remove(&d->link);
        pending_clear(d);
        free(d->log.entries);
        free(d->votes);
        free(d);
    }
    free(c->leaders);
    free(c->committed);
    free(c->matches);
    free(c);
}

void checker_get_stats(const struct checker *c, struct checker_stats *ret_stats)
{
    *ret_stats = c->stats;
    ret_stats->commit_index = c->committed_last;
}

struct checker_node *checker_start(struct checker *c, const char *name)
{
    struct checker_node *n = memory_take_zeroed(1, sizeof *n);

    n->checker = c;
    snprintf(n->name, sizeof n->name, "%s", name);
    return n;
}

void checker_end(struct checker_node *n)
{
    free(n->log.entries);
    free(n);
}

uint64_t checker_node_applied(const struct checker_node *n)
{
    return n->applied_index;
}

uint64_t checker_node_id(const struct checker_node *n)
{
    return n->disk == NULL ? 0 : n->disk->id;
}

static struct checker_disk *disk_of(struct checker *c, uint64_t id)
{
    list_for_each(link, &c->disks)
    {
        struct checker_disk *d = container_of(link, struct checker_disk, link);

        if (d->id == id) {
            return d;
        }
    }
    return NULL;
}

static struct checker_disk *disk_new(struct checker *c, uint64_t id)
{
    struct checker_disk *d = memory_take_zeroed(1, sizeof *d);

    d->id = id;
    list_init(&d->pending);
    list_init(&d->link);
    list_append(&c->disks, &d->link);
    return d;
}

/* --- recovery (13): all that was acknowledged, nothing that was not written ------------------- */

void checker_recovered_entry(struct checker_node *n, const struct entry *e)
{
    struct checker_entry own = checker_entry_of(e, checker_log_at(&n->log, n->log.last).chain);

    if (e->index != n->log.last + 1) {
        BROKEN(n, "recovery", "%s recovered entry %llu after %llu", n->name, ULL(e->index),
               ULL(n->log.last));
        return;
    }
    checker_log_put(&n->log, own);
    match_note(n, e->index, own);
}

static bool logs_end_alike(const struct checker_log *a, const struct checker_log *b)
{
    return a->last == b->last &&
           checker_log_at(a, a->last).chain == checker_log_at(b, b->last).chain;
}

/* Does the write to the disk's log; stops early where it then equals `found`, which
 * may have only the first part of it. */
static bool write_reaches(struct checker_disk *d, const struct pending_write *w,
                          const struct checker_log *found)
{
    if (w->truncate_from > 0) {
        checker_log_cut(&d->log, w->truncate_from);
        if (logs_end_alike(&d->log, found)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < w->entry_count; i++) {
        checker_log_put(&d->log, w->entries[i]);
        if (logs_end_alike(&d->log, found)) {
            return true;
        }
    }
    return false;
}

/* The log found must be what some first part of the writes leaves, the vote found
 * must be of that part or later: a term is on the disk before entries of it are. */
static void check_recovery(struct checker_node *n, struct checker_disk *d,
                           const struct store_recovered *found)
{
    bool log_is_there = logs_end_alike(&d->log, &n->log);
    bool vote_is_there = d->current_term == found->current_term && d->voted_for == found->voted_for;
    uint64_t acknowledged_last = d->log.last;

    if (!log_is_there) {
        n->checker->stats.torn_write_count += !list_is_empty(&d->pending);
    }
    list_for_each(link, &d->pending)
    {
        const struct pending_write *w = container_of(link, struct pending_write, link);

        if (log_is_there && vote_is_there) {
            n->checker->stats.lost_write_count++;
            continue;
        }
        if (w->write_vote) {
            d->current_term = w->current_term;
            d->voted_for = w->voted_for;
            vote_is_there =
                d->current_term == found->current_term && d->voted_for == found->voted_for;
        }
        log_is_there = log_is_there || write_reaches(d, w, &n->log);
    }
    if (!log_is_there) {
        BROKEN(n, "recovery", "%s found a log of %llu entries; it had acknowledged %llu", n->name,
               ULL(n->log.last), ULL(acknowledged_last));
    }
    if (!vote_is_there) {
        BROKEN(n, "recovery", "%s found term %llu and vote %016llx; it had acknowledged otherwise",
               n->name, ULL(found->current_term), ULL(found->voted_for));
    }
}

void checker_recovered(struct checker_node *n, const struct raft *r,
                       const struct store_recovered *found)
{
    struct checker *c = n->checker;
    struct checker_disk *d = disk_of(c, found->identity.node_id);

    if (d == NULL) {
        d = disk_new(c, found->identity.node_id);
        if (n->log.last > 0) {
            BROKEN(n, "recovery", "%s is new and has a log", n->name);
        }
    } else {
        check_recovery(n, d, found);
    }
    pending_clear(d);
    d->current_term = found->current_term;
    d->voted_for = found->voted_for;
    checker_log_copy(&d->log, &n->log);
    n->disk = d;
    n->core_commit = raft_commit_index(r);
    n->role = raft_role(r);
}

/* --- commits ------------------------------------------------------------------------------------ */

/* State machine safety (6): what one node commits at an index, all do. */
static void note_commits(struct checker_node *n)
{
    struct checker *c = n->checker;

    for (uint64_t i = n->commit_index + 1; i <= n->core_commit && i <= n->log.last; i++) {
        struct checker_entry e = checker_log_at(&n->log, i);

        n->commit_index = i;
        if (i <= c->committed_last) {
            if (c->committed[i].entry.chain != e.chain) {
                BROKEN(n, "state machine safety",
                       "%s commits another entry %llu (term %llu, not "
                       "%llu)",
                       n->name, ULL(i), ULL(e.term), ULL(c->committed[i].entry.term));
            }
            continue;
        }
        CHECK(i == c->committed_last + 1);
        if (i >= c->committed_capacity) {
            c->committed_capacity = c->committed_capacity == 0 ? 1024 : 2 * c->committed_capacity;
            c->committed =
                memory_resize(c->committed, c->committed_capacity * sizeof *c->committed);
        }
        c->committed[i] = (struct committed){.entry = e};
        c->committed_last = i;
    }
}

/* Whether a majority of that half of the configuration has the leader's log on its
 * disks up to `index`. */
static bool is_held(const struct checker_node *n, const struct raft_configuration *config,
                    uint64_t index, bool outgoing)
{
    uint64_t chain = checker_log_at(&n->log, index).chain;
    uint32_t voter_count = 0;
    uint32_t held_count = 0;

    for (uint32_t i = 0; i < config->member_count; i++) {
        const struct raft_member *m = &config->members[i];
        const struct checker_disk *d;

        if (!(outgoing ? m->outgoing : m->incoming)) {
            continue;
        }
        voter_count++;
        d = disk_of(n->checker, m->id);
        held_count +=
            d != NULL && d->log.last >= index && checker_log_at(&d->log, index).chain == chain;
    }
    return voter_count == 0 || held_count > voter_count / 2;
}

/* The commit rule (7; §5.3, §5.4.2, §6). */
static void check_commit(struct checker_node *n, const struct raft *r, uint64_t index)
{
    const struct raft_configuration *config = raft_configuration(r);

    if (index > n->log.last) {
        BROKEN(n, "commit rule", "%s leads and commits %llu beyond its log", n->name, ULL(index));
        return;
    }
    if (checker_log_at(&n->log, index).term != raft_current_term(r)) {
        BROKEN(n, "commit rule", "%s leads term %llu and commits entry %llu of term %llu", n->name,
               ULL(raft_current_term(r)), ULL(index), ULL(checker_log_at(&n->log, index).term));
    }
    if (!is_held(n, config, index, false) || !is_held(n, config, index, true)) {
        BROKEN(n, "commit rule", "%s commits entry %llu, which is not on a majority of the disks",
               n->name, ULL(index));
    }
}

/* --- steps ------------------------------------------------------------------------------------------ */

void checker_before_step(struct checker_node *n, const struct raft *r)
{
    raft_observe(r, &n->before);
}

/* Election safety (1) and leader completeness (5): its log holds all that was
 * committed before. */
static void note_leader(struct checker_node *n, const struct raft *r)
{
    struct checker *c = n->checker;
    uint64_t term = raft_current_term(r);
    uint64_t *leader = slot_for(&c->leaders, &c->leader_capacity, term);
    uint64_t last = c->committed_last;

    if (*leader != 0 && *leader != n->disk->id) {
        BROKEN(n, "election safety", "%s leads term %llu, and so did %016llx", n->name, ULL(term),
               ULL(*leader));
    }
    *leader = n->disk->id;
    c->stats.election_count++;
    c->stats.term = term > c->stats.term ? term : c->stats.term;
    if (last > 0 && (n->log.last < last ||
                     checker_log_at(&n->log, last).chain != c->committed[last].entry.chain)) {
        BROKEN(n, "leader completeness", "%s leads term %llu without the committed entry %llu",
               n->name, ULL(term), ULL(last));
    }
}

void checker_after_step(struct checker_node *n, const struct raft *r,
                        const struct raft_effects *effects)
{
    enum raft_role was = n->role;

    raft_check_invariants(r, &n->before);
    note_commits(n);
    n->role = raft_role(r);
    if (effects == NULL) {
        return;
    }
    if (n->role == RAFT_LEADER && was != RAFT_LEADER) {
        note_leader(n, r);
    }
    if (effects->commit_index < n->core_commit) {
        BROKEN(n, "commit rule", "the commit index of %s falls from %llu to %llu", n->name,
               ULL(n->core_commit), ULL(effects->commit_index));
    }
    if (n->role == RAFT_LEADER && effects->commit_index > n->core_commit) {
        check_commit(n, r, effects->commit_index);
    }
    if (effects->truncate_from > 0) {
        n->checker->stats.truncation_count++;
        if (n->role == RAFT_LEADER) {
            BROKEN(n, "leader append-only", "%s leads and drops entries from %llu on", n->name,
                   ULL(effects->truncate_from));
        }
        if (effects->truncate_from <= n->core_commit) {
            BROKEN(n, "order", "%s drops the committed entry %llu", n->name,
                   ULL(effects->truncate_from));
        }
    }
    n->core_commit = effects->commit_index;
}

/* --- writes -------------------------------------------------------------------------------------------- */

void checker_written(struct checker_node *n, const struct store_write *w)
{
    struct pending_write *p = memory_take(sizeof *p + (size_t)w->entry_count * sizeof *p->entries);

    *p = (struct pending_write){.seq = w->seq,
                                .write_vote = w->write_vote,
                                .current_term = w->current_term,
                                .voted_for = w->voted_for,
                                .truncate_from = w->truncate_from,
                                .entry_count = w->entry_count};
    if (w->truncate_from > 0) {
        checker_log_cut(&n->log, w->truncate_from);
    }
    for (uint32_t i = 0; i < w->entry_count; i++) {
        const struct entry *e = w->entries[i];

        if (e->index != n->log.last + 1) {
            BROKEN(n, "order", "%s writes entry %llu after %llu", n->name, ULL(e->index),
                   ULL(n->log.last));
        }
        p->entries[i] = checker_entry_of(e, checker_log_at(&n->log, n->log.last).chain);
        checker_log_put(&n->log, p->entries[i]);
        match_note(n, n->log.last, p->entries[i]);
    }
    list_init(&p->link);
    list_append(&n->disk->pending, &p->link);
    note_commits(n);
}

void checker_durable(struct checker_node *n, uint64_t seq)
{
    struct checker_disk *d = n->disk;

    while (d != NULL && !list_is_empty(&d->pending)) {
        struct pending_write *w = container_of(list_first(&d->pending), struct pending_write, link);

        if (w->seq > seq) {
            return;
        }
        if (w->write_vote) {
            d->current_term = w->current_term;
            d->voted_for = w->voted_for;
        }
        if (w->truncate_from > 0) {
            checker_log_cut(&d->log, w->truncate_from);
        }
        for (uint32_t i = 0; i < w->entry_count; i++) {
            checker_log_put(&d->log, w->entries[i]);
        }
        list_remove(&w->link);
        free(w);
    }
}

/* --- messages (2): persist before speak ------------------------------------------------------------------ */

static void check_vote(struct checker_node *n, uint64_t term, uint64_t candidate)
{
    struct checker_disk *d = n->disk;
    uint64_t *vote = slot_for(&d->votes, &d->vote_capacity, term);

    if (*vote != 0 && *vote != candidate) {
        BROKEN(n, "election safety", "%s votes twice in term %llu: for %016llx and %016llx",
               n->name, ULL(term), ULL(*vote), ULL(candidate));
    }
    *vote = candidate;
    if (d->current_term < term || (d->current_term == term && d->voted_for != candidate)) {
        BROKEN(n, "persist before speak", "%s speaks of its vote in term %llu before it is durable",
               n->name, ULL(term));
    }
}

void checker_sent(struct checker_node *n, const struct raft_message *m)
{
    const struct checker_disk *d = n->disk;

    if (m->kind == RAFT_PRE_VOTE || m->kind == RAFT_PRE_VOTE_REPLY) {
        return; /* Promises nothing, and names a term that may never be. */
    }
    if (d->current_term < m->term) {
        BROKEN(n, "persist before speak", "%s speaks in term %llu, its disk is in %llu", n->name,
               ULL(m->term), ULL(d->current_term));
    }
    if (m->kind == RAFT_REQUEST_VOTE) {
        check_vote(n, m->term, d->id);
    } else if (m->kind == RAFT_REQUEST_VOTE_REPLY && m->granted) {
        check_vote(n, m->term, m->to);
    } else if (m->kind == RAFT_APPEND_ENTRIES_REPLY && m->granted && m->term == d->current_term) {
        uint64_t match = m->match_index;

        if (d->log.last < match ||
            (n->log.last >= match &&
             checker_log_at(&d->log, match).chain != checker_log_at(&n->log, match).chain)) {
            BROKEN(n, "persist before speak", "%s acknowledges entry %llu, its disk ends at %llu",
                   n->name, ULL(match), ULL(d->log.last));
        }
    }
}

/* --- the state machine (6) ----------------------------------------------------------------------------------- */

void checker_applied(struct checker_node *n, const struct entry *e, uint64_t kv_digest)
{
    struct checker *c = n->checker;

    if (e->index != n->applied_index + 1) {
        BROKEN(n, "order", "%s applies entry %llu after %llu", n->name, ULL(e->index),
               ULL(n->applied_index));
        return;
    }
    n->applied_index = e->index;
    note_commits(n);
    if (e->index > c->committed_last) {
        BROKEN(n, "order", "%s applies entry %llu, which nobody has committed", n->name,
               ULL(e->index));
        return;
    }
    struct committed *known = &c->committed[e->index];

    if (checker_entry_of(e, checker_log_at(&n->log, e->index - 1).chain).chain !=
        known->entry.chain) {
        BROKEN(n, "state machine safety", "%s applies another entry %llu", n->name, ULL(e->index));
    }
    if (!known->has_digest) {
        known->has_digest = true;
        known->digest = kv_digest;
        c->stats.change_count += e->kind == RAFT_CONFIGURATION;
    } else if (known->digest != kv_digest) {
        BROKEN(n, "state machine safety", "%s has another keyspace after entry %llu", n->name,
               ULL(e->index));
    }
}
