#include "kv/due.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/memory.h"
#include "kv/item.h"

enum {
    LEVELS = 6,
    LEVEL_BITS = 8,
    SLOTS = 1 << LEVEL_BITS,
    WORD_BITS = 64,
    MARK_BYTES = 5,
    CAPACITY_FIRST = 8,
    CAPACITY_MAX = 808, /* A chunk takes a page. */
};

struct due_chunk {
    struct due_chunk *next;
    uint64_t from_ms, span_ms; /* As in struct due_taken. */
    uint32_t count, capacity;
    char marks[];
};

struct due_wheel {
    struct due_list slots[LEVELS][SLOTS];
    uint64_t used[LEVELS][SLOTS / WORD_BITS]; /* A bit for each slot that has marks. */
};

/* --- lists ------------------------------------------------------------------------------- */

static size_t chunk_bytes(uint32_t capacity)
{
    return sizeof(struct due_chunk) + (size_t)capacity * MARK_BYTES;
}

static struct due_chunk *begin_chunk(struct due *d, struct due_list *list)
{
    uint32_t wanted = list->first == NULL ? CAPACITY_FIRST : 2 * list->first->capacity;
    uint32_t capacity = wanted < CAPACITY_MAX ? wanted : CAPACITY_MAX;
    struct due_chunk *chunk = memory_take(chunk_bytes(capacity));

    *chunk = (struct due_chunk){.next = list->first, .capacity = capacity};
    d->heap_bytes += heap_bytes(chunk_bytes(capacity));
    list->last = list->first == NULL ? chunk : list->last;
    list->first = chunk;
    return chunk;
}

static void push(struct due *d, struct due_list *list, const struct due_taken *taken)
{
    struct due_chunk *chunk = list->first;

    if (chunk == NULL || chunk->count == chunk->capacity || chunk->span_ms != taken->span_ms) {
        chunk = begin_chunk(d, list);
        chunk->from_ms = taken->from_ms;
        chunk->span_ms = taken->span_ms;
    }

    char *at = chunk->marks + (size_t)chunk->count * MARK_BYTES;

    put_u32(at, (uint32_t)taken->mark);
    at[4] = (char)(unsigned char)(taken->mark >> 32);
    chunk->count++;
    d->count++;
}

/* Moves everything. */
static void splice(struct due_list *to, struct due_list *from)
{
    if (from->first == NULL) {
        return;
    }
    from->last->next = to->first;
    to->last = to->first == NULL ? from->last : to->last;
    to->first = from->first;
    *from = (struct due_list){NULL, NULL};
}

bool due_take(struct due *d, struct due_list *list, struct due_taken *ret_taken)
{
    struct due_chunk *chunk = list->first;

    if (chunk == NULL) {
        return false;
    }
    chunk->count--;
    d->count--;

    const char *at = chunk->marks + (size_t)chunk->count * MARK_BYTES;

    *ret_taken = (struct due_taken){.mark = get_u32(at) | (uint64_t)(unsigned char)at[4] << 32,
                                    .from_ms = chunk->from_ms,
                                    .span_ms = chunk->span_ms};
    if (chunk->count == 0) {
        list->first = chunk->next;
        d->heap_bytes -= heap_bytes(chunk_bytes(chunk->capacity));
        free(chunk);
    }
    return true;
}

void due_put(struct due *d, struct due_list *list, uint64_t mark)
{
    push(d, list, &(struct due_taken){.mark = mark});
}

void due_reopen(struct due *d, struct due_list *list)
{
    splice(&d->open, list);
}

/* --- the wheel --------------------------------------------------------------------------- */

static void make_wheel(struct due *d, uint64_t now_ms)
{
    d->wheel = memory_take_zeroed(1, sizeof *d->wheel);
    d->heap_bytes += heap_bytes(sizeof *d->wheel);
    d->now_ms = now_ms;
}

static unsigned byte_at(uint64_t ms, unsigned level)
{
    return (unsigned)(ms >> level * LEVEL_BITS) & (SLOTS - 1);
}

