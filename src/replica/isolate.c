/* isolate.c - carries out what quarantine.h decides: a node whose state is wrong answers nothing
 * from it, hands over if it leads, keeps evidence, fetches a snapshot of a node that is right,
 * and starts again from its directory. */
#include <string.h>

#include "base/mutant.h"
#include "replica/state.h"
#include "resp/errors.h"

enum { GROUP = 0, ASKED_SECONDS_MAX = 60 };

static const uint64_t RESIGN_NS = 2000 * 1000 * 1000ull; /* It may lead on so long, at most. */

/* --- the beginning ------------------------------------------------------------------- */

static bool leads(const struct replica *r)
{
    return raft_role(r->raft) == RAFT_LEADER;
}

static void log_beginning(const struct replica *r)
{
    const struct quarantine *q = &r->quarantine;

    log_write(r->log, LOG_ERROR,
              q->reason == QUARANTINE_BY_DIGEST
                  ? "the state of this node differs from that of a majority: it isolates itself"
                  : "the memory of this node does not hold what was put there: it isolates itself",
              "index=%llu applied=%llu attempt=%u advice=" LOG_Q, (unsigned long long)q->index,
              (unsigned long long)r->applied_index, (unsigned)q->attempts,
              q->phase == QUARANTINE_STAYS
                  ? "it was rebuilt again and again: check its memory and its program, then start "
                    "it again, or replace it"
                  : "it will be rebuilt; a copy of the wrong state stays in the directory "
                    "'evidence' of its data");
}

/* Nothing is answered from this state: what is in the log is in doubt, and the leader serves the
 * reads. */
static void take_back_requests(struct replica *r)
{
    MUTANT_DO(isolated_node_answers, return;);
    if (leads(r)) {
        proposals_doubt(&r->proposals);
    }
    reads_take_back(&r->reads, &r->requests);
    r->read_index.catch_up_to = UINT64_MAX;
}

/* So that nobody counts this node's digests any more, or offers it leadership. */
static void announce(struct replica *r, raft_index needed_index)
{
    const struct raft_configuration *c = raft_configuration(r->raft);

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;
        struct wire_digest d = {.group = GROUP,
                                .is_isolated = quarantine_is_on(&r->quarantine),
                                .needed_index = id == r->isolation.holder ? needed_index : 0};

        if (id != raft_self(r->raft)) {
            peers_send_digest(r->peers, id, &d);
        }
    }
}

/* After a restart, who was right is known from before. */
static void note_right(struct replica *r, raft_index index, uint64_t right)
{
    struct isolation found = {.right_count = 0};

    for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
        raft_id id = r->digests.sources[i].id;

        if (digests_has(&r->digests, id, index, right)) {
            found.right[found.right_count++] = id;
        }
    }
    if (found.right_count > 0) {
        memcpy(r->isolation.right, found.right, sizeof found.right);
        r->isolation.right_count = found.right_count;
    }
}

void isolate(struct replica *r, enum quarantine_reason reason, raft_index index, uint64_t right)
{
    uint64_t now_ns = io_now_ns(r->io);

    if (r->is_ended ||
        !quarantine_begin(&r->quarantine, reason, index, right, r->applied_index, now_ns)) {
        return;
    }
    log_beginning(r);
    r->isolation.resign_next_ns = now_ns;
    r->isolation.resign_until_ns = now_ns + RESIGN_NS;
    note_right(r, index, right);
    digests_forget_own(&r->digests);
    snapshotter_abandon(&r->snapshotter);
    take_back_requests(r);
    announce(r, 0);
    io_turn_soon(r->io);
}

bool replica_is_isolated(const struct replica *r)
{
    return quarantine_is_on(&r->quarantine);
}

/* --- leaving office ------------------------------------------------------------------ */

static bool is_right(const struct replica *r, raft_id id)
{
    if (digests_is_isolated(&r->digests, id)) {
        return MUTANT(rebuilt_from_any);
    }
    if (r->quarantine.reason == QUARANTINE_BY_MEMORY) {
        return true;
    }
    for (uint32_t i = 0; i < r->isolation.right_count; i++) {
        if (r->isolation.right[i] == id) {
            return true;
        }
    }
    /* Those may all have left meanwhile. */
    return MUTANT(rebuilt_from_any) ||
           digests_has_majority(&r->digests, raft_configuration(r->raft), raft_self(r->raft), id);
}

static raft_id find_successor(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    raft_index best_index = 0;
    raft_id best = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct raft_member *m = &c->members[i];
        struct raft_progress p;

        if (m->id != raft_self(r->raft) && m->incoming && is_right(r, m->id) &&
            raft_progress_of(r->raft, m->id, &p) && replica_hears(r, &p) &&
            p.match_index >= best_index) {
            best = m->id;
            best_index = p.match_index;
        }
    }
    return best;
}

static void resign(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TRANSFER, .now_ns = io_now_ns(r->io)};

    if (!leads(r) || !raft_is_ready(r->raft) || raft_is_transferring(r->raft) ||
        event.now_ns < r->isolation.resign_next_ns || MUTANT(isolated_leader_stays)) {
        return;
    }
    event.peer = find_successor(r);
    r->isolation.resign_next_ns = event.now_ns + r->options.election_timeout_ns;
    if (event.peer != 0) {
        log_write(r->log, LOG_WARN, "an isolated leader hands over", "successor=%016llx",
                  (unsigned long long)event.peer);
        replica_step(r, &event, NULL);
    }
}

/* --- evidence ------------------------------------------------------------------------ */

