/* arena.h - the memory of the script engine: a range of fixed size at a fixed address, with its
 * allocator. The same calls in the same order give the same addresses on every node, and so the
 * same results even for scripts that exhaust it, or whose tables are ordered by addresses. All
 * of its state is in the range itself: a copy of its used part restores everything. */
#ifndef RAKIT_SCRIPT_ARENA_H
#define RAKIT_SCRIPT_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum { ARENA_BYTES = 16 * 1024 * 1024, ARENA_CLASSES = 120 };

struct arena {
    size_t used;    /* Bytes from here on that were ever taken. */
    uint64_t steps; /* What the script has cost so far (engine.h). */
    void *unused[ARENA_CLASSES];
};

/* Maps it; once in a process. */
struct arena *arena_open(void);
/* Like realloc(); the caller knows the old size. NULL if there is no room, or if `size` is 0. */
void *arena_resize(struct arena *a, void *memory, size_t old_size, size_t size);

#endif /* RAKIT_SCRIPT_ARENA_H */
