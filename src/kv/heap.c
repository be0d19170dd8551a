/* heap.c - settings of the allocator. */
#include <malloc.h>

#include "kv/kv.h"

enum {
    MMAP_BYTES = 1024 * 1024, /* Larger values get pages of their own. */
    TRIM_BYTES = 1024 * 1024, /* Free memory at the top is returned in pieces of this size. */
};

void kv_prepare_heap(void)
{
#ifdef __GLIBC__
    /* glibc collects freed chunks of up to 128 bytes, the size of a common item, and merges them
     * with their neighbours all at once in some later call: after two million deletions that
     * call took 100 ms. With this setting each free merges its own. Another allocator (a
     * sanitizer's) refuses, without harm. */
    mallopt(M_MXFAST, 0);
    /* By default these two rise to 32 and 64 MB, and a free can take long. */
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
#endif
}
