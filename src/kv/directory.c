#include "kv/directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "kv/item.h"

enum { SEGMENT_BYTES = DIRECTORY_SEGMENT_GROUPS * sizeof(struct group) };

static struct group *segment_take(void)
{
    struct group *segment = aligned_alloc(sizeof(struct group), SEGMENT_BYTES);

    if (segment == NULL) {
        /* If there is no memory, this ends the process with a message. */
        segment = memory_take(SEGMENT_BYTES);
    }
    memset(segment, 0, SEGMENT_BYTES);
    return segment;
}

/* The page and the place in it of the segment with group `index`. */
static void locate(uint64_t index, int *ret_page, uint64_t *ret_place)
{
    uint64_t segment = index / DIRECTORY_SEGMENT_GROUPS + 1;

    *ret_page = 63 - __builtin_clzll(segment);
    *ret_place = segment - (1ull << *ret_page);
    CHECK(*ret_page < DIRECTORY_PAGES);
}

struct group *directory_push(struct directory *d)
{
    uint64_t index = d->group_count;

    if (index % DIRECTORY_SEGMENT_GROUPS == 0) {
        int page = 0;
        uint64_t place = 0;

        locate(index, &page, &place);
        if (place == 0) {
            size_t page_bytes = (1ull << page) * sizeof(struct group *);

            /* Its pages are not touched until they are used. */
            d->pages[page] = memory_take(page_bytes);
            d->heap_bytes += heap_bytes(page_bytes);
        }
        d->pages[page][place] = segment_take();
        d->heap_bytes += heap_bytes(SEGMENT_BYTES);
    }
    d->group_count++;
    return directory_at(d, index);
}

void directory_pop(struct directory *d)
{
    CHECK(d->group_count > 0);

    uint64_t index = d->group_count - 1;

    memset(directory_at(d, index), 0, sizeof(struct group));
    if (index % DIRECTORY_SEGMENT_GROUPS == 0) {
        int page = 0;
        uint64_t place = 0;

        locate(index, &page, &place);
        free(d->pages[page][place]);
        d->heap_bytes -= heap_bytes(SEGMENT_BYTES);
        if (place == 0) {
            free(d->pages[page]);
            d->pages[page] = NULL;
            d->heap_bytes -= heap_bytes((1ull << page) * sizeof(struct group *));
        }
    }
    d->group_count = index;
}
