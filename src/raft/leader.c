/* leader.c - replicates the log (§5.3) and commits it (§5.4).
 *
 * A peer is either being replicated to: ranges of entries are sent without waiting, at most
 * RAFT_WINDOW_ENTRIES ahead of what it has acknowledged. Or it is being probed: one message at a
 * time searches for the last entry at which its log agrees with ours. It is probed at first,
 * after a rejection, and after its connection broke. A probe carries no entries, because these
 * may be large and the probe is repeated with each heartbeat; only this term's no-op is
 * included. If a peer is silent for a while about entries sent, an empty message follows them:
 * its rejection shows what was lost. They are not sent again before that, because on a slow path
 * most of them are still under way.
 *
 * If the logs agree only before the origin of ours, the entries that the peer needs are not
 * here: it needs a snapshot. It gets heartbeats, with each one a probe at the origin, and an
 * offer of the newest snapshot that the host has.
 *
 * Refuses: nothing in a reply lowers a match_index, except that its sender has lost entries and
 * says so (loss.c); a rejection at or below it is old; a reply that claims more than was ever sent
 * is a bug (RAFT_ELOG). */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/quorum.h"
#include "raft/raft_state.h"

/* --- peers ------------------------------------------------------------------------ */

/* Its index in r->peers; peer_count if it has none. */
static uint32_t place_of(const struct raft *r, raft_id id)
{
    uint32_t at = 0;

    while (at < r->peer_count && r->peers[at].id != id) {
        at++;
    }
    return at;
}

struct raft_peer *raft_leader_peer(struct raft *r, raft_id id)
{
    uint32_t at = place_of(r, id);

    return at < r->peer_count ? &r->peers[at] : NULL;
}

/* Of another member of the configuration in force. */
static raft_index match_index_of(struct raft *r, raft_id id)
{
    const struct raft_peer *peer = raft_leader_peer(r, id);

    CHECK(peer != NULL);
    return peer->match_index;
}

static void start_round(struct raft *r, struct raft_peer *peer)
{
    peer->round_target = r->log.last_index;
    peer->round_start_ns = r->now_ns;
}

static void add_peers(struct raft *r, const struct raft_configuration *c, raft_index next_index)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        if (id == r->options.id || raft_leader_peer(r, id) != NULL ||
            r->peer_count == RAFT_MEMBERS_MAX) {
            continue;
        }
        struct raft_peer *peer = &r->peers[r->peer_count++];

        *peer = (struct raft_peer){.id = id,
                                   .next_index = next_index,
                                   .heard_ns = r->now_ns,
                                   .searching_since_ns = r->now_ns};
        start_round(r, peer);
    }
}

/* Drops peers that are not in the newest configuration nor, while that is not committed, in the
 * previous one. */
static void drop_leavers(struct raft *r)
{
    const struct raft_configuration *newest = raft_configuration(r);
    const struct raft_configuration *before = raft_configuration_before(r);
    bool is_settled = raft_configuration_index(r) <= r->commit_index;
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < r->peer_count; i++) {
        raft_id id = r->peers[i].id;

        if (raft_configuration_find(newest, id) != NULL ||
            (!is_settled && before != NULL && raft_configuration_find(before, id) != NULL)) {
            r->peers[kept_count++] = r->peers[i];
        }
    }
    r->peer_count = kept_count;
}

/* A member that is leaving is served until that is committed, because it may be needed for it,
 * and a while longer, so that it hears of it; unless its place is needed. */
void raft_leader_sync_peers(struct raft *r)
{
    const struct raft_configuration *before = raft_configuration_before(r);

    if (r->peer_count + raft_configuration(r)->member_count > RAFT_MEMBERS_MAX) {
        drop_leavers(r);
    }
    add_peers(r, raft_configuration(r), r->log.last_index);
    if (raft_configuration_index(r) > r->commit_index && before != NULL) {
        add_peers(r, before, r->log.last_index);
    }
}

/* --- taking and leaving office ---------------------------------------------------- */

void raft_leader_begin(struct raft *r)
{
    CHECK(r->role == RAFT_CANDIDATE);
    CHECK(r->voted_for == r->options.id);
    raft_set_role(r, RAFT_LEADER, r->options.id, RAFT_BECAUSE_ELECTED);
    r->peer_count = 0;
    r->read_count = 0;
    r->transfer_target = 0;
    raft_lease_begin(r);
    r->leaving_until_ns = 0;
    r->other = (struct raft_snapshot){0};
    r->heartbeat_due_ns = r->now_ns + r->options.heartbeat_interval_ns;
    r->term_start_index = r->log.last_index + 1;
    r->agreed_term = r->current_term;
    raft_append_own(r, RAFT_NOOP, NULL);
    raft_leader_sync_peers(r);
}

