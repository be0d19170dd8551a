#include "replica/quarantine.h"

#include "base/check.h"
#include "base/mutant.h"

static const uint64_t FORGET_NS = 3600ull * 1000 * 1000 * 1000ull;

static bool was_long_ago(const struct quarantine *q, uint64_t now_ns)
{
    return q->phase == QUARANTINE_NONE && now_ns - q->ended_ns >= FORGET_NS;
}

bool quarantine_begin(struct quarantine *q, enum quarantine_reason reason, raft_index index,
                      uint64_t right, raft_index applied_index, uint64_t now_ns)
{
    if (quarantine_is_on(q) && q->phase != QUARANTINE_REBUILDS) {
        return false;
    }
    q->attempts = was_long_ago(q, now_ns) ? 1 : q->attempts + 1;
    q->count++;
    q->phase = q->attempts > QUARANTINE_ATTEMPTS_MAX && !MUTANT(rebuilt_for_ever)
                   ? QUARANTINE_STAYS
                   : QUARANTINE_KEEPS;
    q->reason = reason;
    q->since_ns = now_ns;
    q->index = index;
    q->right = right;
    q->until_index = applied_index > q->until_index ? applied_index : q->until_index;
    return true;
}

bool quarantine_applies(const struct quarantine *q)
{
    return q->phase == QUARANTINE_NONE || q->phase == QUARANTINE_REBUILDS;
}

void quarantine_note_kept(struct quarantine *q)
{
    if (q->phase == QUARANTINE_KEEPS) {
        q->phase = q->reason == QUARANTINE_BY_DIGEST ? QUARANTINE_FETCHES : QUARANTINE_RESTARTS;
    }
}

void quarantine_note_fetched(struct quarantine *q)
{
    CHECK(q->phase == QUARANTINE_FETCHES);
    q->phase = QUARANTINE_RESTARTS;
}

void quarantine_note_rebuilt(struct quarantine *q)
{
    if (quarantine_is_on(q) && q->phase != QUARANTINE_STAYS) {
        q->phase = QUARANTINE_REBUILDS;
    }
}

void quarantine_note_restarted(struct quarantine *q)
{
    bool needs_snapshot = q->reason == QUARANTINE_BY_DIGEST &&
                          (q->phase == QUARANTINE_KEEPS || q->phase == QUARANTINE_FETCHES);

    if (needs_snapshot && !MUTANT(any_restart_rebuilds)) {
        q->phase = QUARANTINE_FETCHES;
    } else {
        quarantine_note_rebuilt(q);
    }
}

bool quarantine_is_wrong_again(const struct quarantine *q, raft_index index, uint64_t digest)
{
    return q->phase == QUARANTINE_REBUILDS && q->reason == QUARANTINE_BY_DIGEST &&
           index == q->index && digest != q->right;
}

bool quarantine_note_applied(struct quarantine *q, raft_index applied_index, uint64_t now_ns)
{
    if (q->phase != QUARANTINE_REBUILDS || applied_index < q->until_index) {
        return false;
    }
    q->phase = QUARANTINE_NONE;
    q->until_index = 0;
    q->ended_ns = now_ns;
    return true;
}

const char *quarantine_name(const struct quarantine *q)
{
    switch (q->phase) {
    case QUARANTINE_NONE:
        return "no";
    case QUARANTINE_KEEPS:
        return "writes evidence";
    case QUARANTINE_FETCHES:
        return "needs a snapshot";
    case QUARANTINE_RESTARTS:
    case QUARANTINE_REBUILDS:
        return "is rebuilt";
    case QUARANTINE_STAYS:
        break;
    }
    return "stays isolated";
}
