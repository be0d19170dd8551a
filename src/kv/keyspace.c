#include "kv/keyspace.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "kv/digest.h"
#include "kv/kv.h"
#include "kv/kv_private.h"

struct keyspace *keyspace_new(uint64_t hash_seed)
{
    struct keyspace *k = memory_take_zeroed(1, sizeof *k);

    k->common.hash_seed = hash_seed;
    k->common.prng.state = hash_seed;
    k->common.reply_bytes_max = KV_VALUE_BYTES_MAX;
    return k;
}

void keyspace_free(struct keyspace *k)
{
    if (k == NULL) {
        return;
    }
    CHECK(k->common.walk == NULL);
    prepared_drop(&k->common.prepared);
    kv_touched_deinit(&k->common.touched);
    while (keyspace_tidy(k, UINT64_MAX)) {
    }
    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        kv_free(k->databases[i]);
    }
    free(k);
}

struct kv *keyspace_database(struct keyspace *k, uint32_t database)
{
    CHECK(database < KEYSPACE_ALL_DATABASES);
    if (k->databases[database] == NULL) {
        k->databases[database] = kv_new(&k->common);
    }
    return k->databases[database];
}

uint64_t keyspace_count(const struct keyspace *k, uint32_t database)
{
    CHECK(database < KEYSPACE_ALL_DATABASES);
    return k->databases[database] == NULL ? 0 : kv_count(k->databases[database]);
}

uint64_t keyspace_expiring_count(const struct keyspace *k, uint32_t database)
{
    CHECK(database < KEYSPACE_ALL_DATABASES);
    return k->databases[database] == NULL ? 0 : kv_expiring_count(k->databases[database]);
}

uint64_t keyspace_count_all(const struct keyspace *k)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        count += keyspace_count(k, i);
    }
    return count;
}

uint64_t keyspace_memory_bytes(const struct keyspace *k)
{
    uint64_t bytes = heap_bytes(sizeof *k) + kv_common_heap_bytes(&k->common);

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        bytes += k->databases[i] == NULL ? 0 : kv_memory_bytes(k->databases[i]);
    }
    return bytes;
}

uint64_t keyspace_item_bytes(const struct keyspace *k)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        bytes += k->databases[i] == NULL ? 0 : k->databases[i]->table.item_bytes;
    }
    return bytes;
}

uint64_t keyspace_cleared_bytes(const struct keyspace *k)
{
    return kv_common_cleared_bytes(&k->common);
}

void keyspace_advance_time(struct keyspace *k, uint64_t time_us)
{
    if (time_us > k->common.time_us || MUTANT(state_time_runs_back)) {
        k->common.time_us = time_us;
        k->common.now_ms = time_us / 1000;
    }
}

uint64_t keyspace_time_us(const struct keyspace *k)
{
    return k->common.time_us;
}

uint64_t keyspace_now_ms(const struct keyspace *k)
{
    return k->common.now_ms;
}

void keyspace_observe(struct keyspace *k, const struct keyspace_observer *observer)
{
    k->common.observer = observer;
}

void keyspace_limit_replies(struct keyspace *k, uint64_t bytes_max)
{
    k->common.reply_bytes_max = bytes_max;
}

/* --- digests ---------------------------------------------------------------------- */

/* So that the same items in other databases give another sum. */
uint64_t keyspace_mix_digest(uint32_t database, uint64_t digest)
{
    uint64_t number = MUTANT(digest_without_database) ? 1 : database + 1;

    return digest_mix(digest + number * 0x9e3779b97f4a7c15u);
}

/* An empty database adds nothing, whether it was used or not. */
static uint64_t digest_of(const struct keyspace *k, uint64_t (*of_one)(const struct kv *kv))
{
    uint64_t digest = 0;

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        if (keyspace_count(k, i) > 0) {
            digest += keyspace_mix_digest(i, of_one(k->databases[i]));
        }
    }
    return digest;
}

