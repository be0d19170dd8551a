/* complaints.c - see complaints.h. */
#include "peer/complaints.h"

#include "base/mutant.h"

static const uint64_t AGAIN_NS = 60 * 1000 * 1000 * 1000ull;

/* The peer's entry, or the one that it may take over. */
static struct peer_complaint *place_of(struct complaints *c, raft_id id)
{
    struct peer_complaint *oldest = &c->of[0];

    for (uint32_t i = 0; i < COMPLAINTS_PEERS_MAX; i++) {
        if (c->of[i].id == id) {
            return &c->of[i];
        }
        if (c->of[i].said_ns < oldest->said_ns) {
            oldest = &c->of[i];
        }
    }
    return oldest;
}

bool complaints_is_due(struct complaints *c, raft_id id, uint64_t now_ns, uint64_t *ret_count)
{
    struct peer_complaint *complaint = place_of(c, id);

    if (complaint->id == id && now_ns - complaint->said_ns < AGAIN_NS &&
        !MUTANT(complains_each_time)) {
        complaint->unsaid_count++;
        return false;
    }
    *ret_count = complaint->id == id ? complaint->unsaid_count + 1 : 1;
    *complaint = (struct peer_complaint){.id = id, .said_ns = now_ns};
    return true;
}
