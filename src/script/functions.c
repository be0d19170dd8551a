/* functions.c - see functions.h. The items are:
 *
 *   "l" and the name of a library         the library (script/library.c)
 *   "f" and that of a function, in        flags (1 byte), size of its name (4 bytes), its name, and
 *       lower case                        that of its library
 *   "m"                                   struct functions_totals */
#include "script/functions.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mutant.h"
#include "kv/keyspace.h"
#include "kv/kv.h"

enum { PLACE_HEAD_BYTES = 5 };

static struct kv *database(struct keyspace *k)
{
    return keyspace_database(k, KEYSPACE_FUNCTIONS);
}

/* --- totals ---------------------------------------------------------------------------------- */

struct functions_totals functions_totals(struct keyspace *k)
{
    struct functions_totals t = {0};
    struct slice stored;

    if (kv_get(database(k), slice_str("m"), &stored) && stored.size == sizeof t) {
        memcpy(&t, stored.data, sizeof t);
    }
    return t;
}

static void change_totals(struct keyspace *k, const struct library *library, bool adds)
{
    struct functions_totals t = functions_totals(k);
    uint64_t sign = adds ? 1 : UINT64_MAX; /* -1, with no sign. */

    t.libraries += sign;
    t.functions += sign * library->function_count;
    t.bytes += sign * library_bytes(library);
    kv_set(database(k), slice_str("m"), slice_of(&t, sizeof t));
}

/* --- finding --------------------------------------------------------------------------------- */

static void write_key(struct buffer *key, const char *kind, struct slice name)
{
    buffer_clear(key);
    buffer_append(key, kind, 1);
    if (*kind == 'f') {
        library_append_lower(key, name);
    } else {
        buffer_append_slice(key, name);
    }
}

static bool find(struct keyspace *k, const char *kind, struct slice name, struct slice *ret_stored)
{
    struct buffer key = {0};
    bool is_there;

    write_key(&key, kind, name);
    is_there = kv_get(database(k), buffer_slice(&key), ret_stored);
    buffer_deinit(&key);
    return is_there;
}

bool functions_find(struct keyspace *k, struct slice name, struct functions_place *ret)
{
    struct slice stored;

    if (!find(k, "f", name, &stored) || stored.size < PLACE_HEAD_BYTES) {
        return false;
    }

    size_t size = get_u32(stored.data + 1);

    ret->flags = (unsigned char)stored.data[0];
    ret->name = slice_of(stored.data + PLACE_HEAD_BYTES, size);
    ret->library = slice_of(ret->name.data + size, stored.size - PLACE_HEAD_BYTES - size);
    return true;
}

bool functions_find_library(struct keyspace *k, struct slice name, struct library *ret)
{
    struct slice stored;

    if (!find(k, "l", name, &stored)) {
        return false;
    }
    library_read(name, stored, ret);
    return true;
}

static void collect(void *context, struct slice key, const struct kv_value *value)
{
    struct slice name = slice_of(key.data + 1, key.size - 1);

    (void)value;
    if (key.data[0] == 'l') {
        buffer_append(context, &name, sizeof name);
    }
}

static int compare(const void *a, const void *b)
{
    const struct slice *x = a;
    const struct slice *y = b;
    int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);

    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

void functions_list(struct keyspace *k, struct buffer *to)
{
    kv_scan(database(k), 0, UINT64_MAX, collect, to);
    if (buffer_size(to) > 0) {
        qsort(buffer_begin(to), buffer_size(to) / sizeof(struct slice), sizeof(struct slice),
              compare);
    }
}

bool functions_collide(struct keyspace *k, const struct library *library, struct keyspace *replaces,
                       struct slice *ret_name)
{
    struct slice rest = library->functions;
    struct library_function function;
    struct functions_place place;
    struct library other;

    while (library_take_function(&rest, &function)) {
        if (functions_find(k, function.name, &place) &&
            !slice_equal(place.library, library->name) &&
            (replaces == NULL || !functions_find_library(replaces, place.library, &other))) {
            *ret_name = function.name;
            return true;
        }
    }
    return false;
}

/* --- changing -------------------------------------------------------------------------------- */

static void put_place(struct keyspace *k, const struct library *library,
                      const struct library_function *function)
{
    struct buffer key = {0};
    struct buffer value = {0};
    char head[PLACE_HEAD_BYTES] = {(char)function->flags};

    put_u32(head + 1, (uint32_t)function->name.size);
    buffer_append(&value, head, sizeof head);
    buffer_append_slice(&value, function->name);
    buffer_append_slice(&value, library->name);
    write_key(&key, "f", function->name);
    kv_set(database(k), buffer_slice(&key), buffer_slice(&value));
    buffer_deinit(&key);
    buffer_deinit(&value);
}

static void drop(struct keyspace *k, const char *kind, struct slice name)
{
    struct buffer key = {0};

    write_key(&key, kind, name);
    kv_delete(database(k), buffer_slice(&key));
    buffer_deinit(&key);
}

bool functions_remove(struct keyspace *k, struct slice name)
{
    struct library library;
    struct library_function function;

    if (!functions_find_library(k, name, &library)) {
        return false;
    }

    /* What is deleted below may not be borrowed from the keyspace. */
    struct buffer functions = {0};
    struct slice rest;

    change_totals(k, &library, false);
    functions_find_library(k, name, &library);
    buffer_append_slice(&functions, library.functions);
    rest = buffer_slice(&functions);
    while (library_take_function(&rest, &function)) {
        drop(k, "f", function.name);
        MUTANT_DO(function_outlives_library, break);
    }
    drop(k, "l", name);
    buffer_deinit(&functions);
    return true;
}

void functions_put(struct keyspace *k, const struct library *library)
{
    struct slice rest = library->functions;
    struct library_function function;
    struct buffer key = {0};
    struct buffer value = {0};

    functions_remove(k, library->name);
    while (library_take_function(&rest, &function)) {
        put_place(k, library, &function);
    }
    write_key(&key, "l", library->name);
    library_write(&value, library);
    kv_set(database(k), buffer_slice(&key), buffer_slice(&value));
    change_totals(k, library, true);
    buffer_deinit(&key);
    buffer_deinit(&value);
}

void functions_clear(struct keyspace *k)
{
    kv_clear(database(k));
}
