/* invariants.c - what must hold for one node after each step, and between two steps.
 * docs/INVARIANTS.md gives the reasons, by number. Rules that concern several nodes are checked
 * by the tests and the simulator. */
#include "base/check.h"
#include "raft/raft_state.h"

void raft_observe(const struct raft *r, struct raft_observation *ret_observation)
{
    *ret_observation = (struct raft_observation){
        .voted_for = r->voted_for,
        .current_term = r->current_term,
        .origin = raft_origin(r),
        .commit_index = r->commit_index,
        .commit_term = raft_term_at(r, r->commit_index),
        .last_index = r->log.last_index,
        .last_term = term_log_last_term(&r->log),
        .role = r->role,
    };
}

static void check_log(const struct raft *r)
{
    const struct term_log *log = &r->log;

    CHECK(log->run_count <= log->runs_max);
    CHECK((log->runs[0].term == 0) == (log->runs[0].first_index == 0));
    for (uint32_t i = 1; i <= log->run_count; i++) {
        CHECK(log->runs[i].first_index > log->runs[i - 1].first_index);
        CHECK(log->runs[i].term > log->runs[i - 1].term);
    }
    CHECK(log->runs[log->run_count].first_index <= log->last_index);
    CHECK(term_log_last_term(log) <= r->current_term);
    CHECK(r->commit_index >= raft_origin(r));
    CHECK(r->commit_index <= log->last_index);
}

/* I-4: only durable writes count, and only for what is in the log. */
static void check_writes(const struct raft *r)
{
    durability_check(&r->durability, r->log.last_index);
    CHECK(r->durability.index >= raft_origin(r));
    CHECK(r->term_seq <= r->durability.last_seq);
}

/* The newest snapshot includes the origin. */
static void check_snapshot(const struct raft *r)
{
    const struct raft_snapshot *s = &r->snapshot;

    CHECK(s->last_included_index <= r->commit_index);
    CHECK(s->last_included_index == 0 ||
          raft_has_entry(r, s->last_included_index, s->last_included_term));
}

static void check_configurations(const struct raft *r)
{
    const struct raft_configurations *history = &r->configurations;

    CHECK(history->count >= 1);
    CHECK(history->count <= RAFT_CONFIGURATIONS_MAX);
    /* The configuration at the origin is known and in force; what is committed is never undone. */
    CHECK(history->indexes[0] > 0 || raft_origin(r) == 0);
    CHECK(history->count < 2 || history->indexes[1] > raft_origin(r));
    for (uint32_t i = 0; i < history->count; i++) {
        CHECK(history->indexes[i] <= r->log.last_index);
        CHECK(i == 0 || history->indexes[i] > history->indexes[i - 1]);
        CHECK(history->indexes[i] == 0 || raft_configuration_is_valid(&history->items[i]));
    }
}

static void check_peers(const struct raft *r)
{
    const struct raft_configuration *c = raft_configuration(r);
    uint32_t others_count = c->member_count;

    CHECK(r->peer_count <= RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *peer = &r->peers[i];

        CHECK(peer->id != 0);
        CHECK(peer->id != r->options.id);
        CHECK(peer->match_index < peer->next_index);
        CHECK(peer->match_index <= r->log.last_index);
        CHECK(peer->next_index <= r->log.last_index + 1);
        CHECK(peer->next_index >= raft_first_index(r)); /* Only what is here is sent. */
        CHECK(!peer->needs_snapshot || !peer->is_replicating);
        CHECK(peer->next_index <= peer->match_index + RAFT_WINDOW_ENTRIES + 1 ||
              !peer->is_replicating);
        CHECK(peer->read_round <= r->read_round);
        others_count -= raft_configuration_find(c, peer->id) != NULL;
    }
    /* All other members are served. */
    CHECK(others_count == (raft_configuration_find(c, r->options.id) != NULL));
}

