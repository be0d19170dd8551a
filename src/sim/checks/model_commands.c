/* model_commands.c - see model.h. What commands do, those on hashes excepted. */
#include "sim/checks/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "sim/checks/model_hash.h"
#include "sim/checks/model_once.h"
#include "sim/checks/model_reply.h"
#include "sim/checks/model_script.h"
#include "sim/checks/model_state.h"

/* --- writes ------------------------------------------------------------------------------ */

static void write_incr(struct model_place to, struct slice name, struct buffer *reply)
{
    struct slice old;
    int64_t value = 0;
    char text[24];

    if (model_value(to, name, &old) && !parse_integer(old, &value)) {
        say(reply, "-ERR value is not an integer or out of range\r\n");
        return;
    }
    if (value == INT64_MAX) {
        say(reply, "-ERR increment or decrement would overflow\r\n");
        return;
    }
    value++;
    snprintf(text, sizeof text, "%" PRId64, value);
    model_set_until(to, name, slice_str(text), model_expiry(to, name));
    say_integer(reply, value);
}

static void write_append(struct model_place to, struct slice name, struct slice tail,
                         struct buffer *reply)
{
    struct slice old = {0};

    model_value(to, name, &old);
    char *value = memory_take(old.size + tail.size + 1);

    if (old.size > 0) {
        memcpy(value, old.data, old.size);
    }
    memcpy(value + old.size, tail.data, tail.size);
    model_set_take(to, name, value, old.size + tail.size, model_expiry(to, name));
    say_integer(reply, (int64_t)(old.size + tail.size));
}

/* SETRANGE key offset value; the offset must be valid, and the value not empty. */
static void write_setrange(struct model_place to, const struct slice *arguments,
                           struct buffer *reply)
{
    struct slice old = {0};
    struct slice part = arguments[3];
    int64_t offset = 0;

    (void)parse_integer(arguments[2], &offset);
    model_value(to, arguments[1], &old);

    size_t end = (size_t)offset + part.size;
    size_t size = old.size > end ? old.size : end;
    char *value = memory_take_zeroed(1, size);

    if (old.size > 0) {
        memcpy(value, old.data, old.size);
    }
    memcpy(value + offset, part.data, part.size);
    model_set_take(to, arguments[1], value, size, model_expiry(to, arguments[1]));
    say_integer(reply, (int64_t)size);
}

/* The instant that an option and its number name; 0: it is no such option. */
static uint64_t instant_of(struct model_place to, struct slice option, struct slice number)
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
static void write_set(struct model_place to, const struct slice *arguments, uint32_t count,
                      struct buffer *reply)
{
    bool nx = false;
    bool xx = false;
    bool get = false;
    struct slice old = {0};
    bool was_there = model_find_live(to, arguments[1]) != NULL;
    uint64_t expires_ms = 0;

    (void)model_value(to, arguments[1], &old);

    for (uint32_t i = 3; i < count; i++) {
        if (i + 1 < count) {
            expires_ms += instant_of(to, arguments[i], arguments[i + 1]);
        }
        if (slice_is(arguments[i], "KEEPTTL")) {
            expires_ms = model_expiry(to, arguments[1]);
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
        model_set_until(to, arguments[1], arguments[2], expires_ms);
    }
}

/* Sets when a key expires; one that has passed deletes it. */
static void set_expiry(struct model_place to, struct slice name, uint64_t at_ms)
{
    const struct model_version *v = model_find_live(to, name);

    if (at_ms != 0 && at_ms <= to.now_ms) {
        model_delete(to, name);
    } else {
        model_copy(to, name, v, at_ms);
    }
}

/* EXPIRE and its relatives, as they are named with a condition; false: it is none of them. */
static bool write_expire(struct model_place to, const struct slice *arguments, uint32_t count,
                         struct buffer *reply)
{
    bool is_relative = slice_is(arguments[0], "PEXPIRE");
    const struct model_version *v = model_find_live(to, arguments[1]);
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
static void write_persist(struct model_place to, struct slice name, struct buffer *reply)
{
    bool expires = model_expiry(to, name) != 0;

    if (expires) {
        set_expiry(to, name, 0);
    }
    say_integer(reply, expires);
}

/* GETEX key [EX | PX | EXAT | PXAT number | PERSIST] */
static void write_getex(struct model_place to, const struct slice *arguments, uint32_t count,
                        struct buffer *reply)
{
    struct slice value = {0};
    bool is_there = model_value(to, arguments[1], &value);