void raft_leader_end(struct raft *r)
{
    CHECK(r->role == RAFT_LEADER);
    r->peer_count = 0;
    r->read_count = 0;
    r->transfer_target = 0;
}

/* --- committing ------------------------------------------------------------------- */

/* Figure 2, last rule for leaders: the highest index that a majority holds durably, provided its
 * entry is of this term. This condition prevents Figure 8. */
void raft_leader_advance_commit(struct raft *r)
{
    const struct raft_configuration *c = raft_configuration(r);
    raft_index match[RAFT_MEMBERS_MAX];
    /* Our own log counts only as far as it is durable. */
    raft_index own = MUTANT(leader_counts_undurable) ? r->log.last_index : r->durability.index;

    CHECK(r->role == RAFT_LEADER);
    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        match[i] = id == r->options.id ? own : match_index_of(r, id);
    }
    MUTANT_DO(removed_leader_counts, match[0] = raft_is_voter(r) ? match[0] : own);
    raft_index agreed = quorum_value(c, match);

    if (agreed > r->commit_index &&
        (term_log_term_at(&r->log, agreed) == r->current_term || MUTANT(commit_old_term))) {
        raft_commit_to(r, agreed);
    }
}

uint64_t raft_leader_quorum_heard_ns(const struct raft *r)
{
    const struct raft_configuration *c = raft_configuration(r);
    uint64_t heard_ns[RAFT_MEMBERS_MAX];

    CHECK(r->role == RAFT_LEADER);
    for (uint32_t i = 0; i < c->member_count; i++) {
        uint32_t at = place_of(r, c->members[i].id);

        heard_ns[i] = at < r->peer_count ? r->peers[at].heard_ns : r->now_ns;
    }
    return quorum_value(c, heard_ns);
}

/* --- sending ---------------------------------------------------------------------- */

static void send_range(struct raft *r, const struct raft_peer *peer, uint32_t entry_count)
{
    raft_index prev = peer->next_index - 1;

    raft_send(r, peer->id, RAFT_APPEND_ENTRIES, raft_after_term(r))->append_entries =
        (struct raft_append_entries){
            .prev_log_index = prev,
            .prev_log_term = raft_term_at(r, prev),
            .leader_commit = r->commit_index,
            .read_round = r->read_round,
            .entry_count = entry_count,
        };
}

static void replicate(struct raft *r, struct raft_peer *peer)
{
    raft_index limit = peer->match_index + RAFT_WINDOW_ENTRIES;
    raft_index end = r->log.last_index < limit ? r->log.last_index : limit;

    if (peer->next_index > end) {
        return;
    }
    if (peer->next_index == peer->match_index + 1) {
        peer->progress_ns = r->now_ns;
    }
    send_range(r, peer, (uint32_t)(end - peer->next_index + 1));
    peer->next_index = end + 1;
}

/* The term of an entry that may have left the log; 0: it is not known any more. */
static raft_term known_term(const struct raft *r, raft_index index)
{
    if (index == 0 || index >= r->term_start_index) {
        return index == 0 ? 0 : r->current_term;
    }
    return index >= raft_origin(r) ? raft_term_at(r, index) : 0;
}

static void send_heartbeat(struct raft *r, const struct raft_peer *peer)
{
    raft_index known = r->commit_index < peer->match_index ? r->commit_index : peer->match_index;

    MUTANT_DO(heartbeat_vouches_too_much, known = r->commit_index);
    MUTANT_DO(older_loss_not_reported, known = known >= r->term_start_index ? known : 0);
    /* With its term, so that the receiver can see whether it still has that entry. */
    raft_term term = known_term(r, known);

    raft_send(r, peer->id, RAFT_HEARTBEAT, raft_after_term(r))->heartbeat =
        (struct raft_heartbeat){.leader_commit = term > 0 ? known : 0,
                                .leader_commit_term = term,
                                .read_round = r->read_round,
                                .leader_last = r->log.last_index,
                                .life = peer->life,
                                .promise_ns = raft_lease_wanted_ns(r)};
}

