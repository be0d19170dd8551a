/* leading.c - who should lead. A node whose disk is full or stands still, or whose state is wrong,
 * lets others campaign first. A leader hands over if its disk stands still while the others could
 * go on without it, or if a voter with a higher priority is fit. (disk.c does it for full disks,
 * isolate.c for wrong states, and the core for priority 0.) A leader that is not heard, or hears
 * nobody, ends by itself: CheckQuorum. */
#include "base/mutant.h"
#include "raft/quorum.h"
#include "replica/state.h"

static void set_reluctance(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_RELUCTANT, .now_ns = io_now_ns(r->io)};

    event.is_reluctant = r->disk_policy.is_full || stall_is_long(&r->leading.stall, event.now_ns) ||
                         quarantine_is_on(&r->quarantine);
    if (event.is_reluctant != r->leading.is_reluctant) {
        r->leading.is_reluctant = event.is_reluctant;
        replica_step(r, &event, NULL);
    }
}

/* It is heard, lags by little, and its disk has room. */
static bool is_fit(const struct replica *r, raft_id id)
{
    const struct peer *peer = peers_find(r->peers, id);
    struct raft_progress p;

    return peer != NULL && peer->disk == WIRE_DISK_ROOM && !digests_is_isolated(&r->digests, id) &&
           raft_progress_of(r->raft, id, &p) && replica_hears(r, &p) && !p.is_probing &&
           p.match_index >= r->leading.needed_index;
}

static void hand_over(struct replica *r, raft_id successor, const char *reason)
{
    struct raft_event event = {
        .kind = RAFT_TRANSFER, .now_ns = io_now_ns(r->io), .peer = successor};

    log_write(r->log, LOG_WARN, reason, "successor=%016llx", (unsigned long long)successor);
    replica_step(r, &event, NULL);
}

/* The fit voters; the index of the one that should lead, or UINT32_MAX. */
static uint32_t find_best(const struct raft_configuration *c, const bool *fit, uint32_t *ret_set)
{
    uint32_t best = UINT32_MAX;

    *ret_set = 0;
    for (uint32_t i = 0; i < c->member_count; i++) {
        *ret_set |= (uint32_t)fit[i] << i;
        if (fit[i] && c->members[i].incoming && !c->members[i].never_leads &&
            (best == UINT32_MAX || c->members[i].precedence > c->members[best].precedence)) {
            best = i;
        }
    }
    return best;
}

/* Without a majority of the others, a successor could not even be elected: that would take this
 * node's vote, which its disk does not store. */
static void leave_stalled(struct replica *r, const struct raft_configuration *c, const bool *fit)
{
    uint32_t set;
    uint32_t best = find_best(c, fit, &set);

    if (best != UINT32_MAX && quorum_has(c, set) &&
        stall_may_hand_over(&r->leading.stall, io_now_ns(r->io))) {
        hand_over(r, c->members[best].id, "the disk stands still: leadership goes to another node");
    }
}

/* The commit index of one to two election timeouts ago: that much time an entry may take. */
static void set_needed(struct replica *r, uint64_t now_ns)
{
    struct leading *l = &r->leading;

    if (now_ns >= l->needed_ns + r->options.election_timeout_ns) {
        l->needed_index = l->needed_next;
        l->needed_next = raft_commit_index(r->raft);
        l->needed_ns = now_ns;
    }
}

static void look_at_others(struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint64_t now_ns = io_now_ns(r->io);
    bool fit[RAFT_MEMBERS_MAX] = {false};
    raft_id preferred;

    set_needed(r, now_ns);
    for (uint32_t i = 0; i < c->member_count; i++) {
        fit[i] = c->members[i].id != raft_self(r->raft) && is_fit(r, c->members[i].id);
    }
    r->leading.looked_ns = now_ns;
    if (stall_is_long(&r->leading.stall, now_ns)) {
        leave_stalled(r, c, fit);
        return;
    }
    preferred = preference_look(&r->leading.preference, c, fit, raft_self(r->raft), now_ns);
    if (preferred != 0) {
        hand_over(r, preferred, "leadership goes to a node of higher priority");
    }
}

void leading_init(struct replica *r)
{
    preference_init(&r->leading.preference, r->options.election_timeout_ns);
    stall_init(&r->leading.stall, r->options.election_timeout_ns);
}

void leading_look(struct replica *r)
{
    set_reluctance(r);
    if (!raft_is_ready(r->raft) || raft_is_transferring(r->raft) || r->stopping.is_begun) {
        preference_forget(&r->leading.preference);
    } else if (io_now_ns(r->io) >= r->leading.looked_ns + r->options.heartbeat_interval_ns) {
        look_at_others(r);
    }
}
