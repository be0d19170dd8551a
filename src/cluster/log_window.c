/* log_window.c - a ring of entries by index. */
#include "cluster/log_window.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { WINDOW_FIRST_CAPACITY = 1024 };

void log_window_init(struct log_window *w)
{
    *w = (struct log_window){.capacity = WINDOW_FIRST_CAPACITY, .first = 1};
    w->ring = memory_take_zeroed(w->capacity, sizeof(struct log_place));
}

static struct log_place *slot(const struct log_window *w, raft_index index)
{
    return &w->ring[index & (w->capacity - 1)];
}

static void release(struct log_window *w, raft_index index)
{
    struct log_place *place = slot(w, index);

    w->bytes -= place->entry->size;
    entry_release(place->entry);
    place->entry = NULL;
}

void log_window_begin(struct log_window *w, raft_index origin, uint64_t origin_time_us)
{
    for (raft_index i = w->first; i <= w->last; i++) {
        release(w, i);
    }
    w->first = origin + 1;
    w->last = origin;
    w->trimmed_time_us = origin_time_us;
}

void log_window_deinit(struct log_window *w)
{
    log_window_begin(w, 0, 0);
    free(w->ring);
    w->ring = NULL;
}

static void grow(struct log_window *w)
{
    struct log_window bigger = *w;

    bigger.capacity = w->capacity * 2;
    bigger.ring = memory_take_zeroed(bigger.capacity, sizeof(struct log_place));
    for (raft_index i = w->first; i <= w->last; i++) {
        *slot(&bigger, i) = *slot(w, i);
    }
    free(w->ring);
    *w = bigger;
}

void log_window_append_take(struct log_window *w, struct entry *e)
{
    uint64_t before = w->last < w->first ? 0 : slot(w, w->last)->bytes_up_to;

    CHECK(e->index == w->last + 1);
    if (w->last + 1 - w->first == w->capacity) {
        grow(w);
    }
    w->last++;
    *slot(w, w->last) = (struct log_place){e, before + e->size};
    w->bytes += e->size;
}

void log_window_truncate(struct log_window *w, raft_index from)
{
    CHECK(from >= 1);
    while (w->last >= from && w->last >= w->first) {
        release(w, w->last);
        w->last--;
    }
    if (w->last >= from) {
        w->last = from - 1;
    }
    if (w->first > w->last + 1) {
        w->first = w->last + 1;
    }
}

void log_window_trim(struct log_window *w, raft_index up_to, uint64_t keep_bytes)
{
    while (w->bytes > keep_bytes && w->first <= up_to && w->first <= w->last) {
        w->trimmed_time_us = slot(w, w->first)->entry->time_us;
        release(w, w->first);
        w->first++;
    }
}

struct entry *log_window_get(const struct log_window *w, raft_index index)
{
    return index >= w->first && index <= w->last ? slot(w, index)->entry : NULL;
}

uint64_t log_window_time_us(const struct log_window *w, raft_index index)
{
    const struct entry *e = log_window_get(w, index);

    if (e != NULL) {
        return e->time_us;
    }
    return index + 1 == w->first ? w->trimmed_time_us : 0;
}

uint64_t log_window_bytes_after(const struct log_window *w, raft_index index)
{
    if (index + 1 < w->first) {
        index = w->first - 1;
    }
    if (index >= w->last) {
        return 0;
    }

    const struct log_place *next = slot(w, index + 1);

    return slot(w, w->last)->bytes_up_to - next->bytes_up_to + next->entry->size;
}
