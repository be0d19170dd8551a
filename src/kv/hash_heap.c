/* hash_heap.c - the fields of a large hash that expire, in a binary heap. */
#include "base/check.h"
#include "base/mutant.h"
#include "kv/hash_large.h"

static uint32_t heap_at(struct slice value, uint32_t place)
{
    return large_number(value, slot_at(value, LARGE_HEAP_SEGMENTS_AT, place));
}

static uint64_t expires_ms(struct slice value, uint32_t at)
{
    return large_entry(value, at).field.expires_ms;
}

static void set_place(struct value_edit *e, uint32_t place, uint32_t at)
{
    uint32_t entry = at + ENTRY_FIELD_AT;

    value_edit_put(e, slot_at(value_edit_slice(e), LARGE_HEAP_SEGMENTS_AT, place), at);
    value_edit_put(e, entry + hash_entry_place_at(e->bytes + entry), place);
}

/* Puts the entry at this place, or above it; returns where it is. */
static uint32_t sift_up(struct value_edit *e, uint32_t place, uint32_t at)
{
    struct slice value = value_edit_slice(e);

    while (place > 0) {
        uint32_t above = heap_at(value, (place - 1) / 2);

        if (expires_ms(value, above) <= expires_ms(value, at)) {
            break;
        }
        set_place(e, place, above);
        place = (place - 1) / 2;
    }
    set_place(e, place, at);
    return place;
}

/* The place below with the earlier instant; that place itself if there is none. */
static uint32_t earlier_below(struct slice value, uint32_t place)
{
    uint32_t count = large_number(value, LARGE_EXPIRING_AT);
    uint32_t below = 2 * place + 1;

    if (below >= count) {
        return place;
    }
    return below + 1 < count && expires_ms(value, heap_at(value, below + 1)) <
                                    expires_ms(value, heap_at(value, below))
               ? below + 1
               : below;
}

static void sift_down(struct value_edit *e, uint32_t place, uint32_t at)
{
    struct slice value = value_edit_slice(e);
    uint32_t below;

    while ((below = earlier_below(value, place)) != place &&
           expires_ms(value, heap_at(value, below)) < expires_ms(value, at)) {
        set_place(e, place, heap_at(value, below));
        place = below;
    }
    set_place(e, place, at);
}

void heap_insert(struct value_edit *e, uint32_t at)
{
    uint32_t last = value_edit_get(e, LARGE_EXPIRING_AT);

    slots_reach(e, LARGE_HEAP_SEGMENTS_AT, last);
    value_edit_put(e, LARGE_EXPIRING_AT, last + 1);
    sift_up(e, last, at);
}

void heap_changed(struct value_edit *e, uint32_t place)
{
    uint32_t at = heap_at(value_edit_slice(e), place);

    if (sift_up(e, place, at) == place) {
        sift_down(e, place, at);
    }
}

/* A segment stays until half of those before it are unused, so that it does not come and go with
 * each change. */
static void leave_segment(struct value_edit *e, uint32_t count)
{
    if (2 * count >= SEGMENT_SLOTS && (count & (count - 1)) == 0) {
        slots_leave(e, LARGE_HEAP_SEGMENTS_AT, segment_of(2 * count));
    }
}

void heap_remove(struct value_edit *e, uint32_t place)
{
    uint32_t last = value_edit_get(e, LARGE_EXPIRING_AT) - 1;
    uint32_t at = heap_at(value_edit_slice(e), last);

    CHECK(place <= last);
    value_edit_put(e, slot_at(value_edit_slice(e), LARGE_HEAP_SEGMENTS_AT, last), 0);
    value_edit_put(e, LARGE_EXPIRING_AT, last);
    if (place != last) {
        set_place(e, place, at);
        heap_changed(e, place);
    }
    leave_segment(e, last);
}

static uint64_t count_below(struct slice value, uint32_t place, uint64_t now_ms)
{
    if (place >= large_number(value, LARGE_EXPIRING_AT) ||
        now_ms <= expires_ms(value, heap_at(value, place))) {
        return 0;
    }
    return 1 + count_below(value, 2 * place + 1, now_ms) + /* As deep as the heap: 22 at most. */
           count_below(value, 2 * place + 2, now_ms);
}

uint64_t heap_count_expired(struct slice value, uint64_t now_ms)
{
    return count_below(value, 0, now_ms);
}

uint32_t heap_first(struct slice value)
{
    return large_number(value, LARGE_EXPIRING_AT) == 0 ? 0 : heap_at(value, 0);
}
