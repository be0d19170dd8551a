/* model_state.c - see model_state.h. There are few keys, so they are searched one by one. Which
 * table belongs to which database is versioned, too: commands that swap or clear databases assign
 * other tables, and change no key. */
#include "sim/checks/model_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sim/checks/model_once.h"

/* --- log time -------------------------------------------------------------------------- */

void model_note_time(struct model *m, uint64_t index, uint64_t time_us)
{
    if (index >= m->time_capacity) {
        uint64_t capacity = 2 * (index + 512);

        m->times_us = memory_resize(m->times_us, capacity * sizeof *m->times_us);
        memset(m->times_us + m->time_capacity, 0,
               (capacity - m->time_capacity) * sizeof *m->times_us);
        m->time_capacity = capacity;
    }
    m->times_us[index] = time_us;
}

static uint64_t time_us_at(const struct model *m, uint64_t index)
{
    return index < m->time_capacity ? m->times_us[index] : 0;
}

/* --- tables ---------------------------------------------------------------------------- */

uint32_t model_table_new(struct model *m)
{
    if (m->table_count == m->table_capacity) {
        m->table_capacity = m->table_capacity == 0 ? 2 * MODEL_DATABASES : 2 * m->table_capacity;
        m->tables = memory_resize(m->tables, m->table_capacity * sizeof *m->tables);
    }
    m->tables[m->table_count] = (struct model_table){0};
    return m->table_count++;
}

struct model_arrangement *model_arrange(struct model *m)
{
    struct model_arrangement *last;

    if (m->arrangement_count == m->arrangement_capacity) {
        m->arrangement_capacity = m->arrangement_capacity == 0 ? 16 : 2 * m->arrangement_capacity;
        m->arrangements =
            memory_resize(m->arrangements, m->arrangement_capacity * sizeof *m->arrangements);
    }
    last = &m->arrangements[m->arrangement_count++];
    if (m->arrangement_count == 1) {
        memset(last, 0, sizeof *last);
    } else {
        *last = last[-1];
    }
    last->index = m->index;
    return last;
}

/* The table of a database as of an index. */
static struct model_table *table_at(const struct model *m, uint32_t database, uint64_t index)
{
    uint32_t i = m->arrangement_count - 1;

    while (m->arrangements[i].index > index) {
        i--;
    }
    return &m->tables[m->arrangements[i].tables[database]];
}

struct model_place model_place_at(const struct model *m, uint32_t database, uint64_t index)
{
    uint64_t now_us = time_us_at(m, index);

    return (struct model_place){table_at(m, database, index), index, now_us / 1000, now_us};
}

struct model_place model_place_now(const struct model *m, uint32_t database)
{
    return model_place_at(m, database, m->index);
}

struct model *model_new(void)
{
    struct model *m = memory_take_zeroed(1, sizeof *m);
    struct model_arrangement *first = model_arrange(m);

    for (uint32_t i = 0; i < MODEL_DATABASES; i++) {
        first->tables[i] = model_table_new(m);
    }
    return m;
}

static void table_deinit(struct model_table *t)
{
    for (uint32_t i = 0; i < t->key_count; i++) {
        for (uint32_t v = 0; v < t->keys[i].version_count; v++) {
            free(t->keys[i].versions[v].value);
        }
        free(t->keys[i].versions);
        free(t->keys[i].name);
    }
    free(t->keys);
}

void model_free(struct model *m)
{
    for (uint32_t i = 0; i < m->table_count; i++) {
        table_deinit(&m->tables[i]);
    }
    free(m->tables);
    model_sessions_free(m);
    free(m->arrangements);
    free(m->times_us);
    free(m);
}

/* --- versions -------------------------------------------------------------------------- */

static struct model_key *key_find(const struct model_table *t, struct slice name)
{
    for (uint32_t i = 0; i < t->key_count; i++) {
        if (slice_equal(slice_of(t->keys[i].name, t->keys[i].size), name)) {
            return &t->keys[i];
        }
    }
    return NULL;
}

