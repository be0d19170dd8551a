/* checker.c - see checker.h. Each call takes O(1), or O(1) for each entry concerned. */
#include "sim/checks/checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/checks/checker_node.h"

/* --- small maps ----------------------------------------------------------------------- */

/* The place for `key` in an array that grows as needed. */
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

/* Log matching (§5.3): entries with the same index and term are the same, and so are all entries
 * before them. */
static void match_note(struct checker_node *n, uint64_t index, struct checker_entry e)
{
    if (!checker_matches_note(&n->checker->matches, index, e.term, e.chain)) {
        BROKEN(n, "log matching", "%s has another entry %llu of term %llu than another node",
               n->name, ULL(index), ULL(e.term));
    }
}

/* --- life ----------------------------------------------------------------------------- */

struct checker *checker_new(struct verdict *verdict)
{
    struct checker *c = memory_take_zeroed(1, sizeof *c);

    c->verdict = verdict;
    list_init(&c->lives);
    return c;
}

void checker_free(struct checker *c)
{
    while (!list_is_empty(&c->lives)) {
        struct checker_life *life = container_of(list_first(&c->lives), struct checker_life, link);

        list_remove(&life->link);
        checker_disk_deinit(&life->disk);
        free(life->votes);
        free(life);
    }
    free(c->leaders);
    free(c->committed);
    checker_matches_deinit(&c->matches);
    free(c);
}

void checker_get_stats(const struct checker *c, struct checker_stats *ret_stats)
{
    *ret_stats = c->stats;
    ret_stats->commit_index = c->committed_last;
    list_for_each(link, &c->lives)
    {
        ret_stats->forgotten_count +=
            container_of(link, struct checker_life, link)->disk.forgotten_count;
    }
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
    return n->life == NULL ? 0 : n->life->disk.id;
}

static struct checker_life *life_of(const struct checker *c, uint64_t id)
{
    list_for_each(link, &c->lives)
    {
        struct checker_life *life = container_of(link, struct checker_life, link);

        if (life->disk.id == id) {
            return life;
        }
    }
    return NULL;
}

struct checker_life *checker_life_new(struct checker *c, uint64_t id)
{
    struct checker_life *life = memory_take_zeroed(1, sizeof *life);

    checker_disk_init(&life->disk, id);
    list_init(&life->link);
    list_append(&c->lives, &life->link);
    return life;
}

/* --- for the budget of damage ----------------------------------------------------------- */

void checker_allow_loss(struct checker *c, uint64_t id, enum checker_loss loss)
{
    struct checker_life *life = life_of(c, id);

    if (life != NULL && loss > life->disk.may_lose) {
        life->disk.may_lose = loss;
    }
}

void checker_doubt(struct checker *c, uint64_t id)
{
    struct checker_life *life = life_of(c, id);

    if (life != NULL) {
        checker_disk_doubt(&life->disk);
    }
}

void checker_trust(struct checker *c, uint64_t id)
{
    struct checker_life *life = life_of(c, id);

    if (life != NULL) {
        life->disk.is_doubted = false;
    }
}

const struct checker_disk *checker_disk_of(const struct checker *c, uint64_t id)
{
    const struct checker_life *life = life_of(c, id);

    return life == NULL ? NULL : &life->disk;
}

void checker_each_disk(const struct checker *c,
                       void (*each)(void *context, const struct checker_disk *d), void *context)
{
    list_for_each(link, &c->lives)
    {
        each(context, &container_of(link, struct checker_life, link)->disk);
    }
}

uint64_t checker_promised_last(const struct checker *c, const struct checker_log *log)
{
    uint64_t last = log->last < c->committed_last ? log->last : c->committed_last;
    uint64_t same = last;

    while (same > 0 && log->entries[same].chain != c->committed[same].entry.chain) {
        same--;
    }
    return same == last ? log->last : same;
}

/* --- configurations (9; §6) --------------------------------------------------------------- */

/* The log is new from `from` on. */
void checker_note_configurations(struct checker_node *n, uint64_t from)
{
    while (n->configured_at >= from ||
           (n->configured_at > 0 &&
            checker_log_at(&n->log, n->configured_at).kind != RAFT_CONFIGURATION)) {
        n->configured_at--;
    }
    for (uint64_t i = from; i <= n->log.last; i++) {
        if (checker_log_at(&n->log, i).kind == RAFT_CONFIGURATION) {
            n->configured_at = i;
        }
    }
}