/* After it, the log must go on here. */
static bool may_offer_other(const struct raft *r, const struct raft_peer *peer)
{
    raft_index index = r->other.last_included_index;
    bool is_in_log = index >= raft_origin(r) && index <= r->commit_index &&
                     term_log_agrees(&r->log, index, r->other.last_included_term);

    return index > 0 && r->other.holder != peer->id &&
           (is_in_log || MUTANT(snapshot_before_log_offered));
}

/* With each heartbeat, because it may be lost. The receiver takes the first one that it can
 * fetch. */
static void offer_snapshot(struct raft *r, const struct raft_peer *peer)
{
    if (r->snapshot.last_included_index == 0) {
        return;
    }
    if (may_offer_other(r, peer)) {
        raft_send(r, peer->id, RAFT_INSTALL_SNAPSHOT, raft_after_term(r))->install_snapshot =
            r->other;
    }
    struct raft_snapshot offered = r->snapshot;

    if (offered.holder == 0) {
        offered.holder = r->options.id;
    }
    raft_send(r, peer->id, RAFT_INSTALL_SNAPSHOT, raft_after_term(r))->install_snapshot = offered;
}

static void send_to(struct raft *r, struct raft_peer *peer)
{
    if (peer->is_replicating) {
        replicate(r, peer);
    } else if (!peer->probe_is_out) {
        send_range(r, peer, peer->next_index == r->term_start_index ? 1 : 0);
        peer->probe_is_out = true;
    }
    if (r->gathered.heartbeat == RAFT_TO_ALL ||
        (r->gathered.heartbeat == RAFT_TO_VOTERS &&
         raft_configuration_has_voter(raft_configuration(r), peer->id))) {
        send_heartbeat(r, peer);
    }
    if (peer->needs_snapshot &&
        (r->gathered.heartbeat == RAFT_TO_ALL || MUTANT(snapshot_offered_with_all))) {
        offer_snapshot(r, peer);
    }
}

void raft_leader_finish(struct raft *r)
{
    if (r->read_count > 0) {
        raft_read_confirm(r);
    }
    raft_configuration_drive(r);
    if (r->role != RAFT_LEADER) {
        return;
    }
    raft_transfer_caretaker(r);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        send_to(r, &r->peers[i]);
    }
    if (r->transfer_target != 0) {
        raft_transfer_drive(r);
    }
}

/* --- time ------------------------------------------------------------------------- */

/* From now on it is unknown where the logs agree. */
static void search(const struct raft *r, struct raft_peer *peer)
{
    if (peer->is_replicating) {
        peer->is_replicating = false;
        peer->searching_since_ns = r->now_ns;
    }
}

/* The entries that a peer should get next may be gone. Then it is asked whether it has the
 * origin's entry. */
void raft_leader_compact(struct raft *r)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        struct raft_peer *peer = &r->peers[i];

        if (peer->next_index < raft_first_index(r) && !MUTANT(compacted_sent)) {
            search(r, peer);
            peer->next_index = raft_first_index(r);
            peer->probe_is_out = peer->needs_snapshot;
        }
    }
}

/* What is under way may be lost; or it may have arrived, even if it has been dropped from the
 * log since. A peer that was being probed continues where the search was. */
static void probe(const struct raft *r, struct raft_peer *peer)
{
    if (peer->is_replicating) {
        search(r, peer);
        peer->next_index = peer->match_index + 1;
        if (peer->next_index < raft_first_index(r) && !MUTANT(lost_peer_sent_compacted)) {
            peer->next_index = raft_first_index(r);
        }
    }
    peer->probe_is_out = false;
}

/* The rejection of the next message shows that messages were lost; if none follows, an empty one
 * is sent. A slow peer gets twice the patience each time. */
static void watch_progress(struct raft *r, struct raft_peer *peer)
{
    uint64_t patience_ns = (RAFT_STALL_HEARTBEATS * r->options.heartbeat_interval_ns)
                           << peer->stall_doublings;

    if (!peer->is_replicating) {
        peer->probe_is_out = false; /* It may be lost, so the next one is due. */
        return;
    }
    if (peer->next_index == peer->match_index + 1 || r->now_ns - peer->progress_ns < patience_ns) {
        return;
    }
    if (peer->stall_doublings < RAFT_STALL_DOUBLINGS_MAX) {
        peer->stall_doublings++;
    }
    MUTANT_DO(silence_sends_again, probe(r, peer));
    send_range(r, peer, 0);
}