const struct model_version *model_version_at(const struct model_key *key, uint64_t index)
{
    uint32_t low = 0; /* Versions below it are not after `index`. */
    uint32_t high = key->version_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (key->versions[middle].index <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 || key->versions[low - 1].value == NULL ? NULL : &key->versions[low - 1];
}

const struct model_version *model_find(struct model_place at, struct slice name)
{
    const struct model_key *key = key_find(at.table, name);

    return key == NULL ? NULL : model_version_at(key, at.index);
}

const struct model_version *model_find_live(struct model_place at, struct slice name)
{
    const struct model_version *v = model_find(at, name);

    return v == NULL || (v->expires_ms != 0 && at.now_ms > v->expires_ms) ? NULL : v;
}

bool model_value(struct model_place at, struct slice name, struct slice *ret_value)
{
    const struct model_version *v = model_find_live(at, name);

    if (v == NULL || v->is_hash) {
        return false;
    }
    *ret_value = slice_of(v->value, v->size);
    return true;
}

bool model_is_hash(struct model_place at, struct slice name)
{
    const struct model_version *v = model_find_live(at, name);

    return v != NULL && v->is_hash;
}

uint64_t model_expiry(struct model_place at, struct slice name)
{
    const struct model_version *v = model_find_live(at, name);

    return v == NULL ? 0 : v->expires_ms;
}

/* Adds the key's next version, which owns its value (NULL: deleted). */
static void version_add(struct model_place to, struct slice name,
                        const struct model_version *version)
{
    struct model_table *t = to.table;
    struct model_key *key = key_find(t, name);

    if (key == NULL) {
        if (t->key_count == t->key_capacity) {
            t->key_capacity = t->key_capacity == 0 ? 16 : 2 * t->key_capacity;
            t->keys = memory_resize(t->keys, t->key_capacity * sizeof *t->keys);
        }
        key = &t->keys[t->key_count++];
        *key = (struct model_key){.name = memory_copy(name.data, name.size), .size = name.size};
    }
    if (key->version_count == key->version_capacity) {
        key->version_capacity = key->version_capacity == 0 ? 16 : 2 * key->version_capacity;
        key->versions = memory_resize(key->versions, key->version_capacity * sizeof *key->versions);
    }
    key->versions[key->version_count++] = *version;
}

static char *copy_of(struct slice value)
{
    char *copy = memory_take(value.size + 1);

    memcpy(copy, value.data, value.size);
    return copy;
}

void model_set_take(struct model_place to, struct slice name, char *value, size_t size,
                    uint64_t expires_ms)
{
    version_add(to, name,
                &(struct model_version){
                    .index = to.index, .value = value, .size = size, .expires_ms = expires_ms});
}

void model_set_until(struct model_place to, struct slice name, struct slice value,
                     uint64_t expires_ms)
{
    model_set_take(to, name, copy_of(value), value.size, expires_ms);
}

void model_set(struct model_place to, struct slice name, struct slice value)
{
    model_set_until(to, name, value, 0);
}

void model_copy(struct model_place to, struct slice name, const struct model_version *v,
                uint64_t expires_ms)
{
    struct model_version copy = *v;

    copy.index = to.index;
    copy.value = copy_of(slice_of(v->value, v->size));
    copy.expires_ms = expires_ms;
    version_add(to, name, &copy);
}

void model_set_hash(struct model_place to, struct slice name, struct slice fields,
                    uint64_t expires_ms)
{
    model_copy(to, name,
               &(struct model_version){
                   .value = (char *)(uintptr_t)fields.data, .size = fields.size, .is_hash = true},
               expires_ms);
}

bool model_delete(struct model_place to, struct slice name)
{
    bool was_live = model_find_live(to, name) != NULL;

    if (model_find(to, name) != NULL) {
        version_add(to, name, &(struct model_version){.index = to.index});
    }
    return was_live;
}

uint64_t model_expired_field_count(const struct model *m)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < m->table_count; i++) {
        count += m->tables[i].expired_field_count;
    }
    return count;
}
