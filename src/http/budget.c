#include "http/budget.h"

#include "base/mutant.h"

bool budget_take(struct budget_share *share, uint64_t bytes)
{
    struct budget *b = share->budget;
    uint64_t held = atomic_fetch_add(&b->held_bytes, bytes);

    if ((bytes > b->bytes_max || held > b->bytes_max - bytes) && !MUTANT(http_memory_unlimited)) {
        atomic_fetch_sub(&b->held_bytes, bytes);
        return false;
    }
    share->bytes += bytes;
    return true;
}

void budget_give_back(struct budget_share *share)
{
    atomic_fetch_sub(&share->budget->held_bytes, share->bytes);
    share->bytes = 0;
}