uint64_t keyspace_digest(const struct keyspace *k)
{
    return digest_of(k, kv_digest);
}

uint64_t keyspace_digest_recomputed(const struct keyspace *k)
{
    return digest_of(k, kv_digest_recomputed);
}

uint64_t keyspace_digest_seeded(const struct keyspace *k, uint64_t hash_seed)
{
    uint64_t digest = 0;

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        if (keyspace_count(k, i) > 0) {
            digest += keyspace_mix_digest(i, kv_digest_seeded(k->databases[i], hash_seed));
        }
    }
    return digest;
}

/* --- several at once -------------------------------------------------------------- */

void keyspace_swap(struct keyspace *k, uint32_t a, uint32_t b)
{
    CHECK(a < KEYSPACE_DATABASES);
    CHECK(b < KEYSPACE_DATABASES);

    struct kv *of_a = k->databases[a];

    k->databases[a] = k->databases[b];
    k->databases[b] = of_a;
}

/* --- events ----------------------------------------------------------------------- */

void kv_report_expired(const struct kv *kv, struct slice key)
{
    const struct keyspace *k = container_of(kv->common, struct keyspace, common);

    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        if (k->databases[i] == kv) {
            keyspace_report(k, i, EVENT_EXPIRED, "expired", key);
        }
    }
}

/* --- clearing --------------------------------------------------------------------- */

void keyspace_clear(struct keyspace *k)
{
    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        if (keyspace_count(k, i) > 0) {
            kv_clear(k->databases[i]);
        }
    }
}

bool keyspace_tidy(struct keyspace *k, uint64_t item_count)
{
    return kv_common_tidy(&k->common, item_count);
}

bool keyspace_prepare(struct keyspace *k, uint64_t id, struct slice key, struct slice value,
                      uint64_t bytes)
{
    return prepared_step(&k->common.prepared, id, key, value, bytes);
}

void keyspace_drop_prepared(struct keyspace *k)
{
    prepared_drop(&k->common.prepared);
}

uint64_t keyspace_take_work(struct keyspace *k)
{
    uint64_t work = k->common.work;

    k->common.work = 0;
    return work;
}

/* --- hints ------------------------------------------------------------------------ */

static const struct kv *hinted(const struct keyspace *k, uint32_t database)
{
    return database < KEYSPACE_ALL_DATABASES ? k->databases[database] : NULL;
}

void keyspace_prefetch_buckets(const struct keyspace *k, const struct keyspace_hint *hints,
                               uint32_t hint_count, struct keyspace_soon *ret_soon)
{
    CHECK(hint_count <= KEYSPACE_PREFETCH_MAX);
    ret_soon->count = hint_count;
    for (uint32_t i = 0; i < hint_count; i++) {
        const struct kv *kv = hinted(k, hints[i].database);

        ret_soon->keys[i].database = hints[i].database;
        ret_soon->keys[i].hash = kv == NULL ? 0 : kv_prefetch_bucket(kv, hints[i].key);
    }
}

void keyspace_prefetch_items(const struct keyspace *k, const struct keyspace_soon *soon)
{
    /* By now the first parts of the buckets have arrived, which point to all else. */
    for (uint32_t i = 0; i < soon->count; i++) {
        const struct kv *kv = hinted(k, soon->keys[i].database);

        if (kv != NULL) {
            kv_prefetch_chain(kv, soon->keys[i].hash);
        }
    }
    for (uint32_t i = 0; i < soon->count; i++) {
        const struct kv *kv = hinted(k, soon->keys[i].database);

        if (kv != NULL) {
            kv_prefetch_item(kv, soon->keys[i].hash);
        }
    }
}

void keyspace_prefetch(const struct keyspace *k, const struct keyspace_hint *hints,
                       uint32_t hint_count)
{
    struct keyspace_soon soon;

    keyspace_prefetch_buckets(k, hints, hint_count, &soon);
    keyspace_prefetch_items(k, &soon);
}