/* CheckQuorum (dissertation §6.2): a node that does not hear from a majority does not lead. */
void raft_leader_on_tick(struct raft *r)
{
    CHECK(r->role == RAFT_LEADER);
    if (r->transfer_target != 0 && r->now_ns >= r->transfer_deadline_ns) {
        raft_transfer_give_up(r);
    }
    if (r->now_ns < r->heartbeat_due_ns) {
        return;
    }
    if (r->now_ns - raft_leader_quorum_heard_ns(r) >= r->options.election_timeout_ns &&
        !MUTANT(no_check_quorum)) {
        raft_become_follower(r, r->current_term, 0, RAFT_BECAUSE_NO_QUORUM);
        return;
    }
    r->heartbeat_due_ns = r->now_ns + r->options.heartbeat_interval_ns;
    r->led_ns = r->now_ns;
    r->gathered.heartbeat = RAFT_TO_ALL;
    r->transfer_is_sent = false;
    if (r->leaving_until_ns != 0 && r->now_ns >= r->leaving_until_ns) {
        r->leaving_until_ns = 0;
        drop_leavers(r);
    }
    for (uint32_t i = 0; i < r->peer_count; i++) {
        watch_progress(r, &r->peers[i]);
    }
}

void raft_leader_on_peer_lost(struct raft *r, raft_id id)
{
    struct raft_peer *peer = raft_leader_peer(r, id);

    if (peer != NULL) {
        probe(r, peer);
        peer->probe_is_out = true; /* Not at once: the connection is gone. */
    }
}

/* --- proposals and replies -------------------------------------------------------- */

int raft_leader_on_propose(struct raft *r, uint32_t propose_count)
{
    if (r->role != RAFT_LEADER) {
        return RAFT_ENOTLEADER;
    }
    if (!raft_takes_commands(r)) {
        return RAFT_EBUSY;
    }
    if (propose_count == 0) {
        return RAFT_OK;
    }
    r->gathered.append_first = r->log.last_index + 1;
    r->gathered.append_count = propose_count;
    (void)raft_write_seq(r);
    term_log_append(&r->log, r->current_term, propose_count);
    return RAFT_OK;
}

/* False: the reply is from a process that has ended since. A peer that has restarted without
 * what it had acknowledged counts for nothing until it acknowledges that again. */
static bool is_of_newest_life(struct raft *r, struct raft_peer *peer, uint64_t life, bool has_lost)
{
    if (life > peer->life) {
        peer->life = life;
        if (has_lost && !MUTANT(lost_entries_count)) {
            peer->match_index = 0;
            search(r, peer);
            peer->probe_is_out = false;
        }
    }
    return life == peer->life || MUTANT(ended_life_counts);
}

static void hear_peer(struct raft *r, struct raft_peer *peer, uint64_t read_round)
{
    peer->heard_ns = r->now_ns;
    if (read_round > peer->read_round) {
        peer->read_round = read_round;
    }
    MUTANT_DO(any_reply_confirms, peer->read_round = r->read_round);
}

static void on_match(struct raft *r, struct raft_peer *peer, raft_index match_index)
{
    if (!peer->is_replicating && match_index + 1 >= peer->next_index) {
        peer->is_replicating = true; /* The probe has found where the logs agree. */
        peer->needs_snapshot = false;
    }
    if (match_index <= peer->match_index && !MUTANT(late_success_lowers_match)) {
        return; /* A duplicate, or overtaken by a later one. */
    }
    peer->match_index = match_index;
    peer->progress_ns = r->now_ns;
    peer->stall_doublings = 0;
    if (peer->next_index <= match_index) {
        peer->next_index = match_index + 1;
    }
    raft_leader_advance_commit(r);
}

/* Each reply may end a round, including one to a heartbeat: otherwise a learner whose only long
 * round ended in an idle cluster would wait for the next write. */
static void watch_round(struct raft *r, struct raft_peer *peer)
{
    if (peer->match_index >= peer->round_target) {
        peer->is_caught_up = r->now_ns - peer->round_start_ns < r->options.election_timeout_ns;
        start_round(r, peer);
    }
}

/* The highest index at which the logs may agree, given the peer's reply. Its entries before the
 * rejected one have at most conflict_term, and conflict_term only from conflict_index on; ours
 * must be the same there. */
static raft_index agreement_bound(const struct raft *r,
                                  const struct raft_append_entries_reply *reply)
{
    if (reply->conflict_index == 0) {
        return 0;
    }
    if (reply->conflict_term == 0) {
        return reply->conflict_index - 1;
    }
    raft_index index = term_log_last_not_above(&r->log, reply->match_index, reply->conflict_term);

    if (index >= reply->conflict_index && raft_term_at(r, index) == reply->conflict_term) {
        return index;
    }
    return index < reply->conflict_index ? index : reply->conflict_index - 1;
}

