/* model.c - see model.h. There are few keys, so they are searched one by one. Which table
 * belongs to which database is versioned, too: commands that swap or clear databases assign
 * other tables, and change no key. */
#include "sim/checks/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

struct version {
    uint64_t index; /* Of the entry that made it. */
    char *value;    /* Owned; NULL: no such key. */
    size_t size;
};

struct model_key {
    char *name;
    size_t size;
    struct version *versions; /* By rising index. */
    uint32_t version_count;
    uint32_t version_capacity;
};

struct model_table {
    struct model_key *keys;
    uint32_t key_count;
    uint32_t key_capacity;
};

/* The table of each database from an entry on. */
struct arrangement {
    uint64_t index;
    uint32_t tables[MODEL_DATABASES];
};

struct model {
    struct model_table *tables;
    uint32_t table_count;
    uint32_t table_capacity;
    struct arrangement *arrangements; /* By rising index; the first is of index 0. */
    uint32_t arrangement_count;
    uint32_t arrangement_capacity;
    uint64_t index;
};

/* --- tables ---------------------------------------------------------------------------- */

static uint32_t table_new(struct model *m)
{
    if (m->table_count == m->table_capacity) {
        m->table_capacity = m->table_capacity == 0 ? 2 * MODEL_DATABASES : 2 * m->table_capacity;
        m->tables = memory_resize(m->tables, m->table_capacity * sizeof *m->tables);
    }
    m->tables[m->table_count] = (struct model_table){0};
    return m->table_count++;
}

/* A copy of the last arrangement, which the caller changes. */
static struct arrangement *arrange(struct model *m)
{
    struct arrangement *last;

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

static struct model_table *table_now(const struct model *m, uint32_t database)
{
    return table_at(m, database, UINT64_MAX);
}

struct model *model_new(void)
{
    struct model *m = memory_take_zeroed(1, sizeof *m);
    struct arrangement *first = arrange(m);

    for (uint32_t i = 0; i < MODEL_DATABASES; i++) {
        first->tables[i] = table_new(m);
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
    free(m->arrangements);
    free(m);
}

/* --- payloads ------------------------------------------------------------------------ */

static bool take_varint(struct slice *rest, uint64_t *ret_value)
{
    *ret_value = 0;
    for (uint32_t shift = 0; shift < 63 && rest->size > 0; shift += 7) {
        unsigned char byte = (unsigned char)*rest->data;

        *rest = slice_of(rest->data + 1, rest->size - 1);
        *ret_value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            return true;
        }
    }
    return false;
}

bool model_decode(struct slice payload, uint32_t *ret_database, struct slice *arguments,
                  uint32_t *ret_count)
{
    uint64_t count;
    uint64_t size;

    /* Those of users have no number of ONCE. */
    if (payload.size < 3 || payload.data[0] != 3 || payload.data[1] != 0) {
        return false;
    }
    *ret_database = (unsigned char)payload.data[2];
    payload = slice_of(payload.data + 3, payload.size - 3);
    if (!take_varint(&payload, &count) || count < 1 || count > MODEL_ARGUMENTS_MAX) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!take_varint(&payload, &size) || size > payload.size) {
            return false;
        }
        arguments[i] = slice_of(payload.data, size);
        payload = slice_of(payload.data + size, payload.size - size);
    }
    *ret_count = (uint32_t)count;
    return payload.size == 0 && *ret_database < MODEL_DATABASES;
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

/* A key's value as of an index; false if there was none. */
static bool version_at(const struct model_key *key, uint64_t index, struct slice *ret_value)
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
    if (low == 0 || key->versions[low - 1].value == NULL) {
        return false;
    }
    *ret_value = slice_of(key->versions[low - 1].value, key->versions[low - 1].size);
    return true;
}

static bool value_at(const struct model_table *t, struct slice name, uint64_t index,
                     struct slice *ret_value)
{
    const struct model_key *key = key_find(t, name);

    return key != NULL && version_at(key, index, ret_value);
}

static bool value_now(const struct model_table *t, struct slice name, struct slice *ret_value)
{
    return value_at(t, name, UINT64_MAX, ret_value);
}

/* What a write changes: a table, as of an entry. */
struct place {
    struct model_table *table;
    uint64_t index;
};

/* Adds the key's next version; takes over `value` (NULL: deleted). */
static void version_add_take(struct place to, struct slice name, char *value, size_t size)
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
    key->versions[key->version_count++] =
        (struct version){.index = to.index, .value = value, .size = size};
}

static void value_set(struct place to, struct slice name, struct slice value)
{
    char *copy = memory_take(value.size + 1);

    memcpy(copy, value.data, value.size);
    version_add_take(to, name, copy, value.size);
}

