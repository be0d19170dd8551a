#include "kv/arena.h"

#include "base/check.h"
#include "base/mutant.h"

enum {
    HOLES_MIN = 512,             /* Fewer bytes of holes are left alone. */
    STEP_WORK = 16,              /* The cost of looking at a block. */
    CUT_BYTES = 4 * 1024 * 1024, /* The most that is cut off at once: to return pages takes long, */
    CUT_WORK = CUT_BYTES / 8,    /* but less than to move as much. */
};

bool block_is_sound(struct slice value, uint32_t begin, uint32_t at)
{
    return at >= begin && at % 4 == 0 && value.size >= BLOCK_HEAD_BYTES &&
           at <= value.size - BLOCK_HEAD_BYTES && block_size(value.data, at) >= BLOCK_HEAD_BYTES &&
           block_size(value.data, at) <= value.size - at;
}

static void add_holes(struct arena *a, uint32_t bytes)
{
    value_edit_put(a->edit, ARENA_HOLES_AT, value_edit_get(a->edit, ARENA_HOLES_AT) + bytes);
}

static void take_holes(struct arena *a, uint32_t bytes)
{
    value_edit_put(a->edit, ARENA_HOLES_AT, value_edit_get(a->edit, ARENA_HOLES_AT) - bytes);
}

uint32_t arena_add(struct arena *a, uint32_t kind, size_t content_bytes)
{
    uint32_t at = (uint32_t)a->edit->size;
    uint32_t size = block_bytes(content_bytes);

    CHECK(kind != BLOCK_HOLE);
    CHECK(kind < BLOCK_KINDS);
    value_edit_resize(a->edit, at + (size_t)size);
    value_edit_put(a->edit, at, size + kind);
    return at;
}

/* --- freeing ------------------------------------------------------------------------------ */

static void cut_to(struct arena *a, uint32_t end)
{
    value_edit_resize(a->edit, end);
    if (value_edit_get(a->edit, ARENA_MOVING_AT) > end) {
        value_edit_put(a->edit, ARENA_MOVING_AT, end);
    }
}

void arena_free_block(struct arena *a, uint32_t at)
{
    uint32_t size = block_size(a->edit->bytes, at);

    if (at + (size_t)size == a->edit->size) {
        cut_to(a, at);
        return;
    }
    value_edit_put(a->edit, at, size + BLOCK_HOLE);
    add_holes(a, size);
}

/* --- moving ------------------------------------------------------------------------------- */

static bool is_worth_it(const struct arena *a)
{
    uint32_t holes = value_edit_get(a->edit, ARENA_HOLES_AT);

    return holes >= HOLES_MIN && (uint64_t)holes * 4 > a->edit->size;
}

/* A hole at the end of the value. Returns whether it is gone. */
static bool cut(struct arena *a, uint32_t at)
{
    uint32_t hole = block_size(a->edit->bytes, at);
    uint32_t bytes = hole < CUT_BYTES ? hole : CUT_BYTES;

    if (bytes < hole) {
        value_edit_put(a->edit, at, hole - bytes + BLOCK_HOLE);
    }
    take_holes(a, bytes);
    cut_to(a, (uint32_t)a->edit->size - bytes);
    return bytes == hole;
}

/* The block behind the hole changes places with it. Returns its size. */
static uint32_t move_down(struct arena *a, uint32_t at)
{
    struct value_edit *e = a->edit;
    uint32_t hole = block_size(e->bytes, at);
    uint32_t from = at + hole;
    uint32_t size = block_size(e->bytes, from);

    value_edit_touch(e, at, at + (size_t)size);
    memmove(e->bytes + at, e->bytes + from, size);
    value_edit_put(e, at + size, hole + BLOCK_HOLE);
    MUTANT_DO(moved_block_not_found, return size;);
    a->moved(a, from, at);
    return size;
}

/* Returns what it cost; `*at` is where it goes on, 0 if all is done. */
static uint64_t step(struct arena *a, uint32_t *at)
{
    struct value_edit *e = a->edit;

    if (*at >= e->size) {
        *at = 0;
        return STEP_WORK;
    }

    uint32_t size = block_size(e->bytes, *at);
    uint32_t next = *at + size;

    if (block_kind(e->bytes, *at) != BLOCK_HOLE) {
        *at = next;
        return STEP_WORK;
    }
    if (next == e->size) {
        *at = cut(a, *at) ? 0 : *at;
        return CUT_WORK;
    }
    if (block_kind(e->bytes, next) == BLOCK_HOLE) {
        value_edit_put(e, *at, size + block_size(e->bytes, next) + BLOCK_HOLE);
        return STEP_WORK;
    }

    uint32_t moved = move_down(a, *at);

    *at += moved;
    return moved + (uint64_t)STEP_WORK;
}

void arena_tidy(struct arena *a, uint64_t work)
{
    uint32_t at = value_edit_get(a->edit, ARENA_MOVING_AT);

    if (at == 0) {
        if (!is_worth_it(a)) {
            return;
        }
        at = a->begin;
    }
    for (uint64_t used = 0; at != 0 && used < work;) {
        used += step(a, &at);
    }
    value_edit_put(a->edit, ARENA_MOVING_AT, at);
}
