/* model_changes.c - which keys an entry has changed. */
#include "sim/checks/model_state.h"

/* The table before and after an entry. */
static uint32_t arranged_at(const struct model *m, uint32_t database, uint64_t index)
{
    uint32_t i = m->arrangement_count - 1;

    while (m->arrangements[i].index > index) {
        i--;
    }
    return m->arrangements[i].tables[database];
}

bool model_is_replaced(const struct model *m, uint32_t database, uint64_t index)
{
    return index > 0 && arranged_at(m, database, index) != arranged_at(m, database, index - 1);
}

bool model_was_arranged(const struct model *m, uint64_t index)
{
    for (uint32_t i = m->arrangement_count; i > 0 && m->arrangements[i - 1].index >= index; i--) {
        if (m->arrangements[i - 1].index == index) {
            return true;
        }
    }
    return false;
}

static bool changed_at(const struct model_key *key, uint64_t index)
{
    uint32_t low = 0; /* Versions below it are before `index`. */
    uint32_t high = key->version_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (key->versions[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < key->version_count && key->versions[low].index == index;
}

static bool has_prefix(const struct model_key *key, struct slice prefix)
{
    return key->size >= prefix.size &&
           (prefix.size == 0 || memcmp(key->name, prefix.data, prefix.size) == 0);
}

bool model_has_changed(const struct model *m, uint32_t database, uint64_t index, struct slice key)
{
    const struct model_table *t = model_place_at(m, database, index).table;

    for (uint32_t i = 0; i < t->key_count; i++) {
        if (slice_equal(slice_of(t->keys[i].name, t->keys[i].size), key)) {
            return changed_at(&t->keys[i], index);
        }
    }
    return false;
}

uint32_t model_count_changed(const struct model *m, uint32_t database, struct slice prefix,
                             uint64_t index)
{
    const struct model_table *t = model_place_at(m, database, index).table;
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->key_count; i++) {
        count += has_prefix(&t->keys[i], prefix) && changed_at(&t->keys[i], index);
    }
    return count;
}

bool model_show(const struct model *m, uint32_t database, uint64_t index, struct slice key,
                struct slice *ret_value, bool *ret_is_hash)
{
    const struct model_version *v = model_find_live(model_place_at(m, database, index), key);

    if (v == NULL) {
        return false;
    }
    *ret_value = slice_of(v->value, v->size);
    *ret_is_hash = v->is_hash;
    return true;
}

void model_count_keys(const struct model *m, uint32_t database, uint64_t index, struct slice prefix,
                      uint64_t *ret_count)
{
    struct model_place at = model_place_at(m, database, index);

    *ret_count = 0;
    for (uint32_t i = 0; i < at.table->key_count; i++) {
        const struct model_key *key = &at.table->keys[i];

        if (has_prefix(key, prefix) &&
            model_find_live(at, slice_of(key->name, key->size)) != NULL) {
            *ret_count += 1;
        }
    }
}
