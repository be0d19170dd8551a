#include "peer/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"

enum { CAPACITY_FIRST = 1024 * 1024 };

void pieces_drop(struct pieces *p)
{
    entry_release(p->entry);
    *p = (struct pieces){.entry = NULL};
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void begin(struct pieces *p, uint32_t total)
{
    pieces_drop(p);
    p->capacity = least(total, CAPACITY_FIRST);
    p->entry = entry_new(0, p->capacity);
    p->entry->size = total;
}

/* Twice as much each time: it is moved by the system, not copied. */
static void make_room(struct pieces *p, uint32_t size)
{
    while (p->capacity < size) {
        uint32_t left = p->entry->size - p->capacity;

        p->capacity += least(left, p->capacity);
    }
    p->entry = memory_resize(p->entry, sizeof *p->entry + p->capacity);
}

bool pieces_take(struct pieces *p, const struct wire_piece *piece)
{
    if (piece->offset == 0) {
        begin(p, piece->total);
    }
    if (p->entry == NULL || piece->total != p->entry->size || piece->bytes.size == 0 ||
        (piece->offset != p->held && !MUTANT(piece_out_of_place)) ||
        piece->bytes.size > piece->total - p->held) {
        return false;
    }

    uint32_t size = (uint32_t)piece->bytes.size;

    if (p->held + size > p->capacity) {
        make_room(p, p->held + size);
    }
    memcpy(p->entry->data + p->held, piece->bytes.data, size);
    p->held += size;
    return true;
}

struct entry *pieces_finish(struct pieces *p, uint32_t size)
{
    struct entry *e = p->entry;

    if (e == NULL || e->size != size || (p->held != size && !MUTANT(missing_pieces_ignored))) {
        return NULL;
    }
    *p = (struct pieces){.entry = NULL};
    return e;
}

/* --- sending --------------------------------------------------------------------------- */

bool pieces_are_needed(uint64_t size, uint32_t piece_bytes)
{
    return size > (uint64_t)PIECES_WHOLE * piece_bytes;
}

void pieces_put(struct buffer *out, uint8_t group, struct slice payload, uint32_t piece_bytes,
                uint32_t *at)
{
    size_t left = payload.size - *at;
    size_t size = left < piece_bytes ? left : piece_bytes;
    struct wire_piece piece = {
        .group = group,
        .total = (uint32_t)payload.size,
        .offset = *at,
        .bytes = slice_of(payload.data + *at, size),
    };

    CHECK(size > 0 && size <= WIRE_PIECE_BYTES_MAX);
    wire_put_piece(out, &piece);
    *at += (uint32_t)size;
}

void pieces_put_forward(struct buffer *out, const struct wire_forward *f, uint32_t piece_bytes)
{
    struct wire_forward alone = *f;
    uint32_t at = 0;

    if (!pieces_are_needed(f->command.size, piece_bytes)) {
        wire_put_forward(out, f);
        return;
    }
    while (at < f->command.size) {
        pieces_put(out, f->group, f->command, piece_bytes, &at);
    }
    alone.command = slice_of("", 0);
    wire_put_forward(out, &alone);
}
