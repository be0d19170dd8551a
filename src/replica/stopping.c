#include "replica/stopping.h"

#include "base/mutant.h"

enum { MOMENT_HEARTBEATS = 4 };

static const uint64_t CATCH_UP_NS = 2000 * 1000 * 1000ull;

void stopping_init(struct stopping *s, uint64_t heartbeat_interval_ns)
{
    *s = (struct stopping){.moment_ns = MOMENT_HEARTBEATS * heartbeat_interval_ns};
}

void stopping_begin(struct stopping *s, raft_index commit_index, uint64_t now_ns)
{
    s->is_begun = true;
    s->index = commit_index;
    s->hand_over_by_ns = now_ns + CATCH_UP_NS;
}

static void lead_no_more(struct stopping *s, uint64_t now_ns)
{
    s->is_handed_over = true;
    if (s->has_led && !MUTANT(stop_does_not_stay)) {
        s->stay_until_ns = now_ns + s->moment_ns;
    }
}

bool stopping_progress(struct stopping *s, const struct stopping_view *view, uint64_t now_ns)
{
    if (!s->is_begun) {
        return false;
    }
    if (s->is_handed_over) {
        if (view->request_count == 0 && s->leave_by_ns == 0 && !MUTANT(stop_waits_for_a_lull)) {
            s->leave_by_ns = now_ns + s->moment_ns;
        }
        return false;
    }
    if (!view->leads_others) {
        lead_no_more(s, now_ns);
        return false;
    }
    s->has_led = true;
    return !view->is_transferring && (view->others_are_ready || now_ns >= s->hand_over_by_ns);
}

bool stopping_is_over(const struct stopping *s, uint64_t request_count, bool is_stored,
                      uint64_t now_ns)
{
    return s->is_handed_over && request_count == 0 && now_ns >= s->stay_until_ns &&
           (is_stored || (s->leave_by_ns != 0 && now_ns >= s->leave_by_ns));
}

uint64_t stopping_due_ns(const struct stopping *s, uint64_t now_ns)
{
    if (s->stay_until_ns > now_ns) {
        return s->stay_until_ns;
    }
    return s->leave_by_ns > now_ns ? s->leave_by_ns : UINT64_MAX;
}
