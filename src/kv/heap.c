/* heap.c - what the keyspace asks of the allocator. */
#include <malloc.h>

#include "kv/kv.h"

enum {
    MMAP_BYTES = 1024 * 1024, /* Larger values get pages of their own. */
    TRIM_BYTES = 1024 * 1024, /* Free memory at the top goes back in pieces like this. */
};

void kv_prepare_heap(void)
{
#ifdef __GLIBC__
    /* glibc gathers freed chunks of up to 128 bytes, the size of a common item, and
     * merges them with their neighbours all at once at some later call: after two
     * million deletions that call took 100 ms. Without that each free merges its own.
     * An allocator that is not glibc's (a sanitizer's) refuses, and does no harm. */
    mallopt(M_MXFAST, 0);
    /* Left to themselves these two rise to 32 and 64 MB, and a free can take long. */
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
#endif
}
