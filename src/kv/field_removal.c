/* field_removal.c - fields that have expired, of a hash that no command changes: they are removed
 * when an entry names the hash. */
#include "kv/edit.h"
#include "kv/expiry.h"
#include "kv/hash_value.h"
#include "kv/kv.h"
#include "kv/kv_private.h"

static uint64_t remove_in_place(struct kv *kv, struct slice key, uint64_t count)
{
    struct kv_edit e;
    uint64_t removed;

    kv_edit_begin(&e, kv, key);
    removed = hash_value_remove_expired(&e.edit, kv->common->now_ms, count);
    kv_edit_end(&e);
    return removed;
}

static uint64_t remove_by_copy(struct kv *kv, struct slice key, const struct kv_value *old,
                               uint64_t count)
{
    struct memory_edit copy;
    uint64_t removed;

    memory_edit_init(&copy, old->bytes);
    removed = hash_value_remove_expired(&copy.edit, kv->common->now_ms, count);
    if (removed > 0) {
        kv_put(kv, key, old->traits, value_edit_slice(&copy.edit));
    }
    memory_edit_deinit(&copy);
    return removed;
}

static bool is_without_fields(const struct kv *kv, struct slice key)
{
    struct slice value;

    return kv_get(kv, key, &value) && hash_value_count(value, 0) == 0;
}

uint64_t keyspace_remove_expired_fields(struct keyspace *k, uint32_t database, struct slice key,
                                        uint64_t count)
{
    struct kv *kv = k->databases[database];
    struct kv_value value;
    uint64_t removed;

    if (count == 0 || kv == NULL || !kv_find(kv, key, &value) || value.traits.type != VALUE_HASH ||
        hash_value_expires_ms(value.bytes) == 0) {
        return 0;
    }
    removed = hash_value_is_large(value.bytes) ? remove_in_place(kv, key, count)
                                               : remove_by_copy(kv, key, &value, count);
    if (removed > 0) {
        keyspace_report(k, database, EVENT_HASH, "hexpired", key);
    }
    if (removed > 0 && is_without_fields(kv, key)) {
        kv_delete(kv, key);
        keyspace_report(k, database, EVENT_GENERIC, "del", key);
    }
    return removed;
}
