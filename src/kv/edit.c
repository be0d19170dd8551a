#include "kv/edit.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "kv/digest.h"
#include "kv/kv_private.h"

enum { BLOCK_WORK = DIGEST_BLOCK_BYTES / 2 }; /* Its digest is computed twice. */

/* --- blocks whose digest is missing from that of the database ------------------------------- */

static void make_bits(struct kv_touched *t, uint32_t block)
{
    uint32_t words = t->word_count == 0 ? 16 : t->word_count;

    while (block / 64 >= words) {
        words *= 2;
    }
    if (words > t->word_count) {
        t->bits = memory_resize(t->bits, words * sizeof t->bits[0]);
        memset(t->bits + t->word_count, 0, (words - t->word_count) * sizeof t->bits[0]);
        t->word_count = words;
    }
}

/* Returns whether it was not there. */
static bool add_block(struct kv_touched *t, uint32_t block)
{
    make_bits(t, block);
    if ((t->bits[block / 64] >> block % 64 & 1) != 0) {
        return false;
    }
    t->bits[block / 64] |= 1ull << block % 64;
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 64 : 2 * t->capacity;
        t->blocks = memory_resize(t->blocks, t->capacity * sizeof t->blocks[0]);
    }
    t->blocks[t->count++] = block;
    return true;
}

void kv_touched_deinit(struct kv_touched *t)
{
    free(t->bits);
    free(t->blocks);
}

static uint64_t digest_of(const struct kv_edit *e, uint32_t block)
{
    size_t at = (size_t)block * DIGEST_BLOCK_BYTES;
    size_t left = e->edit.size - at;

    return digest_of_block(
        e->hash, block,
        slice_of(e->edit.bytes + at, left < DIGEST_BLOCK_BYTES ? left : DIGEST_BLOCK_BYTES));
}

/* A whole block is announced to the walk, since its other bytes may change later. */
static void touch_block(struct kv_edit *e, uint32_t block)
{
    uint64_t at = (uint64_t)block * DIGEST_BLOCK_BYTES;

    if (!add_block(&e->kv->common->touched, block)) {
        return;
    }
    if (item_is_kept(*e->at)) {
        kv_walk_item_changes(e->kv->common->walk, *e->at, at, at + DIGEST_BLOCK_BYTES);
    }
    MUTANT_DO(edit_keeps_old_digest, return;);
    e->kv->digest -= digest_of(e, block);
}

static void touch(struct value_edit *edit, size_t first, size_t end)
{
    struct kv_edit *e = container_of(edit, struct kv_edit, edit);

    CHECK(first <= end);
    CHECK(end <= edit->size);
    for (size_t at = first / DIGEST_BLOCK_BYTES; at * DIGEST_BLOCK_BYTES < end; at++) {
        touch_block(e, (uint32_t)at);
    }
}

/* --- size --------------------------------------------------------------------------------- */

static void set_size(struct kv_edit *e, size_t size)
{
    struct kv *kv = e->kv;
    struct item *old = *e->at;
    size_t old_size = e->edit.size;
    bool is_deferred = item_is_deferred(old);

    kv->table.item_bytes -= item_heap_bytes(old);
    *e->at = size > old_size ? item_grow(old, size) : item_shrink(old, size);
    item_set_deferred(*e->at, is_deferred);
    if (item_is_kept(*e->at)) {
        kv_walk_item_moved(kv->common->walk, old, *e->at);
    }
    kv->table.item_bytes += item_heap_bytes(*e->at);
    e->edit.bytes = item_value_bytes(*e->at);
    e->edit.size = size;
    if (size > old_size) {
        memory_zero(e->edit.bytes + old_size, size - old_size);
    }
}

static void resize(struct value_edit *edit, size_t size)
{
    struct kv_edit *e = container_of(edit, struct kv_edit, edit);
    size_t old_size = edit->size;
    size_t first = size < old_size ? size : old_size;

    CHECK(size <= KV_VALUE_BYTES_MAX);
    if (size == old_size) {
        return;
    }
    /* The last block changes, because its size does. */
    touch(edit, first / DIGEST_BLOCK_BYTES * DIGEST_BLOCK_BYTES, old_size);
    set_size(e, size);
    for (size_t at = old_size; at < size; at += DIGEST_BLOCK_BYTES - at % DIGEST_BLOCK_BYTES) {
        (void)add_block(&e->kv->common->touched, (uint32_t)(at / DIGEST_BLOCK_BYTES));
    }
}

/* --- begin and end ------------------------------------------------------------------------ */

void kv_edit_begin(struct kv_edit *e, struct kv *kv, struct slice key)
{
    uint64_t hash = table_hash(&kv->table, key);
    struct item **at = table_find(&kv->table, hash, key);

    CHECK(at != NULL);
    CHECK(kv->common->touched.count == 0);
    table_before_change(&kv->table, hash);
    *e = (struct kv_edit){
        .edit = {.bytes = item_value_bytes(*at),
                 .size = item_value(*at).size,
                 .touch = touch,
                 .resize = resize},
        .kv = kv,
        .hash = hash,
        .at = at,
        .due = kv_item_due(*at),
    };
}

void kv_edit_end(struct kv_edit *e)
{
    struct kv_touched *t = &e->kv->common->touched;

    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t block = t->blocks[i];

        t->bits[block / 64] &= ~(1ull << block % 64);
        if ((size_t)block * DIGEST_BLOCK_BYTES < e->edit.size) {
            e->kv->digest += digest_of(e, block);
        }
    }
    e->kv->common->work += (uint64_t)t->count * BLOCK_WORK;
    t->count = 0;
    kv_mark_due(e->kv, e->hash, *e->at, e->due);
}
