#include "kv/kept.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "kv/record.h"

enum { BLOCK_BYTES = RECORD_PIECE_MAX, SLOT_BITS = 13, SLOTS = 1 << SLOT_BITS };

/* The record is about the first `size` bytes of the item's content, which may have grown since. */
struct kept_item {
    struct list link;    /* In `items`. */
    struct list in_slot; /* In one of the slots. */
    struct item *item;
    struct traits traits;
    char **copies; /* By block: its former content, if it has changed since. NULL: none has. */
    uint64_t key_size, size;
    uint64_t written_bytes; /* Whole blocks, except at the end. */
    uint64_t place;         /* In its bucket. */
    uint32_t database;
    bool is_announced;
};

void kept_init(struct kept *kept, struct kv_common *common)
{
    *kept = (struct kept){.common = common};
    list_init(&kept->items);
}

bool kept_is_empty(const struct kept *kept)
{
    return list_is_empty(&kept->items);
}

/* --- by address ------------------------------------------------------------------- */

static struct list *slot_of(struct kept *kept, const struct item *item)
{
    return &kept->slots[((uintptr_t)item >> 4) * 0x9e3779b97f4a7c15u >> (64 - SLOT_BITS)];
}

static void make_slots(struct kept *kept)
{
    kept->slots = memory_take(SLOTS * sizeof kept->slots[0]);
    kept->common->walk_bytes += heap_bytes(SLOTS * sizeof kept->slots[0]);
    for (size_t i = 0; i < SLOTS; i++) {
        list_init(&kept->slots[i]);
    }
}

static void free_slots(struct kept *kept)
{
    if (kept->slots != NULL) {
        free(kept->slots);
        kept->common->walk_bytes -= heap_bytes(SLOTS * sizeof kept->slots[0]);
    }
}

static struct kept_item *find(struct kept *kept, const struct item *item)
{
    struct kept_item *found = NULL;

    list_for_each(node, slot_of(kept, item))
    {
        struct kept_item *k = container_of(node, struct kept_item, in_slot);

        if (k->item == item) {
            found = k;
            break;
        }
    }
    CHECK(found != NULL); /* Each item that is kept has its record here. */
    return found;
}

void kept_has_moved(struct kept *kept, const struct item *before, struct item *item)
{
    struct kept_item *k = find(kept, before);

    list_remove(&k->in_slot);
    k->item = item;
    list_append(slot_of(kept, item), &k->in_slot);
}

/* --- coming and going --------------------------------------------------------------- */

static uint64_t block_count(const struct kept_item *k)
{
    return (k->size + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

void kept_add(struct kept *kept, struct item *item, uint32_t database, uint64_t place)
{
    struct kept_item *k = memory_take_zeroed(1, sizeof *k);

    if (kept->slots == NULL) {
        make_slots(kept);
    }
    item_keep(item);
    k->item = item;
    k->traits = item_traits(item);
    k->database = database;
    k->place = place;
    k->key_size = item_key(item).size;
    k->size = item_content_size(item);
    list_append(&kept->items, &k->link);
    list_append(slot_of(kept, item), &k->in_slot);
    kept->common->walk_bytes += heap_bytes(sizeof *k);
}

static void free_copy(struct kept *kept, struct kept_item *k, uint64_t block)
{
    if (k->copies != NULL && k->copies[block] != NULL) {
        free(k->copies[block]);
        k->copies[block] = NULL;
        kept->common->held_bytes -= heap_bytes(BLOCK_BYTES);
    }
}

static void free_copies(struct kept *kept, struct kept_item *k)
{
    if (k->copies == NULL) {
        return;
    }
    for (uint64_t i = 0; i < block_count(k); i++) {
        free_copy(kept, k, i);
    }
    free(k->copies);
    kept->common->walk_bytes -= heap_bytes(block_count(k) * sizeof k->copies[0]);
}

static void forget(struct kept *kept, struct kept_item *k)
{
    list_remove(&k->link);
    list_remove(&k->in_slot);
    free_copies(kept, k);
    if (item_keep_no_more(k->item)) {
        kept->common->held_bytes -= item_heap_bytes(k->item);
        kv_common_discard_take(kept->common, k->item);
    }
    free(k);
    kept->common->walk_bytes -= heap_bytes(sizeof *k);
}

void kept_deinit(struct kept *kept)
{
    list_for_each(node, &kept->items)
    {
        forget(kept, container_of(node, struct kept_item, link));
    }
    free_slots(kept);
}

/* --- writing ------------------------------------------------------------------------ */

static uint64_t write_block(struct kept *kept, struct kept_item *k, struct buffer *out)
{
    uint64_t block = k->written_bytes / BLOCK_BYTES;
    uint64_t left = k->size - k->written_bytes;
    uint64_t size = left < BLOCK_BYTES ? left : BLOCK_BYTES;
    bool is_copied = k->copies != NULL && k->copies[block] != NULL;
    const char *from = is_copied ? k->copies[block] : item_content(k->item) + k->written_bytes;
    uint64_t bytes = record_write_piece(out, slice_of(from, size));

    k->written_bytes += size;
    free_copy(kept, k, block);
    return bytes;
}

uint64_t kept_write(struct kept *kept, struct buffer *out)
{
    struct list *first = list_first(&kept->items);

    CHECK(first != NULL);

    struct kept_item *k = container_of(first, struct kept_item, link);

    if (!k->is_announced) {
        k->is_announced = true;
        return record_write_large(out, k->database, k->traits, k->key_size, k->size - k->key_size,
                                  k->place);
    }

    uint64_t bytes = write_block(kept, k, out);

    if (k->written_bytes == k->size) {
        forget(kept, k);
    }
    return bytes;
}

/* --- changes ------------------------------------------------------------------------ */

static void copy_block(struct kept *kept, struct kept_item *k, uint64_t block)
{
    uint64_t left = k->size - block * BLOCK_BYTES;

    if (k->copies == NULL) {
        k->copies = memory_take_zeroed(block_count(k), sizeof k->copies[0]);
        kept->common->walk_bytes += heap_bytes(block_count(k) * sizeof k->copies[0]);
    }
    if (k->copies[block] == NULL) {
        k->copies[block] = memory_take(BLOCK_BYTES);
        memcpy(k->copies[block], item_content(k->item) + block * BLOCK_BYTES,
               left < BLOCK_BYTES ? left : BLOCK_BYTES);
        kept->common->held_bytes += heap_bytes(BLOCK_BYTES);
        kept->common->work += BLOCK_BYTES;
    }
}

void kept_before_change(struct kept *kept, const struct item *item, uint64_t first, uint64_t end)
{
    struct kept_item *k = find(kept, item);

    MUTANT_DO(kept_changes_first, return;);
    first += k->key_size;
    end += k->key_size;
    if (first < k->written_bytes) {
        first = k->written_bytes;
    }
    if (end > k->size) {
        end = k->size;
    }
    for (uint64_t at = first; at < end; at = (at / BLOCK_BYTES + 1) * BLOCK_BYTES) {
        copy_block(kept, k, at / BLOCK_BYTES);
    }
}
