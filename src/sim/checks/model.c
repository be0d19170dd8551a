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
#include "sim/checks/model_reply.h"

struct version {
    uint64_t index; /* Of the entry that made it. */
    char *value;    /* Owned; NULL: no such key. */
    size_t size;
    uint64_t expires_ms; /* 0: never. */
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
    uint64_t *times_ms; /* Log time, by index. */
    uint64_t time_capacity;
};

/* --- log time -------------------------------------------------------------------------- */

void model_note_time(struct model *m, uint64_t index, uint64_t time_us)
{
    if (index >= m->time_capacity) {
        uint64_t capacity = 2 * (index + 512);

        m->times_ms = memory_resize(m->times_ms, capacity * sizeof *m->times_ms);
        memset(m->times_ms + m->time_capacity, 0,
               (capacity - m->time_capacity) * sizeof *m->times_ms);
        m->time_capacity = capacity;
    }
    m->times_ms[index] = time_us / 1000;
}

static uint64_t time_at(const struct model *m, uint64_t index)
{
    return index < m->time_capacity ? m->times_ms[index] : 0;
}

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
    free(m->times_ms);
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

/* A table as of an entry and its time; what a write changes, too. */
struct place {
    struct model_table *table;
    uint64_t index;
    uint64_t now_ms;
};

/* A key's version as of an index, expired or not; NULL if there was none. */
static const struct version *version_at(const struct model_key *key, uint64_t index)
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

static const struct version *find_version(struct place at, struct slice name)
{
    const struct model_key *key = key_find(at.table, name);

    return key == NULL ? NULL : version_at(key, at.index);
}

/* NULL if it has expired. */
static const struct version *find_live(struct place at, struct slice name)
{
    const struct version *v = find_version(at, name);

    return v == NULL || (v->expires_ms != 0 && at.now_ms > v->expires_ms) ? NULL : v;
}

static bool value_now(struct place at, struct slice name, struct slice *ret_value)
{
    const struct version *v = find_live(at, name);

    if (v == NULL) {
        return false;
    }
    *ret_value = slice_of(v->value, v->size);
    return true;
}

static uint64_t expiry_now(struct place at, struct slice name)
{
    const struct version *v = find_live(at, name);

    return v == NULL ? 0 : v->expires_ms;
}

/* Adds the key's next version; takes over `value` (NULL: deleted). */
static void version_add_take(struct place to, struct slice name, char *value, size_t size,
                             uint64_t expires_ms)
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
    key->versions[key->version_count++] = (struct version){to.index, value, size, expires_ms};
}

static void value_set_until(struct place to, struct slice name, struct slice value,
                            uint64_t expires_ms)
{
    char *copy = memory_take(value.size + 1);

    memcpy(copy, value.data, value.size);
    version_add_take(to, name, copy, value.size, expires_ms);
}

static void value_set(struct place to, struct slice name, struct slice value)
{
    value_set_until(to, name, value, 0);
}

static bool value_delete(struct place to, struct slice name)
{
    bool was_live = find_live(to, name) != NULL;

    if (find_version(to, name) != NULL) {
        version_add_take(to, name, NULL, 0, 0);
    }
    return was_live;
}

/* --- writes ------------------------------------------------------------------------------ */

static void write_incr(struct place to, struct slice name, struct buffer *reply)
{
    struct slice old;
    int64_t value = 0;
    char text[24];

    if (value_now(to, name, &old) && !parse_integer(old, &value)) {
        say(reply, "-ERR value is not an integer or out of range\r\n");
        return;
    }
    if (value == INT64_MAX) {
        say(reply, "-ERR increment or decrement would overflow\r\n");
        return;
    }
    value++;
    snprintf(text, sizeof text, "%" PRId64, value);
    value_set_until(to, name, slice_str(text), expiry_now(to, name));
    say_integer(reply, value);
}

static void write_append(struct place to, struct slice name, struct slice tail,
                         struct buffer *reply)
{
    struct slice old = {0};