    say_value(reply, is_there, value);
    if (is_there && count == 4) {
        set_expiry(to, arguments[1], instant_of(to, arguments[2], arguments[3]));
    } else if (is_there && count == 3) {
        set_expiry(to, arguments[1], 0);
    }
}

/* MOVE key db */
static void write_move(struct model_place from, struct model_place to, struct slice name,
                       struct buffer *reply)
{
    const struct model_version *v = model_find_live(from, name);
    bool moves = v != NULL && model_find_live(to, name) == NULL;

    if (!moves) { /* What has expired goes anyhow. */
        if (v == NULL) {
            model_delete(from, name);
        }
        if (model_find_live(to, name) == NULL) {
            model_delete(to, name);
        }
    } else {
        model_copy(to, name, v, v->expires_ms);
        model_delete(from, name);
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

/* Whether the command is one on strings that takes no hash, and finds one. */
static bool is_wrong_type(struct model_place to, const struct slice *arguments, uint32_t count)
{
    static const char *const names[] = {"APPEND", "SETRANGE", "GETEX", "INCR"};
    bool minds = false;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        minds |= slice_is(arguments[0], names[i]);
    }
    for (uint32_t i = 3; slice_is(arguments[0], "SET") && i < count; i++) {
        minds |= slice_is(arguments[i], "GET");
    }
    return minds && count >= 2 && model_is_hash(to, arguments[1]);
}

bool model_write_in_one(struct model_place to, const struct slice *arguments, uint32_t count,
                        struct buffer *reply)
{
    struct slice name = arguments[0];

