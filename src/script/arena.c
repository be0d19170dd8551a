#include "script/arena.h"

#include <string.h>

#include "base/memory.h"

/* Below 2 GB nothing else is mapped in a position-independent program, with or without
 * sanitizers. */
#define ARENA_ADDRESS 0x20000000ul

enum {
    GRAIN = 16,
    SMALL_MAX = 1024, /* Up to here a class for each multiple of GRAIN; */
    SMALL_BITS = 10,
    SMALL_CLASSES = SMALL_MAX / GRAIN,
    STEPS = 4, /* beyond, so many between two powers of two. */
};

struct fit {
    uint32_t class;
    size_t size;
};

_Static_assert(SMALL_CLASSES + STEPS * (24 - SMALL_BITS) == ARENA_CLASSES, "up to ARENA_BYTES");
_Static_assert(sizeof(struct arena) % GRAIN == 0, "blocks are aligned");

struct arena *arena_open(void)
{
    struct arena *a = memory_map_at(ARENA_ADDRESS, ARENA_BYTES);

    memset(a, 0, sizeof *a);
    a->used = sizeof *a;
    return a;
}

static struct fit fit_of(size_t size)
{
    if (size <= SMALL_MAX) {
        size_t grains = (size + GRAIN - 1) / GRAIN;

        return (struct fit){(uint32_t)grains - 1, grains * GRAIN};
    }
    uint32_t bits = 63 - (uint32_t)__builtin_clzl(size - 1);
    size_t step = ((size_t)1 << bits) / STEPS;
    size_t rounded = (size + step - 1) / step * step;
    size_t place = (rounded - ((size_t)1 << bits)) / step - 1;

    return (struct fit){SMALL_CLASSES + (bits - SMALL_BITS) * STEPS + (uint32_t)place, rounded};
}

static void *take(struct arena *a, size_t size)
{
    if (size > ARENA_BYTES) {
        return NULL;
    }
    struct fit fit = fit_of(size);
    void *block = a->unused[fit.class];

    if (block != NULL) {
        memcpy(&a->unused[fit.class], block, sizeof(void *));
        return block;
    }
    if (fit.size > ARENA_BYTES - a->used) {
        return NULL;
    }
    block = (char *)a + a->used;
    a->used += fit.size;
    return block;
}

static void give_back(struct arena *a, void *block, size_t size)
{
    uint32_t class = fit_of(size).class;

    memcpy(block, &a->unused[class], sizeof(void *));
    a->unused[class] = block;
}

void *arena_resize(struct arena *a, void *memory, size_t old_size, size_t size)
{
    if (memory != NULL && old_size > 0 && size > 0 && fit_of(old_size).size >= size &&
        fit_of(old_size).size == fit_of(size).size) {
        return memory;
    }

    void *other = size == 0 ? NULL : take(a, size);

    if (memory == NULL || old_size == 0) {
        return other;
    }
    if (other == NULL && size > 0) {
        return size < old_size ? memory : NULL; /* Lua relies on it that nothing fails to shrink. */
    }
    if (size > 0) {
        memcpy(other, memory, size < old_size ? size : old_size);
    }
    give_back(a, memory, old_size);
    return other;
}
