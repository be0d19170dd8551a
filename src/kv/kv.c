/* kv.c - a database over its table: digest, memory figures, lazy clearing. */
#include "kv/kv.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "kv/digest.h"
#include "kv/kv_private.h"

enum {
    CURSOR_SHIFT = 16, /* A cursor is the upper 48 bits of a position in the table: enough for
                        * 2^48 buckets, and exact in a double's 53 bits. */
    SLOT_BYTES = 16,   /* About an item's share of the table. */
};

struct kv *kv_new(struct kv_common *common)
{
    struct kv *kv = memory_take_zeroed(1, sizeof *kv);

    table_init(&kv->table, common->hash_seed);
    kv->common = common;
    return kv;
}

void kv_free(struct kv *kv)
{
    if (kv == NULL) {
        return;
    }
    kv_discard_marks(kv);
    due_free_garbage(&kv->common->garbage, &kv->common->garbage_bytes, UINT64_MAX);
    table_deinit(&kv->table);
    free(kv);
}

uint64_t kv_count(const struct kv *kv)
{
    return kv->table.count;
}

uint64_t kv_expiring_count(const struct kv *kv)
{
    return kv->expiring_count;
}

uint64_t kv_memory_bytes(const struct kv *kv)
{
    return heap_bytes(sizeof *kv) + table_heap_bytes(&kv->table) + kv->due.heap_bytes;
}

uint64_t kv_digest(const struct kv *kv)
{
    return kv->digest;
}

uint64_t kv_reply_bytes_max(const struct kv *kv)
{
    return kv->common->reply_bytes_max;
}

static bool is_expired(const struct kv *kv, const struct item *item)
{
    return item_is_expired(item, kv->common->now_ms) && !MUTANT(expired_key_is_there);
}

/* NULL if there is none, or if it has expired. */
static struct item **find_live(const struct kv *kv, uint64_t hash, struct slice key)
{
    struct item **at = table_find(&kv->table, hash, key);

    return at == NULL || is_expired(kv, *at) ? NULL : at;
}

bool kv_find(const struct kv *kv, struct slice key, struct kv_value *ret_value)
{
    struct item **at = find_live(kv, table_hash(&kv->table, key), key);

    if (at == NULL) {
        return false;
    }
    *ret_value = (struct kv_value){item_value(*at), item_traits(*at)};
    return true;
}

bool kv_get(const struct kv *kv, struct slice key, struct slice *ret_value)
{
    struct item **at = find_live(kv, table_hash(&kv->table, key), key);

    if (at == NULL) {
        return false;
    }
    *ret_value = item_value(*at);
    return true;
}

uint64_t kv_prefetch_bucket(const struct kv *kv, struct slice key)
{
    uint64_t hash = table_hash(&kv->table, key);

    table_prefetch_bucket(&kv->table, hash);
    return hash;
}

void kv_prefetch_chain(const struct kv *kv, uint64_t hash)
{
    table_prefetch_chain(&kv->table, hash);
}

void kv_prefetch_item(const struct kv *kv, uint64_t hash)
{
    table_prefetch_item(&kv->table, hash);
}

/* --- changes -------------------------------------------------------------------- */

static void note_due(struct kv *kv, uint64_t hash, struct item *item, struct traits traits,
                     struct item_due old)
{
    if (!traits_are_plain(traits) || old.at_ms != 0) {
        kv_mark_due(kv, hash, item, old);
    }
}

void kv_add_item(struct kv *kv, uint64_t hash, struct item *item)
{
    struct traits traits = item_traits(item);

    kv->digest += digest_of_item(hash, traits, item_value(item));
    note_due(kv, hash, item, traits, (struct item_due){.at_ms = 0});
    kv->common->work += item_value(item).size;
    kv->table.item_bytes += item_heap_bytes(item);
    table_add(&kv->table, hash, item);
}