    if (is_wrong_type(to, arguments, count)) {
        say(reply, WRONG_TYPE);
    } else if (slice_is(name, "SET") && count >= 3) {
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
        model_set_until(to, arguments[1], arguments[3],
                        instant_of(to, slice_str("EX"), arguments[2]));
        say(reply, "+OK\r\n");
    } else if (slice_is(name, "INCR") && count == 2) {
        write_incr(to, arguments[1], reply);
    } else if (slice_is(name, "DEL") && count >= 2) {
        int64_t deleted = 0;

        for (uint32_t i = 1; i < count; i++) {
            deleted += model_delete(to, arguments[i]);
        }
        say_integer(reply, deleted);
    } else if (slice_is(name, "MSET") && count >= 3 && count % 2 == 1) {
        for (uint32_t i = 1; i < count; i += 2) {
            model_set(to, arguments[i], arguments[i + 1]);
        }
        say(reply, "+OK\r\n");
    } else {
        return count >= 3 && (write_expire(to, arguments, count, reply) ||
                              model_hash_write(to, arguments, count, reply));
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
        uint32_t table = model_table_new(m);

        model_arrange(m)->tables[database] = table;
    } else if (slice_is(arguments[0], "FLUSHALL") && count == 1) {
        struct model_arrangement *last = model_arrange(m);

        for (uint32_t i = 0; i < MODEL_DATABASES; i++) {
            last->tables[i] = model_table_new(m);
        }
    } else if (slice_is(arguments[0], "SWAPDB") && a < MODEL_DATABASES && b < MODEL_DATABASES) {
        struct model_arrangement *last = model_arrange(m);
        uint32_t table = last->tables[a];

        last->tables[a] = last->tables[b];
        last->tables[b] = table;
    } else {
        return false;
    }
    say(reply, "+OK\r\n");
    return true;
}

static bool write_one(struct model *m, uint32_t database, const struct slice *arguments,
                      uint32_t count, struct buffer *reply)
{
    uint32_t other = count == 3 ? read_database(arguments[2]) : MODEL_DATABASES;

    if (slice_is(arguments[0], "MOVE") && other < MODEL_DATABASES && other != database) {
        write_move(model_place_now(m, database), model_place_now(m, other), arguments[1], reply);
        return true;
    }
    return write_arrangement(m, database, arguments, count, reply) ||
           model_open_write(m, model_place_now(m, database), arguments, count, reply) ||
           model_script_write(m, model_place_now(m, database), arguments, count, reply) ||
           model_write_in_one(model_place_now(m, database), arguments, count, reply);
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
    struct model_place to = model_place_at(m, database, index);

    m->index = index;
    if (model_is_hash(to, key)) {
        model_hash_remove_expired(to, key);
        return false;
    }
    if (model_find(to, key) == NULL || model_find_live(to, key) != NULL) {
        return false;
    }
    model_delete(to, key);
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

bool model_read_in_one(struct model_place at, const struct slice *arguments, uint32_t count,
                       struct buffer *reply)
{
    const struct model_version *v = count == 2 ? model_find_live(at, arguments[1]) : NULL;
    struct slice name = arguments[0];
    struct slice value = {0};

    if ((slice_is(name, "PTTL") || slice_is(name, "PEXPIRETIME")) && count == 2) {
        int64_t at_ms = v == NULL ? -2 : v->expires_ms == 0 ? -1 : (int64_t)v->expires_ms;

        say_integer(reply,
                    slice_is(name, "PTTL") && at_ms > 0 ? at_ms - (int64_t)at.now_ms : at_ms);
    } else if ((slice_is(name, "GET") || slice_is(name, "STRLEN")) && v != NULL && v->is_hash) {
        say(reply, WRONG_TYPE);
    } else if (slice_is(name, "GET") && count == 2) {
        bool is_there = model_value(at, arguments[1], &value);

        say_value(reply, is_there, value);
    } else if (slice_is(name, "STRLEN") && count == 2) {
        model_value(at, arguments[1], &value);
        say_integer(reply, (int64_t)value.size);
    } else if (slice_is(name, "EXISTS") && count >= 2) {
        int64_t found = 0;

        for (uint32_t i = 1; i < count; i++) {
            found += model_find_live(at, arguments[i]) != NULL;
        }
        say_integer(reply, found);
    } else if (slice_is(name, "MGET") && count >= 2) {
        buffer_printf(reply, "*%u\r\n", count - 1);
        for (uint32_t i = 1; i < count; i++) {
            bool is_there = model_value(at, arguments[i], &value);

            say_value(reply, is_there, value);
        }
    } else if (slice_is(name, "DBSIZE") && count == 1) {
        int64_t there = 0;

        for (uint32_t i = 0; i < at.table->key_count; i++) {
            there += model_version_at(&at.table->keys[i], at.index) != NULL; /* Removed or not. */
        }
        say_integer(reply, there);
    } else if (slice_is(name, "WATCH") && count >= 2) {
        say(reply, "+OK\r\n");
    } else {
        return model_script_read(at, arguments, count, reply) ||
               model_hash_read(at, arguments, count, reply);
    }
    return true;
}

bool model_read(const struct model *m, uint32_t database, uint64_t index,
                const struct slice *arguments, uint32_t count, struct buffer *reply)
{
    return slice_is(arguments[0], "EXEC")
               ? read_all(m, index, arguments + 1, count - 1, reply)
               : model_read_in_one(model_place_at(m, database, index), arguments, count, reply);
}

bool model_is_same(const struct model *m, uint32_t database, struct slice key, uint64_t index,
                   uint64_t later_index, uint64_t time_index)
{
    struct model_place at = model_place_at(m, database, index);
    struct model_place later = model_place_at(m, database, later_index);
    const struct model_version *a = model_find_live(at, key);
    const struct model_version *b;

    later.now_ms = model_place_at(m, database, time_index).now_ms;
    b = model_find_live(later, key);
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return a->expires_ms == b->expires_ms && a->is_hash == b->is_hash &&
           slice_equal(slice_of(a->value, a->size), slice_of(b->value, b->size));
}