/* Next is a probe whether the logs agree at `index`. Before the origin there is nothing to ask:
 * then the origin is probed, not at once again, but with the next heartbeat. */
static void search_from(const struct raft *r, struct raft_peer *peer, raft_index index)
{
    peer->needs_snapshot = index < raft_origin(r);
    if (peer->needs_snapshot) {
        index = raft_origin(r);
    }
    peer->probe_is_out = peer->needs_snapshot && !MUTANT(origin_probed_at_once);
    peer->next_index = index + 1;
}

static void on_mismatch(struct raft *r, struct raft_peer *peer,
                        const struct raft_append_entries_reply *reply)
{
    raft_index rejected = reply->match_index;

    if (rejected <= peer->match_index) {
        MUTANT_DO(refusal_lowers_match, peer->match_index = rejected > 0 ? rejected - 1 : 0);
        return; /* Overtaken by a success. */
    }
    if (rejected >= peer->next_index) {
        return; /* Of an earlier probe: the search has gone further back since. */
    }
    if (rejected < raft_origin(r)) {
        return; /* Of a probe that is not remembered. */
    }
    raft_index bound = agreement_bound(r, reply);

    if (bound > rejected - 1) {
        bound = rejected - 1;
    }
    if (bound < peer->match_index) {
        bound = peer->match_index;
    }
    search(r, peer);
    search_from(r, peer, bound);
}

int raft_leader_on_append_entries_reply(struct raft *r, const struct raft_message *m)
{
    const struct raft_append_entries_reply *reply = &m->append_entries_reply;

    CHECK(m->term == r->current_term);
    struct raft_peer *peer = r->role == RAFT_LEADER ? raft_leader_peer(r, m->from) : NULL;

    if (peer == NULL) {
        return RAFT_OK; /* We do not lead any more, or lead another term. */
    }
    if (reply->match_index > r->log.last_index || reply->read_round > r->read_round) {
        return RAFT_ELOG;
    }
    if (!is_of_newest_life(r, peer, reply->life, reply->has_lost)) {
        return RAFT_OK;
    }
    hear_peer(r, peer, reply->read_round);
    if (reply->success) {
        on_match(r, peer, reply->match_index);
    } else {
        on_mismatch(r, peer, reply);
    }
    watch_round(r, peer);
    return RAFT_OK;
}

int raft_leader_on_heartbeat_reply(struct raft *r, const struct raft_message *m)
{
    CHECK(m->term == r->current_term);
    struct raft_peer *peer = r->role == RAFT_LEADER ? raft_leader_peer(r, m->from) : NULL;

    if (peer == NULL) {
        return RAFT_OK;
    }
    if (m->heartbeat_reply.read_round > r->read_round) {
        return RAFT_ELOG;
    }
    if (!is_of_newest_life(r, peer, m->heartbeat_reply.life, m->heartbeat_reply.has_lost)) {
        return RAFT_OK;
    }
    hear_peer(r, peer, m->heartbeat_reply.read_round);
    raft_lease_note(r, peer, m->heartbeat_reply.read_round, m->heartbeat_reply.promised_at_ns);
    watch_round(r, peer);
    return RAFT_OK;
}

bool raft_progress_of(const struct raft *r, raft_id id, struct raft_progress *ret_progress)
{
    if (r->role != RAFT_LEADER) {
        return false;
    }
    if (id == r->options.id) {
        *ret_progress = (struct raft_progress){.match_index = r->durability.index,
                                               .next_index = r->log.last_index + 1,
                                               .heard_ns = r->now_ns,
                                               .is_active = true};
        return true;
    }
    uint32_t at = place_of(r, id);

    if (at == r->peer_count) {
        return false;
    }
    const struct raft_peer *peer = &r->peers[at];

    *ret_progress = (struct raft_progress){
        .match_index = peer->match_index,
        .next_index = peer->next_index,
        .heard_ns = peer->heard_ns,
        .is_active = r->now_ns - peer->heard_ns < r->options.election_timeout_ns,
        .is_probing = !peer->is_replicating,
        .needs_snapshot = peer->needs_snapshot,
        .searching_ns = peer->is_replicating ? 0 : r->now_ns - peer->searching_since_ns,
    };
    return true;
}