/* A prepared one is large, so it has a field for its expiry. */
static struct item *new_item(struct kv *kv, struct slice key, struct traits traits,
                             struct slice value)
{
    struct item *item =
        traits.type == VALUE_STRING ? prepared_take(&kv->common->prepared, key, value) : NULL;

    return item != NULL ? item_set_expiry(item, traits.expires_ms) : item_new(traits, key, value);
}

void kv_put(struct kv *kv, struct slice key, struct traits traits, struct slice value)
{
    uint64_t hash = table_hash(&kv->table, key);
    struct item **at = table_find(&kv->table, hash, key);

    CHECK(value.size <= KV_VALUE_BYTES_MAX);
    if (at == NULL) {
        kv_add_item(kv, hash, new_item(kv, key, traits, value));
        return;
    }
    if (is_expired(kv, *at)) {
        kv_report_expired(kv, key);
    }

    struct traits old = item_traits(*at);
    struct item_due old_due = kv_item_due(*at);
    uint64_t old_bytes = item_heap_bytes(*at);

    table_before_change(&kv->table, hash);
    kv->common->work += item_value(*at).size + value.size;
    kv->digest -= digest_of_item(hash, old, item_value(*at));
    kv->table.item_bytes -= old_bytes;
    if (old_bytes < KV_LARGE_BYTES && !item_is_kept(*at)) {
        *at = item_replace(*at, traits, value);
    } else {
        kv_common_discard_take(kv->common, *at);
        *at = new_item(kv, key, traits, value);
    }
    note_due(kv, hash, *at, traits, old_due);
    kv->table.item_bytes += item_heap_bytes(*at);
    kv->digest += digest_of_item(hash, traits, value);
}

void kv_set(struct kv *kv, struct slice key, struct slice value)
{
    kv_put(kv, key, (struct traits){0}, value);
}

void kv_replace(struct kv *kv, struct slice key, struct slice value)
{
    struct kv_value old = {.traits = {0}};

    (void)kv_find(kv, key, &old);
    kv_put(kv, key, old.traits, value);
}

bool kv_set_expiry(struct kv *kv, struct slice key, uint64_t expires_ms)
{
    uint64_t hash = table_hash(&kv->table, key);
    struct item **at = find_live(kv, hash, key);

    if (at == NULL) {
        return false;
    }

    struct item *old = *at;
    struct item_due old_due = kv_item_due(old);

    table_before_change(&kv->table, hash);
    kv->digest -= digest_of_traits(hash, item_traits(old));
    kv->table.item_bytes -= item_heap_bytes(old);
    *at = item_set_expiry(old, expires_ms);
    if (*at != old && item_is_kept(*at)) {
        kv_walk_item_moved(kv->common->walk, old, *at);
    }
    note_due(kv, hash, *at, item_traits(*at), old_due);
    kv->table.item_bytes += item_heap_bytes(*at);
    kv->digest += digest_of_traits(hash, item_traits(*at));
    return true;
}

/* Removes an item, which then belongs to the caller; NULL if there is none. */
static struct item *take_item(struct kv *kv, uint64_t hash, struct slice key)
{
    struct item *item = table_remove(&kv->table, hash, key);

    if (item != NULL) {
        struct traits traits = item_traits(item);

        kv->common->work += item_value(item).size;
        kv->digest -= digest_of_item(hash, traits, item_value(item));
        kv->expiring_count -= traits.expires_ms != 0 ? 1 : 0; /* Its mark stays. */
        kv->due_count -= kv_item_due(item).at_ms != 0 ? 1 : 0;
        kv->table.item_bytes -= item_heap_bytes(item);
        if (kv->table.count == 0) {
            kv->digest = 0; /* Even if a bit had flipped in an item: it is gone. */
        }
    }
    return item;
}

/* Before a change: removes the item if it has expired. */
static void drop_expired(struct kv *kv, uint64_t hash, struct slice key)
{
    struct item **at = table_find(&kv->table, hash, key);

    if (at != NULL && is_expired(kv, *at)) {
        kv_common_discard_take(kv->common, take_item(kv, hash, key));
        kv_report_expired(kv, key);
    }
}