/* The newest configuration in the log is in force, committed or not. */
static void check_configuration(struct checker_node *n, const struct raft *r)
{
    if (raft_configuration_index(r) != n->configured_at) {
        BROKEN(n, "configuration", "%s goes by the configuration of entry %llu, its log has %llu",
               n->name, ULL(raft_configuration_index(r)), ULL(n->configured_at));
    }
}

/* --- recovery (13): all that was acknowledged, nothing that was not written ----------- */

void checker_recovered_entry(struct checker_node *n, const struct entry *e)
{
    struct checker_entry own = checker_entry_of(e, checker_log_at(&n->log, n->log.last).chain);

    if (e->index != n->log.last + 1) {
        BROKEN(n, "recovery", "%s recovered entry %llu after %llu", n->name, ULL(e->index),
               ULL(n->log.last));
        return;
    }
    checker_log_put(&n->log, own);
    checker_note_configurations(n, e->index);
    if (!checker_matches_has(&n->checker->matches, e->index, e->term)) {
        BROKEN(n, "invention", "%s recovered entry %llu of term %llu, which nobody ever wrote",
               n->name, ULL(e->index), ULL(e->term));
    }
    match_note(n, e->index, own);
}

/* The node may act again as if it had not promised what it has forgotten: that was in the
 * budget. */
static void forget(struct checker_life *life)
{
    for (uint64_t term = life->disk.current_term; term < life->vote_capacity; term++) {
        life->votes[term] = term == life->disk.current_term ? life->disk.voted_for : 0;
    }
    life->acknowledged_term = 0;
    life->acknowledged_last = 0;
}

void checker_recovered(struct checker_node *n, const struct raft *r,
                       const struct store_recovered *found)
{
    struct checker *c = n->checker;

    n->life = life_of(c, found->identity.node_id);
    if (n->life == NULL) {
        n->life = checker_life_new(c, found->identity.node_id);
    }
    uint64_t forgotten_count = n->life->disk.forgotten_count;
    uint64_t loss_count = n->life->disk.loss_count;

    c->stats.lost_write_count +=
        checker_disk_recover(&n->life->disk, &n->log, n->origin, found->current_term,
                             found->voted_for, found->lacks_entries, n->name, c->verdict);
    if (n->life->disk.loss_count > loss_count) {
        n->life->acknowledged_term = 0; /* It takes back what it said; its votes stand. */
        n->life->acknowledged_last = 0;
    }
    if (n->life->disk.forgotten_count > forgotten_count) {
        forget(n->life);
    }
    if (raft_current_term(r) != found->current_term || raft_voted_for(r) != found->voted_for) {
        BROKEN(n, "recovery",
               "%s starts in term %llu and has a vote for %016llx on its disk, "
               "and goes by %llu and %016llx",
               n->name, ULL(found->current_term), ULL(found->voted_for), ULL(raft_current_term(r)),
               ULL(raft_voted_for(r)));
    }
    if (raft_origin(r) != n->origin) {
        BROKEN(n, "origin", "%s found a log behind entry %llu, and goes by one behind %llu",
               n->name, ULL(n->origin), ULL(raft_origin(r)));
    }
    n->core_commit = raft_commit_index(r);
    n->role = raft_role(r);
    n->current_term = raft_current_term(r);
}

void checker_repaired(struct checker_node *n)
{
    n->life->disk.is_lacking = false;
}

/* --- commits -------------------------------------------------------------------------- */

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
        c->committed[i] = (struct committed){.entry = e, .commit_term = n->current_term};
        c->committed_last = i;
    }
}

/* Whether a majority of that half of the configuration has the leader's log on its
 * disks up to `index`. */
static bool is_held(const struct checker_node *n, const struct raft_configuration *config,
                    uint64_t index, bool outgoing)
{
    uint32_t voter_count = 0;
    uint32_t held_count = 0;

    for (uint32_t i = 0; i < config->member_count; i++) {
        const struct raft_member *m = &config->members[i];
        struct checker_life *life;

        if (!(outgoing ? m->outgoing : m->incoming)) {
            continue;
        }
        voter_count++;
        life = life_of(n->checker, m->id);
        held_count += life != NULL && checker_disk_vouches(&life->disk, &n->log, index);
    }
    return voter_count == 0 || held_count > voter_count / 2;
}

