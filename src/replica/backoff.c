#include "replica/backoff.h"

#include "base/mutant.h"

enum { CALM_PAUSES = 4 };

static const uint64_t PAUSE_MAX_NS = 600 * 1000 * 1000 * 1000ull;

void backoff_init(struct backoff *b, uint64_t first_ns)
{
    *b = (struct backoff){.first_ns = first_ns};
}

bool backoff_try(struct backoff *b, uint64_t now_ns)
{
    bool was_calm = b->tried_ns == 0 || now_ns > b->tried_ns + CALM_PAUSES * b->pause_ns;

    if (b->tried_ns != 0 && now_ns < b->tried_ns + b->pause_ns && !MUTANT(leadership_ping_pong)) {
        return false;
    }
    b->pause_ns = was_calm ? b->first_ns : 2 * b->pause_ns;
    if (b->pause_ns > PAUSE_MAX_NS) {
        b->pause_ns = PAUSE_MAX_NS;
    }
    b->tried_ns = now_ns;
    return true;
}