/* I-14: at the last check, a majority had been heard. After a change of configuration, another
 * majority has until the next check. */
static void check_quorum_heard(const struct raft *r)
{
    uint64_t looked_ns = r->heartbeat_due_ns - r->options.heartbeat_interval_ns;

    CHECK(raft_configuration_index(r) > r->commit_index || r->leaving_until_ns != 0 ||
          looked_ns < raft_leader_quorum_heard_ns(r) + r->options.election_timeout_ns);
}

static void check_leader(const struct raft *r)
{
    CHECK(r->voted_for == r->options.id);
    CHECK(r->term_start_index > 0);
    CHECK(r->term_start_index <= r->log.last_index);
    if (r->term_start_index > raft_origin(r)) {
        CHECK(raft_term_at(r, r->term_start_index) == r->current_term);
        CHECK(raft_term_at(r, r->term_start_index - 1) < r->current_term);
    } else {
        CHECK(raft_term_at(r, raft_origin(r)) == r->current_term);
    }
    check_peers(r);
    check_quorum_heard(r);

    /* I-10: the configuration before the newest is committed. */
    uint32_t count = r->configurations.count;

    CHECK(count < 2 || r->configurations.indexes[count - 2] <= r->commit_index ||
          !raft_is_ready(r));
}

static void check_role(const struct raft *r)
{
    CHECK((r->role == RAFT_LEADER) == (r->leader_id == r->options.id));
    switch (r->role) {
    case RAFT_LEADER:
        check_leader(r);
        break;
    case RAFT_CANDIDATE:
        CHECK(r->voted_for == r->options.id);
        CHECK(raft_election_is_electable(r));
        CHECK(r->leader_id == 0);
        break;
    case RAFT_PRE_CANDIDATE:
        CHECK(raft_election_is_electable(r));
        CHECK(r->leader_id == 0);
        break;
    case RAFT_FOLLOWER:
        break;
    }
    if (r->role != RAFT_LEADER) {
        CHECK(r->read_count == 0);
        CHECK(r->transfer_target == 0);
    }
    for (uint32_t i = 0; i < r->read_count; i++) {
        CHECK(r->reads[i].ticket <= r->read_round);
        CHECK(i == 0 || r->reads[i].ticket > r->reads[i - 1].ticket);
    }
}

/* A node that may lack what it has acknowledged does not ask for votes. */
static void check_loss(const struct raft *r)
{
    CHECK(!r->loss.is_open || r->loss.has_lost);
    CHECK(r->role == RAFT_FOLLOWER ||
          !raft_loss_forbids(r, r->log.last_index, term_log_last_term(&r->log)));
}

static void check_change(const struct raft *r, const struct raft_observation *before)
{
    CHECK(r->current_term >= before->current_term); /* I-1 */
    if (r->current_term == before->current_term) {
        CHECK(before->voted_for == 0 || r->voted_for == before->voted_for); /* I-2 */
    }
    CHECK(r->commit_index >= before->commit_index); /* I-6 */
    CHECK(raft_origin(r) >= before->origin);
    if (before->commit_index >= raft_origin(r)) {
        CHECK(raft_term_at(r, before->commit_index) == before->commit_term); /* I-7 */
    }
    if (r->role == RAFT_LEADER && before->role == RAFT_LEADER) { /* I-8 */
        CHECK(r->current_term == before->current_term);
        CHECK(r->log.last_index >= before->last_index);
        CHECK(raft_term_at(r, before->last_index) == before->last_term);
    }
    if (r->role == RAFT_LEADER && before->role != RAFT_LEADER) {
        CHECK(before->role == RAFT_CANDIDATE);
        CHECK(r->current_term == before->current_term);
    }
}

void raft_check_invariants(const struct raft *r, const struct raft_observation *before)
{
    check_log(r);
    check_writes(r);
    check_snapshot(r);
    check_configurations(r);
    check_role(r);
    check_loss(r);
    check_change(r, before);
}
