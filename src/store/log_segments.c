#include "store/log_segments.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"

void log_segments_deinit(struct log_segments *segments)
{
    free(segments->list);
    *segments = (struct log_segments){0};
}

void log_segments_add(struct log_segments *segments, const struct log_segment *segment)
{
    CHECK(segments->count == 0 || segment->number > segments->list[segments->count - 1].number);
    if (segments->count == segments->capacity) {
        segments->capacity = segments->capacity == 0 ? 16 : segments->capacity * 2;
        segments->list = memory_resize(segments->list, segments->capacity * sizeof *segments->list);
    }
    segments->list[segments->count++] = *segment;
}

void log_segments_grow(struct log_segments *segments, uint64_t bytes)
{
    CHECK(segments->count > 0);
    segments->list[segments->count - 1].bytes += bytes;
}

/* If its first batch begins after `index` + 1, the log had earlier entries at that time. They
 * may have been dropped since, but a reader that begins here would find a gap. */
const struct log_segment *log_segments_needed(const struct log_segments *segments, uint64_t index)
{
    const struct log_segment *needed = NULL;

    for (size_t i = 0; i < segments->count; i++) {
        if (segments->list[i].first_index <= index + 1 || MUTANT(origin_drops_too_much)) {
            needed = &segments->list[i];
        }
    }
    return needed;
}

void log_segments_void(struct log_segments *segments)
{
    for (size_t i = 0; i < segments->count; i++) {
        segments->list[i].first_index = 0;
    }
}

uint64_t log_segments_drop(struct log_segments *segments, uint64_t number)
{
    uint64_t bytes = 0;
    size_t dropped = 0;

    while (dropped < segments->count && segments->list[dropped].number < number) {
        bytes += segments->list[dropped++].bytes;
    }
    segments->count -= dropped;
    if (segments->count > 0) {
        memmove(segments->list, segments->list + dropped, segments->count * sizeof *segments->list);
    }
    return bytes;
}
