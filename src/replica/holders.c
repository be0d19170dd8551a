/* holders.c - which follower sends its snapshot in the leader's place to nodes that need one. All
 * report their newest one about once a second (peer/figures.h). */
#include "base/mutant.h"
#include "replica/state.h"

static const uint64_t FRESH_NS = 3 * 1000 * 1000 * 1000ull;

enum { OUTGOING_BYTES_MAX = 2 * 1024 * 1024 }; /* A node with more to send is busy. */

static bool has_fresh_figures(const struct replica *r, const struct peer *peer)
{
    return peer->figures_ns != 0 && io_now_ns(r->io) - peer->figures_ns <= FRESH_NS &&
           peers_is_connected(r->peers, peer->id);
}

/* Whether it can be believed to have that snapshot still, and has nothing better to do. */
static bool is_idle_holder(const struct replica *r, const struct peer *peer)
{
    const struct figures *f = &peer->figures;

    return has_fresh_figures(r, peer) && !digests_is_isolated(&r->digests, peer->id) &&
           f->snapshot_work == FIGURES_NO_WORK && f->outgoing_bytes <= OUTGOING_BYTES_MAX;
}

/* Whether this node's log has its last entry, and what comes after. */
static bool is_usable(const struct replica *r, const struct figures *f)
{
    return f->snapshot_index > 0 && f->snapshot_index <= raft_commit_index(r->raft) &&
           raft_has_entry(r->raft, f->snapshot_index, f->snapshot_term);
}

/* The follower with the newest usable snapshot; NULL: there is none. */
static const struct peer *find_holder(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    const struct peer *best = NULL;

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct peer *peer = peers_find(r->peers, c->members[i].id);

        if (peer != NULL && is_idle_holder(r, peer) && is_usable(r, &peer->figures) &&
            (best == NULL || peer->figures.snapshot_index > best->figures.snapshot_index)) {
            best = peer;
        }
    }
    return best;
}

/* By a member that hears of it. */
static bool is_needed(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    struct raft_progress progress;

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        if (raft_progress_of(r->raft, id, &progress) && progress.needs_snapshot &&
            peers_is_connected(r->peers, id)) {
            return true;
        }
    }
    return false;
}

/* Members that fetch one from another node need this node's log after it. */
static void note_fetched(struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);

    for (uint32_t i = 0; i < c->member_count && !MUTANT(log_after_other_dropped); i++) {
        const struct peer *peer = peers_find(r->peers, c->members[i].id);

        if (peer != NULL && has_fresh_figures(r, peer) && peer->figures.fetched_index != 0) {
            serving_note(&r->serving, peer->figures.fetched_index);
        }
    }
}

static void name_other(struct replica *r, const struct peer *peer)
{
    struct raft_snapshot other = {.last_included_index = peer->figures.snapshot_index,
                                  .last_included_term = peer->figures.snapshot_term,
                                  .bytes = peer->figures.snapshot_bytes,
                                  .checksum = peer->figures.snapshot_checksum,
                                  .holder = peer->id};

    if (holders_named(r) != 0 && other.last_included_index != r->other_index) {
        serving_note(&r->serving, r->other_index); /* A member may just have begun to fetch it. */
    }
    raft_set_other_snapshot(r->raft, &other);
    r->other_index = other.last_included_index;
}

void holders_look(struct replica *r)
{
    const struct peer *peer = raft_role(r->raft) == RAFT_LEADER ? find_holder(r) : NULL;

    if (raft_role(r->raft) == RAFT_LEADER) {
        note_fetched(r);
    }
    if (peer != NULL) {
        name_other(r, peer);
    } else {
        raft_set_other_snapshot(r->raft, NULL);
        r->other_index = 0;
    }
}

raft_index holders_named(const struct replica *r)
{
    bool is_named = raft_role(r->raft) == RAFT_LEADER && r->other_index != 0 && is_needed(r);

    return is_named ? r->other_index : 0;
}
