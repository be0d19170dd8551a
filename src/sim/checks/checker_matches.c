/* checker_matches.c - see checker_matches.h. */
#include "sim/checks/checker_matches.h"

#include <stdlib.h>

#include "base/memory.h"

enum { FIRST_CAPACITY = 4096 };

struct checker_match {
    uint64_t index; /* 0: free. */
    uint64_t term;
    uint64_t chain;
};

void checker_matches_deinit(struct checker_matches *m)
{
    free(m->slots);
}

static struct checker_match *find(const struct checker_matches *m, uint64_t index, uint64_t term)
{
    uint64_t at = (index * 0x9e3779b97f4a7c15u ^ term * 0xc2b2ae3d27d4eb4fu) >> 20;

    for (;; at++) {
        struct checker_match *slot = &m->slots[at & (m->capacity - 1)];

        if (slot->index == 0 || (slot->index == index && slot->term == term)) {
            return slot;
        }
    }
}

static void grow(struct checker_matches *m)
{
    struct checker_matches old = *m;

    m->capacity = old.capacity == 0 ? FIRST_CAPACITY : 2 * old.capacity;
    m->slots = memory_take_zeroed(m->capacity, sizeof *m->slots);
    for (uint64_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].index != 0) {
            *find(m, old.slots[i].index, old.slots[i].term) = old.slots[i];
        }
    }
    free(old.slots);
}

bool checker_matches_note(struct checker_matches *m, uint64_t index, uint64_t term, uint64_t chain)
{
    if (2 * m->count >= m->capacity) {
        grow(m);
    }
    struct checker_match *slot = find(m, index, term);

    if (slot->index != 0) {
        return slot->chain == chain;
    }
    *slot = (struct checker_match){.index = index, .term = term, .chain = chain};
    m->count++;
    return true;
}

bool checker_matches_has(const struct checker_matches *m, uint64_t index, uint64_t term)
{
    return m->capacity > 0 && find(m, index, term)->index != 0;
}