static void keep_evidence(struct replica *r)
{
    struct snapshot_source source = {
        .index = r->applied_index,
        .keyspace = r->keyspace,
        .members = r->committed,
        .level = r->level,
    };

    if (r->isolation.is_keeping || r->snapshotter.is_under_way) {
        return; /* The one that was given up is ending. */
    }
    source.term = r->applied_index == 0 ? 0 : raft_term_at(r->raft, r->applied_index);
    r->isolation.is_keeping = snapshotter_keep_evidence(&r->snapshotter, &source);
    if (!r->isolation.is_keeping) {
        quarantine_note_kept(&r->quarantine); /* There is nothing to keep yet. */
    }
}

void isolation_kept(struct replica *r, int error)
{
    log_write(r->log, error == 0 ? LOG_WARN : LOG_ERROR,
              error == 0 ? "the wrong state was kept as evidence"
                         : "the wrong state could not be kept as evidence",
              "index=%llu file=evidence/state-%08u.snap error=%d",
              (unsigned long long)r->snapshotter.making.index,
              (unsigned)r->snapshotter.making.evidence, -error);
    r->isolation.is_keeping = false;
    quarantine_note_kept(&r->quarantine);
}

/* --- a right snapshot ---------------------------------------------------------------- */

static raft_index needed_index(const struct replica *r)
{
    raft_index newest = r->snapshotter.newest.index;

    return newest > 0 ? newest : 1;
}

bool isolation_wants(const struct replica *r, raft_index snapshot_index)
{
    return r->quarantine.phase == QUARANTINE_FETCHES && snapshot_index >= needed_index(r) &&
           snapshot_index <= raft_commit_index(r->raft);
}

void isolation_fetched(struct replica *r)
{
    quarantine_note_fetched(&r->quarantine);
}

static bool can_hold(struct replica *r, raft_id id)
{
    return id != raft_self(r->raft) && is_right(r, id) && peers_fetch(r->peers, id) != NULL;
}

/* The next one that is right, and connected; it is asked for a while before another one is. */
static void choose_holder(struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t first = 0;

    if (r->isolation.holder != 0 && can_hold(r, r->isolation.holder) &&
        r->isolation.asked_count++ < ASKED_SECONDS_MAX) {
        return;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        first = c->members[i].id == r->isolation.holder ? i + 1 : first;
    }
    r->isolation.holder = 0;
    r->isolation.asked_count = 0;
    for (uint32_t i = 0; i < c->member_count && r->isolation.holder == 0; i++) {
        raft_id id = c->members[(first + i) % c->member_count].id;

        r->isolation.holder = can_hold(r, id) ? id : 0;
    }
}

void isolation_offer(struct replica *r, raft_id from, const struct raft_snapshot *snapshot)
{
    struct raft_snapshot offer = *snapshot;

    offer.holder = from;
    if (from == r->isolation.holder && isolation_wants(r, snapshot->last_included_index)) {
        install_offer(r, &offer);
    }
}

void isolation_answer(struct replica *r, raft_id from, raft_index index)
{
    struct store_snapshot newest = snapshot_newest(r->store);
    struct wire_digest d = {.group = GROUP,
                            .snapshot = {.last_included_index = newest.index,
                                         .last_included_term = newest.term,
                                         .bytes = newest.bytes,
                                         .checksum = newest.checksum}};

    if (quarantine_is_on(&r->quarantine)) {
        return;
    }
    if (newest.index >= index) {
        peers_send_digest(r->peers, from, &d);
    } else {
        snapshotter_want(&r->snapshotter, index);
    }
    io_turn_soon(r->io);
}

/* --- and on -------------------------------------------------------------------------- */

/* Not while it leads, unless nobody takes over. */
static void restart(struct replica *r)
{
    if (!leads(r) || io_now_ns(r->io) >= r->isolation.resign_until_ns) {
        replica_ask_restart(r, "its state is rebuilt from what is on its disk");
    }
}

void isolation_look(struct replica *r)
{
    if (!quarantine_is_on(&r->quarantine)) {
        return;
    }
    resign(r);
    if (r->quarantine.phase == QUARANTINE_KEEPS) {
        keep_evidence(r);
    }
}

void isolation_each_second(struct replica *r)
{
    if (!quarantine_is_on(&r->quarantine)) {
        return;
    }
    if (r->quarantine.phase == QUARANTINE_FETCHES) {
        choose_holder(r);
        announce(r, needed_index(r));
    } else {
        announce(r, 0);
    }
}

void isolation_settle(struct replica *r)
{
    if (quarantine_note_applied(&r->quarantine, r->applied_index, io_now_ns(r->io))) {
        log_write(r->log, LOG_WARN,
                  "the state of this node is right again: it takes part as before", "applied=%llu",
                  (unsigned long long)r->applied_index);
        r->read_index.catch_up_to = r->applied_index;
        announce(r, 0);
        io_turn_soon(r->io);
    } else if (r->quarantine.phase == QUARANTINE_RESTARTS) {
        restart(r);
    }
}

void isolation_resume(struct replica *r)
{
    const struct quarantine *q = &r->quarantine;
    uint64_t digest;

    if (quarantine_is_on(q)) {
        r->read_index.catch_up_to = UINT64_MAX;
    }
    if (quarantine_is_on(q) && digests_find_own(&r->digests, q->index, &digest) &&
        quarantine_is_wrong_again(q, q->index, digest)) {
        isolate(r, QUARANTINE_BY_DIGEST, q->index, q->right);
    }
}
