#include "client/tracking.h"

#include <stdlib.h>

#include "base/checksum.h"
#include "base/memory.h"
#include "base/mutant.h"

void tracking_init(struct tracking *t, uint64_t seed)
{
    *t = (struct tracking){.seed = seed, .keys_max = TRACKED_KEYS_MAX};
    list_init(&t->keys);
    list_init(&t->cleared);
}

void tracking_deinit(struct tracking *t)
{
    tracking_clear(t);
    while (tracking_tidy(t, UINT32_MAX)) {
    }
}

static uint64_t hash_of(const struct tracking *t, struct slice key)
{
    return checksum_seeded(key.size == 0 ? "" : key.data, key.size, t->seed);
}

static struct tracked_key *find(const struct tracking *t, struct slice key)
{
    struct chain *c = t->by_key.count == 0 ? NULL : chains_find(&t->by_key, hash_of(t, key));

    for (; c != NULL; c = chains_find_next(c)) {
        struct tracked_key *k = container_of(c, struct tracked_key, chain);

        if (slice_equal(k->key, key)) {
            return k;
        }
    }
    return NULL;
}

static struct tracked_key *add(struct tracking *t, struct slice key)
{
    struct tracked_key *k = memory_take(sizeof *k + key.size);
    char *copy = (char *)(k + 1);

    if (key.size > 0) {
        memcpy(copy, key.data, key.size);
    }
    *k = (struct tracked_key){.key = slice_of(copy, key.size)};
    list_init(&k->link);
    list_append(&t->keys, &k->link);
    chains_add(&t->by_key, &k->chain, hash_of(t, key));
    t->bytes += sizeof *k + key.size;
    return k;
}

/* Where the id is, or belongs. */
static uint32_t place_of(const struct tracked_key *k, uint64_t id)
{
    uint32_t low = 0;
    uint32_t high = k->id_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (k->ids[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void tracking_note(struct tracking *t, struct slice key, uint64_t id)
{
    struct tracked_key *k = find(t, key);
    uint32_t at;

    if (k == NULL) {
        k = add(t, key);
    }
    at = place_of(k, id);
    if (at < k->id_count && k->ids[at] == id) {
        return;
    }
    if (k->id_count == k->id_capacity) {
        uint32_t capacity = k->id_capacity == 0 ? 1 : 2 * k->id_capacity;

        t->bytes += (capacity - k->id_capacity) * sizeof *k->ids;
        k->ids = memory_resize(k->ids, capacity * sizeof *k->ids);
        k->id_capacity = capacity;
    }
    memmove(k->ids + at + 1, k->ids + at, (k->id_count - at) * sizeof *k->ids);
    k->ids[at] = id;
    k->id_count++;
    t->id_count++;
}

static struct tracked_key *take_out(struct tracking *t, struct tracked_key *k)
{
    list_remove(&k->link);
    chains_remove(&t->by_key, &k->chain);
    t->id_count -= k->id_count;
    return k;
}

struct tracked_key *tracking_take(struct tracking *t, struct slice key)
{
    struct tracked_key *k = find(t, key);

    return k == NULL ? NULL : take_out(t, k);
}

struct tracked_key *tracking_take_surplus(struct tracking *t)
{
    bool is_full = t->by_key.count > t->keys_max || t->bytes > TRACKED_BYTES_MAX;

    if (list_is_empty(&t->keys) || !is_full || MUTANT(tracked_without_limit)) {
        return NULL;
    }
    return take_out(t, container_of(list_first(&t->keys), struct tracked_key, link));
}

void tracking_free(struct tracking *t, struct tracked_key *k)
{
    t->bytes -= sizeof *k + k->key.size + k->id_capacity * sizeof *k->ids;
    free(k->ids);
    free(k);
}

void tracking_clear(struct tracking *t)
{
    list_move_all(&t->cleared, &t->keys);
    chains_deinit(&t->by_key);
    t->id_count = 0;
}

bool tracking_tidy(struct tracking *t, uint32_t count)
{
    for (; count > 0 && !list_is_empty(&t->cleared); count--) {
        struct list *node = list_first(&t->cleared);

        list_remove(node);
        tracking_free(t, container_of(node, struct tracked_key, link));
    }
    return !list_is_empty(&t->cleared);
}
