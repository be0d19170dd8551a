#include "replica/read_index.h"

#include "base/mutant.h"
#include "replica/state.h"

/* A read that waits longer for entries is better served by the leader. */
enum { BEHIND_HEARTBEATS = 4 };

void read_index_init(struct read_index *x, uint64_t first_number)
{
    *x = (struct read_index){.next_number = first_number};
}

/* --- as follower: here, or forwarded --------------------------------------------------- */

static bool has_caught_up(const struct replica *r)
{
    return r->applied_index >= r->read_index.catch_up_to;
}

static bool is_held_up(const struct replica *r, const struct request *request)
{
    uint64_t patience_ns = BEHIND_HEARTBEATS * r->options.heartbeat_interval_ns;

    return request != NULL && io_now_ns(r->io) > request->arrived_ns + patience_ns;
}

/* Otherwise an idle leader would say so only with its next heartbeat. The entry may come after the
 * answer that names it. */
static void note_committed(struct replica *r)
{
    const struct read_index *x = &r->read_index;
    struct raft_event event = {.kind = RAFT_COMMITTED,
                               .now_ns = io_now_ns(r->io),
                               .committed_index = x->committed_index,
                               .committed_term = x->committed_term};

    if (x->committed_index > raft_commit_index(r->raft) &&
        raft_has_entry(r->raft, x->committed_index, x->committed_term) &&
        !MUTANT(commit_awaits_heartbeat)) {
        replica_step(r, &event, NULL);
    }
}

void read_index_judge(struct replica *r)
{
    struct read_index *x = &r->read_index;

    note_committed(r);
    const struct request *first = reads_held_up(&r->reads, r->applied_index);

    if (is_held_up(r, first) && !MUTANT(behind_waits)) {
        x->catch_up_to = first->ticket;
        x->behind_count++;
        reads_take_back(&r->reads, &r->requests);
    } else if (x->catch_up_to != 0 && has_caught_up(r) && !forwards_have_reads(&r->forwards)) {
        x->catch_up_to = 0;
    }
}

/* The next turn judges again, for the reads that waited for that. */
void read_index_note_applied(struct replica *r, raft_index before)
{
    if (before < r->read_index.catch_up_to && has_caught_up(r)) {
        io_turn_soon(r->io);
    }
}

enum read_way read_index_way(const struct replica *r)
{
    raft_id leader = raft_leader(r->raft);

    if (r->read_index.catch_up_to != 0) {
        return has_caught_up(r) ? READ_WAIT : READ_FORWARD;
    }
    return leader != 0 && peers_is_connected(r->peers, leader) ? READ_HERE : READ_WAIT_FOR_LEADER;
}

/* --- as follower: the question --------------------------------------------------------- */

static void send(struct replica *r, uint64_t number)
{
    struct wire_read_index w = {.number = number,
                                .term = raft_current_term(r->raft),
                                .accepts_lease = r->read_index.accepts_lease};

    r->read_index.asked_id = raft_leader(r->raft);
    r->read_index.repeat_ns = io_now_ns(r->io) + r->options.heartbeat_interval_ns;
    peers_send_read_index(r->peers, r->read_index.asked_id, &w);
}

void read_index_ask(struct replica *r)
{
    struct read_index *x = &r->read_index;

    if (raft_leader(r->raft) == 0) {
        return;
    }
    if (reads_want_question(&r->reads)) {
        x->accepts_lease = reads_accept_lease(&r->reads);
        reads_ask(&r->reads, x->next_number++, io_now_ns(r->io));
        x->asked_count++;
        send(r, r->reads.number);
    } else if (r->reads.is_asking && io_now_ns(r->io) >= x->repeat_ns &&
               !MUTANT(question_asked_once)) {
        send(r, r->reads.number);
    }
}

/* Numbers can be guessed, so only the node that was asked is believed. */
void read_index_on_reply(void *context, raft_id from, const struct wire_read_index_reply *w)
{
    struct replica *r = context;

    if (r->is_running && raft_role(r->raft) != RAFT_LEADER &&
        (from == r->read_index.asked_id || MUTANT(anybody_answers_reads))) {
        reads_confirm(&r->reads, w->number, w->index);
        r->read_index.committed_index = w->index;
        r->read_index.committed_term = w->term;
    }
}

/* --- as leader ------------------------------------------------------------------------- */

/* The log may have been cut since the round began; what was cut is committed. */
static void answer(struct replica *r, raft_id to, uint64_t number, raft_index index)
{
    raft_index origin = raft_origin(r->raft);
    struct wire_read_index_reply w = {.number = number, .index = index < origin ? origin : index};

    w.term = raft_term_at(r->raft, w.index);
    peers_send_read_index_reply(r->peers, to, &w);
}

/* Clocks that differ too much end leases. I-75 relies on them as well. */
static void log_distrust(struct replica *r)
{
    bool is_distrusted = raft_is_lease_distrusted(r->raft);

    if (is_distrusted && !r->read_index.is_distrust_logged) {
        log_write(r->log, LOG_WARN, "clocks of nodes differ by more than 10 %: no leases for reads",
                  "advice=" LOG_Q, "find the machine whose clock runs fast or slow");
    }
    r->read_index.is_distrust_logged = is_distrusted;
}

/* The commit index, if a lease shows that this node leads; 0: none does. */
static raft_index lease_index(struct replica *r)
{
    uint64_t now_ns = peers_time_now(r->peers);
    uint64_t until_ns = raft_lease_until_ns(r->raft);

    log_distrust(r);
    if (now_ns >= until_ns) {
        return 0;
    }
    /* It is in use, and a new one takes a round trip. */
    if (until_ns - now_ns < r->options.election_timeout_ns / 2) {
        r->reads.wants_lease = true;
        r->reads.wants_refresh = true;
    }
    return raft_commit_index(r->raft);
}

void read_index_take_leased(struct replica *r)
{
    raft_index index = r->reads.has_leased ? lease_index(r) : 0;

    if (index > 0) {
        r->stats.lease_read_count += reads_take_leased(&r->reads, index);
    }
}

/* The asker follows this node in its present term, or did so when it asked, after its reads had
 * arrived. If the two of them are a majority, nobody else can have been elected before that, and
 * no round is needed. */
void read_index_on_question(void *context, raft_id from, const struct wire_read_index *w)
{
    struct replica *r = context;

    if (!r->is_running || r->is_installing || raft_role(r->raft) != RAFT_LEADER ||
        (w->term != raft_current_term(r->raft) && !MUTANT(question_of_any_term))) {
        return;
    }

    raft_index index = raft_read_index_for(r->raft, from);

    if (index == 0 && w->accepts_lease) {
        index = lease_index(r);
        r->stats.lease_read_count += index > 0;
    }
    if (index > 0) {
        answer(r, from, w->number, index);
    } else {
        askers_add(&r->askers, from, w->number);
        r->reads.wants_lease = r->reads.wants_lease || w->accepts_lease;
    }
}

void read_index_confirm(struct replica *r, uint64_t ticket, raft_index index)
{
    struct asker asker;

    while (askers_take(&r->askers, ticket, &asker)) {
        answer(r, asker.id, asker.number, index);
    }
}
