/* disk.c - what full disks decide: who leads, and which writes are taken.
 *
 * A node whose disk is full says so with each message. It lets others campaign first, and
 * as leader hands over to a voter that has room, so that a full disk alone stops no writes.
 * Where no majority could store a write, the leader refuses it: else it would end in doubt. */
#include "replica/state.h"

#include "base/mutant.h"
#include "raft/quorum.h"

enum { HAND_OVER_PAUSE_TIMEOUTS = 2 };

static const uint64_t HAND_OVER_PAUSE_MAX_NS = 30 * 1000 * 1000 * 1000ull;

static enum wire_disk own_disk(const struct replica *r)
{
    if (!store_is_full(r->store)) {
        return WIRE_DISK_ROOM;
    }
    return store_has_room(r->store, STORE_FOR_CLIENTS, 1) &&
                   store_has_room(r->store, STORE_FOR_FOLLOWERS, r->unstored_bytes)
               ? WIRE_DISK_FULL
               : WIRE_DISK_SPENT;
}

void disk_note_unstored(struct replica *r, uint64_t bytes)
{
    r->unstored_bytes = bytes;
}

/* What a voter has said of its disk lately: room, if nothing. */
static enum wire_disk disk_of(const struct replica *r, raft_id id)
{
    const struct peer *peer = peers_find(&r->peers, id);

    return peer == NULL ? WIRE_DISK_ROOM : peer->disk;
}

/* --- who leads ------------------------------------------------------------------------- */

/* The voter that is heard and has most of the log, of those with room before the others; of
 * those alone, and only if it knows all that is committed, with `has_room`. */
static raft_id best_voter(const struct replica *r, bool has_room)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    raft_id best = 0;
    raft_index best_match = 0;
    bool best_has_room = false;

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;
        enum wire_disk disk = disk_of(r, id);
        bool is_roomy = disk == WIRE_DISK_ROOM;
        struct raft_progress p;

        if (!c->members[i].incoming || id == raft_self(r->raft) ||
            !raft_progress_of(r->raft, id, &p) || !p.is_active ||
            (has_room && (!is_roomy || p.match_index < raft_commit_index(r->raft)))) {
            continue;
        }
        if (best == 0 || is_roomy > best_has_room ||
            (is_roomy == best_has_room && p.match_index > best_match)) {
            best = id;
            best_match = p.match_index;
            best_has_room = is_roomy;
        }
    }
    return best;
}

raft_id disk_successor(const struct replica *r)
{
    return best_voter(r, false);
}

/* The other one's log may not become complete in time, and no writes are taken while it is waited
 * for. So there is a pause before the next attempt, and it grows, unless none are taken anyway. */
static bool is_pausing(const struct replica *r, uint64_t now_ns)
{
    uint64_t pause_ns = r->hand_over_pause_ns;

    if (pause_ns > 0 && own_disk(r) == WIRE_DISK_SPENT) {
        pause_ns = HAND_OVER_PAUSE_TIMEOUTS * r->options.election_timeout_ns;
    }
    return now_ns < r->hand_over_ns + pause_ns;
}

static void note_attempt(struct replica *r, uint64_t now_ns)
{
    r->hand_over_ns = now_ns;
    r->hand_over_pause_ns = r->hand_over_pause_ns == 0
                                ? HAND_OVER_PAUSE_TIMEOUTS * r->options.election_timeout_ns
                                : 2 * r->hand_over_pause_ns;
    if (r->hand_over_pause_ns > HAND_OVER_PAUSE_MAX_NS) {
        r->hand_over_pause_ns = HAND_OVER_PAUSE_MAX_NS;
    }
}

static void leave_office(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TRANSFER, .now_ns = io_now_ns(r->io)};

    if (!raft_is_ready(r->raft) || raft_is_transferring(r->raft) || is_pausing(r, event.now_ns) ||
        MUTANT(full_leader_stays)) {
        return;
    }
    event.peer = best_voter(r, true);
    if (event.peer == 0) {
        return;
    }
    note_attempt(r, event.now_ns);
    log_write(r->log, LOG_WARN, "the disk is full: leadership goes to a node that has room",
              "successor=%016llx", (unsigned long long)event.peer);
    replica_step(r, &event, NULL);
}

void disk_look(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_RELUCTANT,
                               .now_ns = io_now_ns(r->io),
                               .is_reluctant = store_is_full(r->store)};

    if (!event.is_reluctant) {
        r->unstored_bytes = 0;
        r->hand_over_pause_ns = 0;
    }
    r->peers.disk = own_disk(r);
    if (event.is_reluctant != r->disk_is_full) {
        r->disk_is_full = event.is_reluctant;
        replica_step(r, &event, NULL);
    }
    if (r->disk_is_full && raft_role(r->raft) == RAFT_LEADER) {
        leave_office(r);
    }
}

/* --- which writes are taken -------------------------------------------------------------- */

/* Bits of the voters in reach, by how much is known of their room. */
struct voters {
    uint32_t roomy;
    uint32_t settled; /* Full, with some room left after all that they were sent. */
    uint32_t unsettled;
    uint32_t spent;
};

static uint32_t *set_of(const struct replica *r, struct voters *v, raft_id id, bool is_settled)
{
    switch (disk_of(r, id)) {
    case WIRE_DISK_SPENT:
        return &v->spent;
    case WIRE_DISK_FULL:
        return is_settled ? &v->settled : &v->unsettled;
    case WIRE_DISK_ROOM:
        break;
    }
    return &v->roomy;
}

static void sort_voters(const struct replica *r, struct voters *v)
{
    const struct raft_configuration *c = raft_configuration(r->raft);

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;
        struct raft_progress p;

        if (id == raft_self(r->raft)) { /* Its room is known to the byte. */
            *(r->disk_is_full ? &v->settled : &v->roomy) |= 1u << i;
        } else if (raft_progress_of(r->raft, id, &p) && p.is_active) {
            *set_of(r, v, id, p.match_index == raft_last_index(r->raft)) |= 1u << i;
        }
    }
}

enum disk_outlook disk_outlook(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    struct voters v = {0};

    sort_voters(r, &v);
    if (quorum_has(c, v.roomy) || MUTANT(spent_majority_ignored)) {
        return DISKS_HAVE_ROOM;
    }
    if (quorum_has(c, v.roomy | v.settled)) {
        return DISKS_ARE_TIGHT;
    }
    if (quorum_has(c, v.roomy | v.settled | v.unsettled)) {
        return DISKS_ARE_UNKNOWN;
    }
    /* Where it is not the disks that are in the way, writes wait. */
    return quorum_has(c, v.roomy | v.settled | v.unsettled | v.spent) ? DISKS_ARE_SPENT
                                                                      : DISKS_HAVE_ROOM;
}