    value_now(to, name, &old);
    char *value = memory_take(old.size + tail.size + 1);

    if (old.size > 0) {
        memcpy(value, old.data, old.size);
    }
    memcpy(value + old.size, tail.data, tail.size);
    version_add_take(to, name, value, old.size + tail.size, expiry_now(to, name));
    say_integer(reply, (int64_t)(old.size + tail.size));
}

/* SETRANGE key offset value; the offset must be valid, and the value not empty. */
static void write_setrange(struct place to, const struct slice *arguments, struct buffer *reply)
{
    struct slice old = {0};
    struct slice part = arguments[3];
    int64_t offset = 0;

    (void)parse_integer(arguments[2], &offset);
    value_now(to, arguments[1], &old);

    size_t end = (size_t)offset + part.size;
    size_t size = old.size > end ? old.size : end;
    char *value = memory_take_zeroed(1, size);

    if (old.size > 0) {
        memcpy(value, old.data, old.size);
    }
    memcpy(value + offset, part.data, part.size);
    version_add_take(to, arguments[1], value, size, expiry_now(to, arguments[1]));
    say_integer(reply, (int64_t)size);
}

/* The instant that an option and its number name; 0: it is no such option. */
static uint64_t instant_of(struct place to, struct slice option, struct slice number)
{
    int64_t value = 0;

    (void)parse_integer(number, &value);
    if (slice_is(option, "EX") || slice_is(option, "EXAT")) {
        value *= 1000;
    }
    if (slice_is(option, "EX") || slice_is(option, "PX")) {
        return to.now_ms + (uint64_t)value;
    }
    return slice_is(option, "EXAT") || slice_is(option, "PXAT") ? (uint64_t)value : 0;
}

/* SET key value [NX | XX] [GET] [EX | PX | EXAT | PXAT number | KEEPTTL] */
static void write_set(struct place to, const struct slice *arguments, uint32_t count,
                      struct buffer *reply)
{
    bool nx = false;
    bool xx = false;
    bool get = false;
    struct slice old = {0};
    bool was_there = value_now(to, arguments[1], &old);
    uint64_t expires_ms = 0;

    for (uint32_t i = 3; i < count; i++) {
        if (i + 1 < count) {
            expires_ms += instant_of(to, arguments[i], arguments[i + 1]);
        }
        if (slice_is(arguments[i], "KEEPTTL")) {
            expires_ms = expiry_now(to, arguments[1]);
        }
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
        value_set_until(to, arguments[1], arguments[2], expires_ms);
    }
}

/* Sets when a key expires; one that has passed deletes it. */
static void set_expiry(struct place to, struct slice name, uint64_t at_ms)
{
    const struct version *v = find_live(to, name);

    if (at_ms != 0 && at_ms <= to.now_ms) {
        value_delete(to, name);
    } else {
        value_set_until(to, name, slice_of(v->value, v->size), at_ms);
    }
}

/* EXPIRE and its relatives, as they are named with a condition; false: it is none of them. */
static bool write_expire(struct place to, const struct slice *arguments, uint32_t count,
                         struct buffer *reply)
{
    bool is_relative = slice_is(arguments[0], "PEXPIRE");
    const struct version *v = find_live(to, arguments[1]);
    struct slice condition = count == 4 ? arguments[3] : slice_str("");
    uint64_t at_ms = instant_of(to, slice_str(is_relative ? "PX" : "PXAT"), arguments[2]);
    bool is_done = v != NULL;

    if (!is_relative && !slice_is(arguments[0], "PEXPIREAT")) {
        return false;
    }
    if (slice_is(condition, "NX")) {
        is_done = is_done && v->expires_ms == 0;
    } else if (slice_is(condition, "XX")) {
        is_done = is_done && v->expires_ms != 0;
    } else if (slice_is(condition, "GT")) {
        is_done = is_done && v->expires_ms != 0 && at_ms > v->expires_ms;
    } else if (slice_is(condition, "LT")) {
        is_done = is_done && (v->expires_ms == 0 || at_ms < v->expires_ms);
    }
    if (is_done) {
        set_expiry(to, arguments[1], at_ms);
    }
    say_integer(reply, is_done);
    return true;
}

