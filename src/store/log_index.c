#include "store/log_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

enum { RUN_BYTES = 64 * 1024 }; /* A new run begins after so many bytes. */

void log_index_deinit(struct log_index *index)
{
    free(index->runs);
    *index = (struct log_index){0};
}

uint64_t log_index_last(const struct log_index *index)
{
    if (index->count == 0) {
        return index->origin;
    }

    const struct log_run *run = &index->runs[index->count - 1];

    return run->first_index + run->count - 1;
}

void log_index_append(struct log_index *index, uint64_t segment, uint64_t offset, uint64_t bytes,
                      uint64_t first_index, uint32_t count)
{
    CHECK(count > 0);
    CHECK(first_index == log_index_last(index) + 1);
    if (index->count > 0) {
        struct log_run *run = &index->runs[index->count - 1];

        if (!run->is_closed && run->segment == segment && run->end == offset &&
            run->end - run->offset < RUN_BYTES) {
            run->count += count;
            run->end += bytes;
            return;
        }
    }
    if (index->count == index->capacity) {
        index->capacity = index->capacity == 0 ? 64 : index->capacity * 2;
        index->runs = memory_resize(index->runs, index->capacity * sizeof *index->runs);
    }
    index->runs[index->count++] = (struct log_run){
        .first_index = first_index,
        .count = count,
        .segment = segment,
        .offset = offset,
        .end = offset + bytes,
    };
}

void log_index_begin(struct log_index *index, uint64_t origin)
{
    size_t dropped = 0;

    CHECK(origin >= index->origin);
    while (dropped < index->count &&
           index->runs[dropped].first_index + index->runs[dropped].count <= origin + 1) {
        dropped++;
    }
    index->count -= dropped;
    if (index->count > 0) {
        memmove(index->runs, index->runs + dropped, index->count * sizeof *index->runs);
    }
    if (index->count > 0 && index->runs[0].first_index <= origin) {
        index->runs[0].count -= origin + 1 - index->runs[0].first_index;
        index->runs[0].first_index = origin + 1;
    }
    index->origin = origin;
}

void log_index_truncate(struct log_index *index, uint64_t from)
{
    CHECK(from > 0);
    while (index->count > 0 && index->runs[index->count - 1].first_index >= from) {
        index->count--;
    }
    if (index->count > 0 && log_index_last(index) >= from) {
        struct log_run *run = &index->runs[index->count - 1];

        run->count = from - run->first_index;
        run->is_closed = true;
    }
}

const struct log_run *log_index_find(const struct log_index *index, uint64_t entry_index)
{
    size_t low = 0;
    size_t high = index->count;

    if (entry_index <= index->origin || entry_index > log_index_last(index)) {
        return NULL;
    }
    /* Finds the last run that begins at or before the entry. */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (index->runs[middle].first_index <= entry_index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &index->runs[low];
}