bool kv_move(struct kv *from, struct kv *to, struct slice key)
{
    uint64_t hash = table_hash(&from->table, key); /* The same in both. */

    CHECK(from->common == to->common);
    drop_expired(from, hash, key);
    drop_expired(to, hash, key);
    if (table_find(&to->table, hash, key) != NULL) {
        return false;
    }

    struct item *item = take_item(from, hash, key);

    if (item == NULL) {
        return false;
    }
    kv_add_item(to, hash, item);
    return true;
}

/* A kept item stays as it is for its other owner. */
static struct item *rekey(struct kv *kv, struct item *item, struct slice key)
{
    if (!item_is_kept(item)) {
        return item_rekey(item, key);
    }

    struct item *copy = item_new(item_traits(item), key, item_value(item));

    kv_common_discard_take(kv->common, item);
    return copy;
}

bool kv_rename(struct kv *kv, struct slice from, struct slice to)
{
    uint64_t hash = table_hash(&kv->table, from);

    CHECK(!slice_equal(from, to));
    drop_expired(kv, hash, from);

    struct item *item = take_item(kv, hash, from);

    if (item == NULL) {
        return false;
    }
    MUTANT_DO(rename_loses_expiry, item = item_set_expiry(item, 0));
    (void)kv_delete(kv, to);
    kv_add_item(kv, table_hash(&kv->table, to), rekey(kv, item, to));
    return true;
}

bool kv_copy(const struct kv *from, struct slice key, struct kv *to, struct slice to_key)
{
    struct kv_value value;

    CHECK(from != to || !slice_equal(key, to_key));
    if (!kv_find(from, key, &value)) {
        return false;
    }
    MUTANT_DO(copy_is_plain, value.traits.expires_ms = 0);
    /* The value is in an item that is not the one which is replaced. */
    kv_put(to, to_key, value.traits, value.bytes);
    return true;
}

uint64_t kv_plain_bytes(size_t key_size, const struct kv_value *value)
{
    return item_plain_bytes(value->traits, key_size, value->bytes.size) + SLOT_BYTES;
}

bool kv_remove_expired(struct kv *kv, struct slice key)
{
    uint64_t count = kv->table.count;

    drop_expired(kv, table_hash(&kv->table, key), key);
    return kv->table.count < count;
}

bool kv_delete(struct kv *kv, struct slice key)
{
    uint64_t hash = table_hash(&kv->table, key);
    struct item *item = take_item(kv, hash, key);

    if (item == NULL) {
        return false;
    }

    bool was_there = !is_expired(kv, item);

    kv_common_discard_take(kv->common, item);
    if (!was_there) {
        kv_report_expired(kv, key);
    }
    return was_there;
}

size_t kv_append(struct kv *kv, struct slice key, struct slice tail)
{
    struct slice value = {NULL, 0};

    kv_get(kv, key, &value);
    return kv_set_range(kv, key, value.size, tail);
}

/* Grows the item in place to `size` bytes; the new ones are zero. */
static void grow_item(struct kv *kv, struct item **at, size_t size)
{
    struct item *old = *at;
    size_t old_size = item_value(old).size;
    bool is_deferred = item_is_deferred(old);

    kv->table.item_bytes -= item_heap_bytes(old);
    *at = item_grow(old, size);
    item_set_deferred(*at, is_deferred);
    if (item_is_kept(*at)) {
        kv_walk_item_moved(kv->common->walk, old, *at);
    }
    kv->table.item_bytes += item_heap_bytes(*at);
    memory_zero(item_value_bytes(*at) + old_size, size - old_size);
}

