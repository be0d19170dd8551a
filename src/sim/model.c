/* model.c - see model.h. Keys are few, so they are simply searched one by one. */
#include "sim/model.h"

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

struct model {
    struct model_key *keys;
    uint32_t key_count;
    uint32_t key_capacity;
    uint64_t index;
};

struct model *model_new(void)
{
    return memory_take_zeroed(1, sizeof(struct model));
}

void model_free(struct model *m)
{
    for (uint32_t i = 0; i < m->key_count; i++) {
        for (uint32_t v = 0; v < m->keys[i].version_count; v++) {
            free(m->keys[i].versions[v].value);
        }
        free(m->keys[i].versions);
        free(m->keys[i].name);
    }
    free(m->keys);
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

bool model_decode(struct slice payload, uint8_t *ret_database, struct slice *arguments,
                  uint32_t *ret_count)
{
    uint64_t count;
    uint64_t size;

    if (payload.size < 2 || payload.data[0] != 2) {
        return false;
    }
    *ret_database = (uint8_t)payload.data[1];
    payload = slice_of(payload.data + 2, payload.size - 2);
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
    return payload.size == 0;
}

/* --- versions -------------------------------------------------------------------------- */

static struct model_key *key_find(const struct model *m, struct slice name)
{
    for (uint32_t i = 0; i < m->key_count; i++) {
        if (slice_equal(slice_of(m->keys[i].name, m->keys[i].size), name)) {
            return &m->keys[i];
        }
    }
    return NULL;
}

/* The value as of an index; false where there was no such key. */
static bool value_at(const struct model *m, struct slice name, uint64_t index,
                     struct slice *ret_value)
{
    const struct model_key *key = key_find(m, name);
    uint32_t low = 0; /* Versions below it are not after `index`. */
    uint32_t high = key == NULL ? 0 : key->version_count;

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

static bool value_now(const struct model *m, struct slice name, struct slice *ret_value)
{
    return value_at(m, name, UINT64_MAX, ret_value);
}

/* The key's next version; takes `value` over (NULL: deleted). */
static void version_add_take(struct model *m, struct slice name, char *value, size_t size)
{
    struct model_key *key = key_find(m, name);

    if (key == NULL) {
        if (m->key_count == m->key_capacity) {
            m->key_capacity = m->key_capacity == 0 ? 16 : 2 * m->key_capacity;
            m->keys = memory_resize(m->keys, m->key_capacity * sizeof *m->keys);
        }
        key = &m->keys[m->key_count++];
        *key = (struct model_key){.name = memory_copy(name.data, name.size), .size = name.size};
    }
    if (key->version_count == key->version_capacity) {
        key->version_capacity = key->version_capacity == 0 ? 16 : 2 * key->version_capacity;
        key->versions = memory_resize(key->versions, key->version_capacity * sizeof *key->versions);
    }
    key->versions[key->version_count++] =
        (struct version){.index = m->index, .value = value, .size = size};
}

static void value_set(struct model *m, struct slice name, struct slice value)
{
    char *copy = memory_take(value.size + 1);

    memcpy(copy, value.data, value.size);
    version_add_take(m, name, copy, value.size);
}

static bool value_delete(struct model *m, struct slice name)
{
    struct slice old;

    if (!value_now(m, name, &old)) {
        return false;
    }
    version_add_take(m, name, NULL, 0);
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
    return strcmp(copy, again) == 0; /* No "+1", " 1", "01", nor beyond 64 bits. */
}

static void write_incr(struct model *m, struct slice name, struct buffer *reply)
{
    struct slice old;
    int64_t value = 0;
    char text[24];

    if (value_now(m, name, &old) && !parse_integer(old, &value)) {
        say(reply, "-ERR value is not an integer or out of range\r\n");
        return;
    }
    if (value == INT64_MAX) {
        say(reply, "-ERR increment or decrement would overflow\r\n");
        return;
    }
    value++;
    snprintf(text, sizeof text, "%" PRId64, value);
    value_set(m, name, slice_str(text));
    say_integer(reply, value);
}

static void write_append(struct model *m, struct slice name, struct slice tail,
                         struct buffer *reply)
{
    struct slice old = {0};

    value_now(m, name, &old);
    char *value = memory_take(old.size + tail.size + 1);

    if (old.size > 0) {
        memcpy(value, old.data, old.size);
    }
    memcpy(value + old.size, tail.data, tail.size);
    version_add_take(m, name, value, old.size + tail.size);
    say_integer(reply, (int64_t)(old.size + tail.size));
}

/* SET key value [NX | XX] [GET] */
static void write_set(struct model *m, const struct slice *arguments, uint32_t count,
                      struct buffer *reply)
{
    bool nx = false;
    bool xx = false;
    bool get = false;
    struct slice old = {0};
    bool was_there = value_now(m, arguments[1], &old);

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
        value_set(m, arguments[1], arguments[2]);
    }
}

bool model_write(struct model *m, uint64_t index, const struct slice *arguments, uint32_t count,
                 struct buffer *reply)
{
    CHECK(index > m->index);
    m->index = index;

    struct slice name = arguments[0];

    if (slice_is(name, "SET") && count >= 3) {
        write_set(m, arguments, count, reply);
    } else if (slice_is(name, "APPEND") && count == 3) {
        write_append(m, arguments[1], arguments[2], reply);
    } else if (slice_is(name, "INCR") && count == 2) {
        write_incr(m, arguments[1], reply);
    } else if (slice_is(name, "DEL") && count >= 2) {
        int64_t deleted = 0;

        for (uint32_t i = 1; i < count; i++) {
            deleted += value_delete(m, arguments[i]);
        }
        say_integer(reply, deleted);
    } else if (slice_is(name, "MSET") && count >= 3 && count % 2 == 1) {
        for (uint32_t i = 1; i < count; i += 2) {
            value_set(m, arguments[i], arguments[i + 1]);
        }
        say(reply, "+OK\r\n");
    } else {
        return false;
    }
    return true;
}

/* --- reads ---------------------------------------------------------------------------------- */

bool model_read(const struct model *m, uint64_t index, const struct slice *arguments,
                uint32_t count, struct buffer *reply)
{
    struct slice name = arguments[0];
    struct slice value = {0};

    if (slice_is(name, "GET") && count == 2) {
        bool is_there = value_at(m, arguments[1], index, &value);

        say_value(reply, is_there, value);
    } else if (slice_is(name, "STRLEN") && count == 2) {
        value_at(m, arguments[1], index, &value);
        say_integer(reply, (int64_t)value.size);
    } else if (slice_is(name, "EXISTS") && count >= 2) {
        int64_t found = 0;

        for (uint32_t i = 1; i < count; i++) {
            found += value_at(m, arguments[i], index, &value);
        }
        say_integer(reply, found);
    } else if (slice_is(name, "MGET") && count >= 2) {
        buffer_printf(reply, "*%u\r\n", count - 1);
        for (uint32_t i = 1; i < count; i++) {
            bool is_there = value_at(m, arguments[i], index, &value);

            say_value(reply, is_there, value);
        }
    } else {
        return false;
    }
    return true;
}
