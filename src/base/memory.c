#include "base/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    HUGE_BYTES_MIN = 8 * 1024 * 1024,
    PAGE_BYTES = 4096,
    GIVE_BACK_BYTES_MIN = 1024 * 1024,
};

static void *checked(void *memory, size_t size)
{
    if (memory == NULL) {
        fprintf(stderr, "out of memory: could not get %zu bytes\n", size);
        abort();
    }
    return memory;
}

/* A value of many megabytes is touched page by page when it is first written, and with small
 * pages that costs more than the copying itself. The advice is for the whole mapping, with the
 * allocator's part of it: if it were for a part, the system could not move the mapping when the
 * value grows, and it would be copied. */
static void *with_huge_pages(void *memory, size_t size)
{
    if (size >= HUGE_BYTES_MIN) {
        char *begin = (char *)memory - (uintptr_t)memory % PAGE_BYTES;
        char *end = (char *)memory + malloc_usable_size(memory);

        (void)madvise(begin, (size_t)(end - begin), MADV_HUGEPAGE); /* Without it, it is slower. */
    }
    return memory;
}

void *memory_take(size_t size)
{
    return with_huge_pages(checked(malloc(size > 0 ? size : 1), size), size);
}

void *memory_take_zeroed(size_t count, size_t size)
{
    return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1), size);
}

void *memory_resize(void *memory, size_t size)
{
    return with_huge_pages(checked(realloc(memory, size > 0 ? size : 1), size), size);
}

void *memory_take_aligned(size_t size, size_t alignment)
{
    size_t rounded = (size + alignment - 1) / alignment * alignment;

    return checked(aligned_alloc(alignment, rounded > 0 ? rounded : alignment), size);
}

void *memory_copy(const void *data, size_t size)
{
    void *copy = memory_take(size);

    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

void memory_zero(void *memory, size_t size)
{
    char *begin = memory;
    size_t head = (PAGE_BYTES - (uintptr_t)begin % PAGE_BYTES) % PAGE_BYTES;

    if (size >= GIVE_BACK_BYTES_MIN) {
        size_t pages = (size - head) / PAGE_BYTES * PAGE_BYTES;

        /* It is refused if pages are larger, or locked. */
        if (madvise(begin + head, pages, MADV_DONTNEED) == 0) {
            memset(begin, 0, head);
            memset(begin + head + pages, 0, size - head - pages);
            return;
        }
    }
    memset(begin, 0, size);
}

void *memory_map_at(size_t address, size_t size)
{
    void *wanted = (void *)address; /* NOLINT(performance-no-int-to-ptr) */
    void *got = mmap(wanted, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

    if (got != wanted) {
        fprintf(stderr, "the addresses from %zx on, %zu bytes, are not free\n", address, size);
        abort();
    }
    return got;
}
