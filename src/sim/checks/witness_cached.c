/* witness_cached.c - values that clients have in their caches (CLIENT TRACKING). */
#include "sim/checks/witness_private.h"

void witness_check_cached(struct witness *w, struct slice key, uint64_t index,
                          uint64_t applied_index, const char *node)
{
    for (uint64_t i = index + 1; i <= applied_index && i <= w->applied_index; i++) {
        if (model_has_changed(w->model, 0, i, key) || model_is_replaced(w->model, 0, i)) {
            verdict_broken(w->verdict, "caches",
                           "%.*s was read at entry %llu and is still cached, though %s has applied "
                           "its change at entry %llu, and answered since",
                           (int)key.size, key.data, (unsigned long long)index, node,
                           (unsigned long long)i);
            return;
        }
    }
}

void witness_note_invalidation(struct witness *w, bool is_of_all)
{
    w->stats.invalidated_count += is_of_all ? 0 : 1;
    w->stats.flushed_count += is_of_all ? 1 : 0;
}