size_t kv_set_range(struct kv *kv, struct slice key, size_t offset, struct slice part)
{
    uint64_t hash = table_hash(&kv->table, key);
    size_t end = offset + part.size;

    drop_expired(kv, hash, key);

    struct item **at = table_find(&kv->table, hash, key);

    CHECK(offset <= KV_VALUE_BYTES_MAX);
    CHECK(end <= KV_VALUE_BYTES_MAX);
    if (at == NULL && offset == 0) {
        kv_add_item(kv, hash, item_new((struct traits){0}, key, part));
        return end;
    }
    if (at == NULL) {
        kv_add_item(kv, hash, item_new((struct traits){0}, key, slice_of(NULL, 0)));
        at = table_find(&kv->table, hash, key);
    }

    struct slice value = item_value(*at);
    size_t old_size = value.size;
    size_t first = offset < old_size ? offset : old_size; /* The first byte that changes. */

    table_before_change(&kv->table, hash);
    if (item_is_kept(*at)) {
        kv_walk_item_changes(kv->common->walk, *at, first, end);
    }
    kv->common->work += end - first;
    kv->digest -= digest_of_range(hash, value, first, end);
    if (end > value.size) {
        grow_item(kv, at, end);
    }
    if (part.size > 0) {
        memcpy(item_value_bytes(*at) + offset, part.data, part.size);
    }
    value = item_value(*at);
    kv->digest += digest_of_range_with_zeros(hash, value, first, end, old_size, offset);
    return value.size;
}

uint64_t kv_growth_bytes(const struct kv *kv, struct slice key, size_t size)
{
    struct item **at = kv == NULL ? NULL : table_find(&kv->table, table_hash(&kv->table, key), key);

    return item_growth_bytes(at == NULL ? NULL : *at, key.size, size);
}

/* --- clearing ------------------------------------------------------------------- */

void kv_clear(struct kv *kv)
{
    kv_common_clear_take(kv->common, &kv->table);
    kv->digest = 0;
    kv_discard_marks(kv);
    table_init(&kv->table, kv->common->hash_seed);
}

/* --- walking -------------------------------------------------------------------- */

struct scan {
    const struct kv *kv;
    void (*each)(void *context, struct slice key, const struct kv_value *value);
    void *context;
};

static void scan_item(void *context, struct item *item)
{
    struct scan *scan = context;
    struct kv_value value = {item_value(item), item_traits(item)};

    if (!is_expired(scan->kv, item)) {
        scan->each(scan->context, item_key(item), &value);
    }
}

uint64_t kv_scan(const struct kv *kv, uint64_t cursor, uint64_t count,
                 void (*each)(void *context, struct slice key, const struct kv_value *value),
                 void *context)
{
    struct scan scan = {kv, each, context};
    uint64_t position = cursor << CURSOR_SHIFT;
    uint64_t given = 0;

    if (cursor >> (64 - CURSOR_SHIFT) != 0) {
        return 0; /* Beyond every bucket. */
    }
    do {
        given += table_walk(&kv->table, position, &position, scan_item, &scan);
    } while (position != 0 && given < count);
    return position >> CURSOR_SHIFT;
}

struct recomputed {
    uint64_t seed;
    uint64_t digest;
};

static void recompute_item(void *context, struct item *item)
{
    struct recomputed *r = context;
    struct slice key = item_key(item);

    r->digest += digest_of_item(checksum_seeded(key.data, key.size, r->seed), item_traits(item),
                                item_value(item));
}

uint64_t kv_digest_recomputed(const struct kv *kv)
{
    return kv_digest_seeded(kv, kv->table.seed);
}

uint64_t kv_digest_seeded(const struct kv *kv, uint64_t seed)
{
    struct recomputed r = {.seed = seed};
    uint64_t position = 0;

    do {
        table_walk(&kv->table, position, &position, recompute_item, &r);
    } while (position != 0);
    return r.digest;
}

bool kv_pick(const struct kv *kv, uint64_t chance, struct slice *ret_key)
{
    const struct item *item = table_pick(&kv->table, chance);

    if (item == NULL || is_expired(kv, item)) {
        return false;
    }
    *ret_key = item_key(item);
    return true;
}

uint64_t kv_chance(struct kv *kv)
{
    return prng_next(&kv->common->prng);
}
