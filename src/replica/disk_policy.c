#include "replica/disk_policy.h"

#include "base/mutant.h"
#include "raft/quorum.h"

enum { HAND_OVER_PAUSE_TIMEOUTS = 2, RELIEF_TIMEOUTS = 2 };

static const uint64_t HAND_OVER_PAUSE_MAX_NS = 30 * 1000 * 1000 * 1000ull;

void disk_policy_init(struct disk_policy *d, uint64_t election_timeout_ns)
{
    *d = (struct disk_policy){.election_timeout_ns = election_timeout_ns};
}

bool disk_policy_set_full(struct disk_policy *d, bool is_full)
{
    bool is_news = is_full != d->is_full;

    if (!is_full) {
        d->unstored_bytes = 0;
        d->pause_ns = 0;
    }
    d->is_full = is_full;
    return is_news;
}

void disk_policy_note_unstored(struct disk_policy *d, uint64_t bytes)
{
    d->unstored_bytes = bytes;
}

bool disk_policy_waits(struct disk_policy *d, bool has_room, uint64_t now_ns)
{
    if (has_room) {
        d->refusing_ns = 0;
    } else if (d->refusing_ns == 0) {
        d->refusing_ns = now_ns;
    }
    return !has_room && now_ns - d->refusing_ns < RELIEF_TIMEOUTS * d->election_timeout_ns &&
           !MUTANT(relief_not_awaited);
}

/* --- who leads ------------------------------------------------------------------------- */

static bool is_better(const struct disk_view *v, const struct disk_view *best)
{
    bool is_roomy = v->disk == WIRE_DISK_ROOM;
    bool best_is_roomy = best != NULL && best->disk == WIRE_DISK_ROOM;

    return best == NULL || (is_roomy && !best_is_roomy) ||
           (is_roomy == best_is_roomy && v->match_index > best->match_index);
}

static raft_id best_voter(const struct raft_configuration *c, const struct disk_view *views,
                          raft_id self, bool needs_room, raft_index needed_index)
{
    const struct disk_view *best = NULL;
    raft_id best_id = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct disk_view *v = &views[i];

        if (c->members[i].incoming && !c->members[i].never_leads && c->members[i].id != self &&
            v->is_heard && !(needs_room && v->disk != WIRE_DISK_ROOM) &&
            v->match_index >= needed_index && is_better(v, best)) {
            best = v;
            best_id = c->members[i].id;
        }
    }
    return best_id;
}

raft_id disk_policy_successor(const struct raft_configuration *c, const struct disk_view *views,
                              raft_id self)
{
    return best_voter(c, views, self, false, 0);
}

raft_id disk_policy_roomy_successor(const struct raft_configuration *c,
                                    const struct disk_view *views, raft_id self,
                                    raft_index commit_index)
{
    return best_voter(c, views, self, true, commit_index);
}

/* The successor's log may not become complete in time, and no writes are accepted while it
 * catches up. So there is a pause before the next attempt, which grows, unless no writes are
 * accepted anyway. */
bool disk_policy_may_hand_over(const struct disk_policy *d, bool is_spent, uint64_t now_ns)
{
    uint64_t pause_ns = d->pause_ns;

    if (pause_ns > 0 && is_spent) {
        pause_ns = HAND_OVER_PAUSE_TIMEOUTS * d->election_timeout_ns;
    }
    return now_ns >= d->hand_over_ns + pause_ns;
}

void disk_policy_note_attempt(struct disk_policy *d, uint64_t now_ns)
{
    d->hand_over_ns = now_ns;
    d->pause_ns =
        d->pause_ns == 0 ? HAND_OVER_PAUSE_TIMEOUTS * d->election_timeout_ns : 2 * d->pause_ns;
    if (d->pause_ns > HAND_OVER_PAUSE_MAX_NS) {
        d->pause_ns = HAND_OVER_PAUSE_MAX_NS;
    }
}

/* --- which writes are taken -------------------------------------------------------------- */

/* Bits of the voters that are heard, by what is known of their room. */
struct voters {
    uint32_t roomy;
    uint32_t settled; /* Full, with some room left after everything that they were sent. */
    uint32_t low;     /* The same, but for deletes alone. */
    uint32_t unsettled;
    uint32_t spent;
};

static uint32_t *set_of(struct voters *v, const struct disk_view *view, raft_index last_index)
{
    switch (view->disk) {
    case WIRE_DISK_SPENT:
        return &v->spent;
    case WIRE_DISK_FULL:
        return view->match_index == last_index ? &v->settled : &v->unsettled;
    case WIRE_DISK_LOW:
        return view->match_index == last_index ? &v->low : &v->unsettled;
    case WIRE_DISK_ROOM:
        break;
    }
    return &v->roomy;
}

enum disk_outlook disk_policy_outlook(const struct raft_configuration *c,
                                      const struct disk_view *views, raft_index last_index)
{
    struct voters v = {0};

    for (uint32_t i = 0; i < c->member_count; i++) {
        if (views[i].is_heard) {
            *set_of(&v, &views[i], last_index) |= 1u << i;
        }
    }
    if (quorum_has(c, v.roomy) || MUTANT(spent_majority_ignored)) {
        return DISKS_HAVE_ROOM;
    }
    if (quorum_has(c, v.roomy | v.settled)) {
        return DISKS_ARE_TIGHT;
    }
    if (quorum_has(c, v.roomy | v.settled | v.low)) {
        return DISKS_ARE_LOW;
    }
    if (quorum_has(c, v.roomy | v.settled | v.low | v.unsettled)) {
        return DISKS_ARE_UNKNOWN;
    }
    /* If the disks are not the obstacle, writes wait. */
    return quorum_has(c, v.roomy | v.settled | v.low | v.unsettled | v.spent) ? DISKS_ARE_SPENT
                                                                              : DISKS_HAVE_ROOM;
}
