/* memory.h - allocation that never fails: if there is no memory, the process ends with a
 * message, since a half-done step would be worse. Callers check lengths that come from outside
 * against their limits before they allocate. */
#ifndef RAKIT_BASE_MEMORY_H
#define RAKIT_BASE_MEMORY_H

#include <stddef.h>

/* Like malloc, calloc and realloc; never return NULL. Free with free(). */
void *memory_take(size_t size) __attribute__((malloc, returns_nonnull));
void *memory_take_zeroed(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *memory_resize(void *memory, size_t size) __attribute__((returns_nonnull));

/* The address is a multiple of `alignment`, a power of two. */
void *memory_take_aligned(size_t size, size_t alignment) __attribute__((malloc, returns_nonnull));

/* A copy of `size` bytes; the caller frees it. */
void *memory_copy(const void *data, size_t size) __attribute__((returns_nonnull));

/* Fills memory from one of the functions above with zeros. Whole pages of a large part are given
 * back to the system, which provides zeros when they are next touched; so it takes little time
 * for any size. */
void memory_zero(void *memory, size_t size);

/* Reserves zeroed memory at that very address, for the life of the process, or ends it with a
 * message. It takes pages only as they are touched. */
void *memory_map_at(size_t address, size_t size) __attribute__((returns_nonnull));

#endif /* RAKIT_BASE_MEMORY_H */