/* An instant is at the level of the highest byte in which it differs from now. */
void due_add(struct due *d, uint64_t now_ms, uint64_t at_ms, uint64_t mark)
{
    if (d->wheel == NULL) {
        make_wheel(d, now_ms);
    }
    if (at_ms <= d->now_ms) {
        due_put(d, &d->open, mark);
        return;
    }

    unsigned level = (63 - (unsigned)__builtin_clzll(at_ms ^ d->now_ms)) / LEVEL_BITS;
    unsigned slot = byte_at(at_ms, level);
    uint64_t span_ms = 1ull << level * LEVEL_BITS;

    CHECK(level < LEVELS);
    push(d, &d->wheel->slots[level][slot],
         &(struct due_taken){.mark = mark, .from_ms = at_ms & ~(span_ms - 1), .span_ms = span_ms});
    d->wheel->used[level][slot / WORD_BITS] |= 1ull << slot % WORD_BITS;
}

/* The first slot from `slot` on that has marks; SLOTS: none. */
static unsigned find_used(const uint64_t *used, unsigned slot)
{
    while (slot < SLOTS) {
        uint64_t bits = used[slot / WORD_BITS] >> slot % WORD_BITS;

        if (bits != 0) {
            return slot + (unsigned)__builtin_ctzll(bits);
        }
        slot += WORD_BITS - slot % WORD_BITS;
    }
    return SLOTS;
}

struct next_slot {
    unsigned level, slot;
    uint64_t from_ms;
};

/* What is at a lower level comes earlier. */
static bool find_next(const struct due *d, struct next_slot *ret_next)
{
    for (unsigned level = 0; d->wheel != NULL && level < LEVELS; level++) {
        unsigned slot = find_used(d->wheel->used[level], byte_at(d->now_ms, level) + 1);
        unsigned shift = level * LEVEL_BITS;

        if (slot < SLOTS) {
            uint64_t above = d->now_ms >> (shift + LEVEL_BITS) << (shift + LEVEL_BITS);

            *ret_next = (struct next_slot){level, slot, above | (uint64_t)slot << shift};
            return true;
        }
    }
    return false;
}

uint64_t due_next_ms(const struct due *d)
{
    struct next_slot next;

    return find_next(d, &next) ? next.from_ms : UINT64_MAX;
}

void due_advance(struct due *d, uint64_t now_ms)
{
    struct next_slot next;

    while (find_next(d, &next) && next.from_ms <= now_ms) {
        splice(&d->open, &d->wheel->slots[next.level][next.slot]);
        d->wheel->used[next.level][next.slot / WORD_BITS] &= ~(1ull << next.slot % WORD_BITS);
        d->now_ms = next.from_ms;
    }
    if (d->wheel != NULL && now_ms > d->now_ms) {
        d->now_ms = now_ms;
    }
}

/* --- the end ----------------------------------------------------------------------------- */

void due_discard(struct due *d, struct due_list *garbage, uint64_t *garbage_bytes)
{
    if (d->wheel == NULL) {
        return;
    }
    for (unsigned level = 0; level < LEVELS; level++) {
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            splice(garbage, &d->wheel->slots[level][slot]);
        }
    }
    splice(garbage, &d->open);
    splice(garbage, &d->ready);
    splice(garbage, &d->offered);
    *garbage_bytes += d->heap_bytes - heap_bytes(sizeof *d->wheel);
    free(d->wheel);
    *d = (struct due){0};
}

uint64_t due_free_garbage(struct due_list *garbage, uint64_t *garbage_bytes, uint64_t count)
{
    uint64_t freed = 0;

    for (; garbage->first != NULL && freed < count; freed++) {
        struct due_chunk *chunk = garbage->first;

        garbage->first = chunk->next;
        *garbage_bytes -= heap_bytes(chunk_bytes(chunk->capacity));
        free(chunk);
    }
    return freed;
}