static bool value_delete(struct place to, struct slice name)
{
    struct slice old;

    if (!value_now(to.table, name, &old)) {
        return false;
    }
    version_add_take(to, name, NULL, 0);
    return true;
}

/* --- replies --------------------------------------------------------------------------- */

static void say(struct buffer *reply, const char *text)
{
    buffer_append(reply, text, strlen(text));
}

static void say_integer(struct buffer *reply, int64_t value)
{
    buffer_printf(reply, ":%" PRId64 "\r\n", value);
}

static void say_value(struct buffer *reply, bool is_there, struct slice value)
{
    if (!is_there) {
        say(reply, "$-1\r\n");
        return;
    }
    buffer_printf(reply, "$%zu\r\n", value.size);
    buffer_append(reply, value.data, value.size);
    say(reply, "\r\n");
}

/* --- writes ------------------------------------------------------------------------------ */

static bool parse_integer(struct slice text, int64_t *ret_value)
{
    char copy[24];
    char again[24];
    char *end;

    if (text.size == 0 || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret_value = strtoll(copy, &end, 10);
    snprintf(again, sizeof again, "%" PRId64, *ret_value);
    return strcmp(copy, again) == 0; /* No "+1", " 1", "01", nor anything beyond 64 bits. */
}

static void write_incr(struct place to, struct slice name, struct buffer *reply)
{
    struct slice old;
    int64_t value = 0;
    char text[24];

    if (value_now(to.table, name, &old) && !parse_integer(old, &value)) {
        say(reply, "-ERR value is not an integer or out of range\r\n");
        return;
    }
    if (value == INT64_MAX) {
        say(reply, "-ERR increment or decrement would overflow\r\n");
        return;
    }
    value++;
    snprintf(text, sizeof text, "%" PRId64, value);
    value_set(to, name, slice_str(text));
    say_integer(reply, value);
}

static void write_append(struct place to, struct slice name, struct slice tail,
                         struct buffer *reply)
{
    struct slice old = {0};

    value_now(to.table, name, &old);
    char *value = memory_take(old.size + tail.size + 1);

    if (old.size > 0) {
        memcpy(value, old.data, old.size);
    }
    memcpy(value + old.size, tail.data, tail.size);
    version_add_take(to, name, value, old.size + tail.size);
    say_integer(reply, (int64_t)(old.size + tail.size));
}

/* SETRANGE key offset value; the offset must be valid, and the value not empty. */
static void write_setrange(struct place to, const struct slice *arguments, struct buffer *reply)
{
    struct slice old = {0};
    struct slice part = arguments[3];
    int64_t offset = 0;

    (void)parse_integer(arguments[2], &offset);
    value_now(to.table, arguments[1], &old);

    size_t end = (size_t)offset + part.size;
    size_t size = old.size > end ? old.size : end;
    char *value = memory_take_zeroed(1, size);

    if (old.size > 0) {
        memcpy(value, old.data, old.size);
    }
    memcpy(value + offset, part.data, part.size);
    version_add_take(to, arguments[1], value, size);
    say_integer(reply, (int64_t)size);
}

/* SET key value [NX | XX] [GET] */
static void write_set(struct place to, const struct slice *arguments, uint32_t count,
                      struct buffer *reply)
{
    bool nx = false;
    bool xx = false;
    bool get = false;
    struct slice old = {0};
    bool was_there = value_now(to.table, arguments[1], &old);

    for (uint32_t i = 3; i < count; i++) {
        nx |= slice_is(arguments[i], "NX");
        xx |= slice_is(arguments[i], "XX");
        get |= slice_is(arguments[i], "GET");
    }
    bool is_set = !(nx && was_there) && !(xx && !was_there);

    if (get) {
        say_value(reply, was_there, old);
    } else {
        say(reply, is_set ? "+OK\r\n" : "$-1\r\n");
    }
    if (is_set) {
        value_set(to, arguments[1], arguments[2]);
    }
}

/* MOVE key db */
static void write_move(struct place from, struct place to, struct slice name, struct buffer *reply)
{
    struct slice value;
    struct slice other;
    bool moves = value_now(from.table, name, &value) && !value_now(to.table, name, &other);

    if (moves) {
        value_set(to, name, value);
        value_delete(from, name);
    }
    say_integer(reply, moves);
}

/* One or two digits; MODEL_DATABASES if it is not the number of a database. */
static uint32_t read_database(struct slice text)
{
    int64_t number = 0;

    return parse_integer(text, &number) && number >= 0 && number < MODEL_DATABASES
               ? (uint32_t)number
               : MODEL_DATABASES;
}

static bool write_in_one(struct place to, const struct slice *arguments, uint32_t count,
                         struct buffer *reply)
{
    struct slice name = arguments[0];

    if (slice_is(name, "SET") && count >= 3) {
        write_set(to, arguments, count, reply);
    } else if (slice_is(name, "APPEND") && count == 3) {
        write_append(to, arguments[1], arguments[2], reply);
    } else if (slice_is(name, "SETRANGE") && count == 4) {
        write_setrange(to, arguments, reply);
    } else if (slice_is(name, "INCR") && count == 2) {
        write_incr(to, arguments[1], reply);
    } else if (slice_is(name, "DEL") && count >= 2) {
        int64_t deleted = 0;

        for (uint32_t i = 1; i < count; i++) {
            deleted += value_delete(to, arguments[i]);
        }
        say_integer(reply, deleted);
    } else if (slice_is(name, "MSET") && count >= 3 && count % 2 == 1) {
        for (uint32_t i = 1; i < count; i += 2) {
            value_set(to, arguments[i], arguments[i + 1]);
        }
        say(reply, "+OK\r\n");
    } else {
        return false;
    }
    return true;
}

/* Commands that assign other tables to databases. */
static bool write_arrangement(struct model *m, uint32_t database, const struct slice *arguments,
                              uint32_t count, struct buffer *reply)
{
    uint32_t a = count == 3 ? read_database(arguments[1]) : MODEL_DATABASES;
    uint32_t b = count == 3 ? read_database(arguments[2]) : MODEL_DATABASES;

    if (slice_is(arguments[0], "FLUSHDB") && count == 1) {
        uint32_t table = table_new(m);

        arrange(m)->tables[database] = table;
    } else if (slice_is(arguments[0], "FLUSHALL") && count == 1) {
        struct arrangement *last = arrange(m);

        for (uint32_t i = 0; i < MODEL_DATABASES; i++) {
            last->tables[i] = table_new(m);
        }
    } else if (slice_is(arguments[0], "SWAPDB") && a < MODEL_DATABASES && b < MODEL_DATABASES) {
        struct arrangement *last = arrange(m);
        uint32_t table = last->tables[a];

        last->tables[a] = last->tables[b];
        last->tables[b] = table;
    } else {
        return false;
    }
    say(reply, "+OK\r\n");
    return true;
}

bool model_write(struct model *m, uint32_t database, uint64_t index, const struct slice *arguments,
                 uint32_t count, struct buffer *reply)
{
    uint32_t other = count == 3 ? read_database(arguments[2]) : MODEL_DATABASES;

    CHECK(database < MODEL_DATABASES);
    CHECK(index > m->index);
    m->index = index;
    if (slice_is(arguments[0], "MOVE") && other < MODEL_DATABASES && other != database) {
        write_move((struct place){table_now(m, database), index},
                   (struct place){table_now(m, other), index}, arguments[1], reply);
        return true;
    }
    return write_arrangement(m, database, arguments, count, reply) ||
           write_in_one((struct place){table_now(m, database), index}, arguments, count, reply);
}

/* --- reads ---------------------------------------------------------------------------------- */

bool model_read(const struct model *m, uint32_t database, uint64_t index,
                const struct slice *arguments, uint32_t count, struct buffer *reply)
{
    const struct model_table *t = table_at(m, database, index);
    struct slice name = arguments[0];
    struct slice value = {0};

    if (slice_is(name, "GET") && count == 2) {
        bool is_there = value_at(t, arguments[1], index, &value);

        say_value(reply, is_there, value);
    } else if (slice_is(name, "STRLEN") && count == 2) {
        value_at(t, arguments[1], index, &value);
        say_integer(reply, (int64_t)value.size);
    } else if (slice_is(name, "EXISTS") && count >= 2) {
        int64_t found = 0;

        for (uint32_t i = 1; i < count; i++) {
            found += value_at(t, arguments[i], index, &value);
        }
        say_integer(reply, found);
    } else if (slice_is(name, "MGET") && count >= 2) {
        buffer_printf(reply, "*%u\r\n", count - 1);
        for (uint32_t i = 1; i < count; i++) {
            bool is_there = value_at(t, arguments[i], index, &value);

            say_value(reply, is_there, value);
        }
    } else if (slice_is(name, "DBSIZE") && count == 1) {
        int64_t there = 0;

        for (uint32_t i = 0; i < t->key_count; i++) {
            there += version_at(&t->keys[i], index, &value);
        }
        say_integer(reply, there);
    } else {
        return false;
    }
    return true;
}