/* PERSIST key */
static void write_persist(struct place to, struct slice name, struct buffer *reply)
{
    bool expires = expiry_now(to, name) != 0;

    if (expires) {
        set_expiry(to, name, 0);
    }
    say_integer(reply, expires);
}

/* GETEX key [EX | PX | EXAT | PXAT number | PERSIST] */
static void write_getex(struct place to, const struct slice *arguments, uint32_t count,
                        struct buffer *reply)
{
    struct slice value = {0};
    bool is_there = value_now(to, arguments[1], &value);

    say_value(reply, is_there, value);
    if (is_there && count == 4) {
        set_expiry(to, arguments[1], instant_of(to, arguments[2], arguments[3]));
    } else if (is_there && count == 3) {
        set_expiry(to, arguments[1], 0);
    }
}

/* MOVE key db */
static void write_move(struct place from, struct place to, struct slice name, struct buffer *reply)
{
    struct slice value;
    struct slice other;
    bool moves = value_now(from, name, &value) && !value_now(to, name, &other);

    if (!moves) { /* What has expired goes anyhow. */
        if (find_live(from, name) == NULL) {
            value_delete(from, name);
        }
        if (find_live(to, name) == NULL) {
            value_delete(to, name);
        }
    } else {
        value_set_until(to, name, value, expiry_now(from, name));
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
    } else if (slice_is(name, "PERSIST") && count == 2) {
        write_persist(to, arguments[1], reply);
    } else if (slice_is(name, "GETEX") && count >= 2) {
        write_getex(to, arguments, count, reply);
    } else if (slice_is(name, "SETEX") && count == 4) {
        value_set_until(to, arguments[1], arguments[3],
                        instant_of(to, slice_str("EX"), arguments[2]));
        say(reply, "+OK\r\n");
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
        return count >= 3 && write_expire(to, arguments, count, reply);
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

static struct place place_now(const struct model *m, uint32_t database)
{
    return (struct place){table_now(m, database), m->index, time_at(m, m->index)};
}

static bool write_one(struct model *m, uint32_t database, const struct slice *arguments,
                      uint32_t count, struct buffer *reply)
{
    uint32_t other = count == 3 ? read_database(arguments[2]) : MODEL_DATABASES;

    if (slice_is(arguments[0], "MOVE") && other < MODEL_DATABASES && other != database) {
        write_move(place_now(m, database), place_now(m, other), arguments[1], reply);
        return true;
    }
    return write_arrangement(m, database, arguments, count, reply) ||
           write_in_one(place_now(m, database), arguments, count, reply);
}

/* Each sees what those before it have done. */
static bool write_all(struct model *m, const struct slice *payloads, uint32_t count,
                      struct buffer *reply)
{
    struct slice arguments[MODEL_ARGUMENTS_MAX];
    uint32_t argument_count = 0;
    uint32_t database = 0;

    buffer_printf(reply, "*%u\r\n", count);
    for (uint32_t i = 0; i < count; i++) {
        if (!model_decode(payloads[i], &database, arguments, &argument_count) ||
            !(model_read(m, database, m->index, arguments, argument_count, reply) ||
              write_one(m, database, arguments, argument_count, reply))) {
            return false;
        }
    }
    return true;
}

bool model_write(struct model *m, uint32_t database, uint64_t index, const struct slice *arguments,
                 uint32_t count, struct buffer *reply)
{
    CHECK(database < MODEL_DATABASES);
    CHECK(index > m->index);
    m->index = index;
    return slice_is(arguments[0], "EXEC") ? write_all(m, arguments + 1, count - 1, reply)
                                          : write_one(m, database, arguments, count, reply);
}

bool model_remove_expired(struct model *m, uint32_t database, uint64_t index, struct slice key)
{
    struct place to = {table_now(m, database), index, time_at(m, index)};

    m->index = index;
    if (find_version(to, key) == NULL || find_live(to, key) != NULL) {
        return false;
    }
    value_delete(to, key);
    return true;
}

/* --- reads ---------------------------------------------------------------------------------- */

static bool read_all(const struct model *m, uint64_t index, const struct slice *payloads,
                     uint32_t count, struct buffer *reply)
{
    struct slice arguments[MODEL_ARGUMENTS_MAX];
    uint32_t argument_count = 0;
    uint32_t database = 0;
    size_t before = buffer_size(reply);

    buffer_printf(reply, "*%u\r\n", count);
    for (uint32_t i = 0; i < count; i++) {
        if (!model_decode(payloads[i], &database, arguments, &argument_count) ||
            !model_read(m, database, index, arguments, argument_count, reply)) {
            reply->end -= buffer_size(reply) - before;
            return false; /* It is a write. */
        }
    }
    return true;
}

bool model_read(const struct model *m, uint32_t database, uint64_t index,
                const struct slice *arguments, uint32_t count, struct buffer *reply)
{
    struct place at = {table_at(m, database, index), index, time_at(m, index)};
    const struct version *v = count == 2 ? find_live(at, arguments[1]) : NULL;
    struct slice name = arguments[0];
    struct slice value = {0};

    if ((slice_is(name, "PTTL") || slice_is(name, "PEXPIRETIME")) && count == 2) {
        int64_t at_ms = v == NULL ? -2 : v->expires_ms == 0 ? -1 : (int64_t)v->expires_ms;

        say_integer(reply,
                    slice_is(name, "PTTL") && at_ms > 0 ? at_ms - (int64_t)at.now_ms : at_ms);
    } else if (slice_is(name, "GET") && count == 2) {
        bool is_there = value_now(at, arguments[1], &value);

        say_value(reply, is_there, value);
    } else if (slice_is(name, "STRLEN") && count == 2) {
        value_now(at, arguments[1], &value);
        say_integer(reply, (int64_t)value.size);
    } else if (slice_is(name, "EXISTS") && count >= 2) {
        int64_t found = 0;

        for (uint32_t i = 1; i < count; i++) {
            found += value_now(at, arguments[i], &value);
        }
        say_integer(reply, found);
    } else if (slice_is(name, "MGET") && count >= 2) {
        buffer_printf(reply, "*%u\r\n", count - 1);
        for (uint32_t i = 1; i < count; i++) {
            bool is_there = value_now(at, arguments[i], &value);

            say_value(reply, is_there, value);
        }
    } else if (slice_is(name, "DBSIZE") && count == 1) {
        int64_t there = 0;

        for (uint32_t i = 0; i < at.table->key_count; i++) {
            there += version_at(&at.table->keys[i], index) != NULL; /* Removed or not. */
        }
        say_integer(reply, there);
    } else if (slice_is(name, "WATCH") && count >= 2) {
        say(reply, "+OK\r\n");
    } else {
        return slice_is(name, "EXEC") && read_all(m, index, arguments + 1, count - 1, reply);
    }
    return true;
}

bool model_is_same(const struct model *m, uint32_t database, struct slice key, uint64_t index,
                   uint64_t later_index, uint64_t time_index)
{
    struct place at = {table_at(m, database, index), index, time_at(m, index)};
    struct place later = {table_at(m, database, later_index), later_index, time_at(m, time_index)};
    const struct version *a = find_live(at, key);
    const struct version *b = find_live(later, key);

    if (a == NULL || b == NULL) {
        return a == b;
    }
    return a->expires_ms == b->expires_ms &&
           slice_equal(slice_of(a->value, a->size), slice_of(b->value, b->size));
}