/* The commit rule (7; §5.3, §5.4.2, §6), with the configuration before the step: one that a
 * commit in the same step brings into force counts only for later entries. */
static void check_commit(struct checker_node *n, const struct raft *r, uint64_t index)
{
    if (index > n->log.last) {
        BROKEN(n, "commit rule", "%s leads and commits %llu beyond its log", n->name, ULL(index));
        return;
    }
    if (checker_log_at(&n->log, index).term != raft_current_term(r)) {
        BROKEN(n, "commit rule", "%s leads term %llu and commits entry %llu of term %llu", n->name,
               ULL(raft_current_term(r)), ULL(index), ULL(checker_log_at(&n->log, index).term));
    }
    if (!is_held(n, &n->config, index, false) || !is_held(n, &n->config, index, true)) {
        BROKEN(n, "commit rule", "%s commits entry %llu, which is not on a majority of the disks",
               n->name, ULL(index));
    }
}

/* --- steps ---------------------------------------------------------------------------- */

/* What the leader believes that a member holds. */
static uint64_t match_of(const struct raft *r, uint64_t id)
{
    struct raft_progress progress;

    return raft_progress_of(r, id, &progress) ? progress.match_index : 0;
}

void checker_before_step(struct checker_node *n, const struct raft *r)
{
    raft_observe(r, &n->before);
    check_configuration(n, r);
    if (raft_role(r) == RAFT_LEADER) {
        n->config = *raft_configuration(r);
        for (uint32_t i = 0; i < n->config.member_count; i++) {
            n->matches[i] = match_of(r, n->config.members[i].id);
        }
    }
}

/* What a leader knows about a member is true and never falls (I-5), as long as the member has
 * heard of no later leader. (A success under way may concern what its sender has forgotten
 * since.) */
static void check_matches(struct checker_node *n, const struct raft *r)
{
    for (uint32_t i = 0; i < n->config.member_count; i++) {
        uint64_t id = n->config.members[i].id;
        uint64_t match = match_of(r, id);
        struct checker_life *life;

        life = life_of(n->checker, id);
        if (match < n->matches[i] && raft_configuration_find(raft_configuration(r), id) != NULL &&
            !(life != NULL && life->disk.lacked_count > 0 && match <= life->disk.log.last)) {
            BROKEN(n, "match", "%s leads and knew entry %llu to be on %016llx, and now %llu",
                   n->name, ULL(n->matches[i]), ULL(id), ULL(match));
        }
        if (match <= n->matches[i] || id == raft_self(r)) {
            continue;
        }
        if (life != NULL && life->disk.current_term <= n->current_term &&
            match > life->disk.forgotten_last &&
            (life->disk.log.last < match || checker_log_at(&life->disk.log, match).chain !=
                                                checker_log_at(&n->log, match).chain)) {
            BROKEN(n, "match", "%s leads and takes entry %llu to be on %016llx, which has not it",
                   n->name, ULL(match), ULL(id));
        }
    }
}

/* Election safety (1) and leader completeness (5; §5.4.3): its log has everything committed in
 * earlier terms. (A later leader may be ahead of one that learns only now that it was elected.) */
