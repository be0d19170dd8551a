/* lincheck_intern.c - see lincheck_intern.h. */
#include "lincheck/lincheck_intern.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"

enum { SLOTS_MIN = 16 };

/* The string's slot, or the free slot for it. */
static uint32_t *find_slot(const struct lincheck_intern *t, struct slice string)
{
    uint32_t mask = t->slot_count - 1;
    uint32_t i = (uint32_t)checksum(string.data, string.size) & mask;

    while (t->slots[i] != 0 && !slice_equal(t->strings[t->slots[i] - 1], string)) {
        i = (i + 1) & mask;
    }
    return &t->slots[i];
}

static void grow(struct lincheck_intern *t)
{
    t->slot_count = t->slot_count == 0 ? SLOTS_MIN : 2 * t->slot_count;
    t->capacity = t->slot_count / 2;
    t->strings = memory_resize(t->strings, t->capacity * sizeof *t->strings);
    free(t->slots);
    t->slots = memory_take_zeroed(t->slot_count, sizeof *t->slots);
    for (uint32_t number = 0; number < t->count; number++) {
        *find_slot(t, t->strings[number]) = number + 1;
    }
}

uint32_t lincheck_intern(struct lincheck_intern *t, struct slice string)
{
    if (t->count == t->capacity) {
        CHECK(t->slot_count < UINT32_MAX / 2);
        grow(t);
    }

    uint32_t *slot = find_slot(t, string);

    if (*slot == 0) {
        t->strings[t->count++] = arena_copy(&t->arena, string);
        *slot = t->count;
    }
    return *slot - 1;
}

struct slice lincheck_interned(const struct lincheck_intern *t, uint32_t number)
{
    CHECK(number < t->count);
    return t->strings[number];
}

uint64_t lincheck_intern_bytes(const struct lincheck_intern *t)
{
    return t->arena.bytes + t->capacity * sizeof *t->strings + t->slot_count * sizeof *t->slots;
}

void lincheck_intern_reset(struct lincheck_intern *t)
{
    arena_reset(&t->arena);
    free(t->strings);
    free(t->slots);
    *t = (struct lincheck_intern){0};
}