static void note_leader(struct checker_node *n, const struct raft *r)
{
    struct checker *c = n->checker;
    uint64_t term = raft_current_term(r);
    uint64_t *leader = slot_for(&c->leaders, &c->leader_capacity, term);
    uint64_t last = c->committed_last;

    if (*leader != 0 && *leader != n->life->disk.id) {
        BROKEN(n, "election safety", "%s leads term %llu, and so did %016llx", n->name, ULL(term),
               ULL(*leader));
    }
    *leader = n->life->disk.id;
    c->stats.election_count++;
    c->stats.term = term > c->stats.term ? term : c->stats.term;
    while (last > 0 && c->committed[last].commit_term >= term) {
        last--;
    }
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
    n->current_term = raft_current_term(r);
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
    if (n->role == RAFT_LEADER && was == RAFT_LEADER) {
        check_matches(n, r);
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

/* --- writes --------------------------------------------------------------------------- */

/* Only a later leader's request may undo what was acknowledged to a leader. */
static void check_truncation(struct checker_node *n, uint64_t from)
{
    const struct checker_life *life = n->life;

    if (from <= life->acknowledged_last && n->current_term == life->acknowledged_term) {
        BROKEN(n, "acknowledged",
               "%s drops entries from %llu on; in this term it said that it "
               "holds %llu",
               n->name, ULL(from), ULL(life->acknowledged_last));
    }
}

void checker_written(struct checker_node *n, const struct store_write *w)
{
    uint64_t first = w->entry_count > 0 ? w->entries[0]->index : 0;

    if (w->truncate_from > 0) {
        check_truncation(n, w->truncate_from);
    }
    checker_disk_write(&n->life->disk, w, &n->log, n->name, n->checker->verdict);
    if (w->truncate_from > 0 || first > 0) {
        checker_note_configurations(n, w->truncate_from > 0 ? w->truncate_from : first);
    }
    for (uint64_t i = first; first > 0 && i <= n->log.last; i++) {
        match_note(n, i, checker_log_at(&n->log, i));
    }
    note_commits(n);
}

void checker_durable(struct checker_node *n, uint64_t seq)
{
    if (n->life != NULL) {
        checker_disk_durable(&n->life->disk, seq);
    }
}

/* --- messages (2): persist before speak ----------------------------------------------- */

static void check_vote(struct checker_node *n, uint64_t term, uint64_t candidate)
{
    const struct checker_disk *d = &n->life->disk;
    uint64_t *vote = slot_for(&n->life->votes, &n->life->vote_capacity, term);

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

static void acknowledge(struct checker_life *life, uint64_t term, uint64_t last)
{
    if (term > life->acknowledged_term) {
        life->acknowledged_term = term;
        life->acknowledged_last = 0;
    }
    if (term == life->acknowledged_term && last > life->acknowledged_last) {
        life->acknowledged_last = last;
    }
}

void checker_sent(struct checker_node *n, const struct raft_message *m)
{
    const struct checker_disk *d = &n->life->disk;

    if (m->kind == RAFT_PRE_VOTE || m->kind == RAFT_PRE_VOTE_REPLY) {
        return; /* It promises nothing, and its term may never come. */
    }
    if (d->current_term < m->term) {
        BROKEN(n, "persist before speak", "%s speaks in term %llu, its disk is in %llu", n->name,
               ULL(m->term), ULL(d->current_term));
    }
    if (m->kind == RAFT_REQUEST_VOTE) {
        check_vote(n, m->term, d->id);
    } else if (m->kind == RAFT_REQUEST_VOTE_REPLY && m->request_vote_reply.vote_granted) {
        check_vote(n, m->term, m->to);
    } else if (m->kind == RAFT_APPEND_ENTRIES_REPLY && m->append_entries_reply.success &&
               m->term == d->current_term) {
        uint64_t match = m->append_entries_reply.match_index;

        acknowledge(n->life, m->term, match);
        if (d->log.last < match ||
            (n->current_term == m->term && n->log.last >= match &&
             checker_log_at(&d->log, match).chain != checker_log_at(&n->log, match).chain)) {
            BROKEN(n, "persist before speak", "%s acknowledges entry %llu, its disk ends at %llu",
                   n->name, ULL(match), ULL(d->log.last));
        }
    }
}

/* --- the state machine (6) ------------------------------------------------------------ */

void checker_applied(struct checker_node *n, const struct entry *e, uint64_t kv_digest,
                     uint64_t kv_time_us)
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
    if (kv_time_us != known->entry.time_us) {
        BROKEN(n, "log time", "%s has applied entry %llu of time %llu and says it is %llu", n->name,
               ULL(e->index), ULL(known->entry.time_us), ULL(kv_time_us));
    }
    if (n->is_state_doubted) {
        return;
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

void checker_doubt_state(struct checker_node *n, bool is_doubted)
{
    n->is_state_doubted = is_doubted;
    n->checker->has_doubted_states |= is_doubted;
}

bool checker_knows_state(const struct checker_node *n)
{
    return n->applied_index > 0 && n->checker->committed[n->applied_index].has_digest;
}

bool checker_has_state(const struct checker_node *n, uint64_t kv_digest)
{
    const struct committed *known = &n->checker->committed[n->applied_index];

    return checker_knows_state(n) && known->digest == kv_digest;
}
