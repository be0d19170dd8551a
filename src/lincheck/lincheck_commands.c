/* lincheck_commands.c - the commands that the checker's model knows, as Redis 7 answers them.
 * Written from Redis's documentation, independently of src/kv, which it judges. */
#include "lincheck/lincheck_commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define NOT_AN_INTEGER     "ERR value is not an integer or out of range"
#define OVERFLOW           "ERR increment or decrement would overflow"
#define DECREMENT_OVERFLOW "ERR decrement would overflow"
#define OFFSET_RANGE       "ERR offset is out of range"
#define BIT_OFFSET         "ERR bit offset is not an integer or out of range"
#define BIT_VALUE          "ERR bit is not an integer or out of range"
#define TOO_LONG           "ERR string exceeds maximum allowed size (proto-max-bulk-len)"

/* --- answers ---------------------------------------- */

static bool answer_status(struct lincheck_execution *e, const char *text)
{
    return lincheck_answer(e,
                           (struct history_reply){.kind = HISTORY_STATUS, .text = slice_str(text)});
}

/* An error changes nothing, so the result of the comparison does not matter here. */
static void answer_error(struct lincheck_execution *e, const char *text)
{
    lincheck_answer(e, (struct history_reply){.kind = HISTORY_ERROR, .text = slice_str(text)});
}

static bool answer_integer(struct lincheck_execution *e, int64_t integer)
{
    return lincheck_answer(e, (struct history_reply){.kind = HISTORY_INTEGER, .integer = integer});
}

static struct history_reply value_reply(bool is_there, struct slice value)
{
    return is_there ? (struct history_reply){.kind = HISTORY_STRING, .text = value}
                    : (struct history_reply){.kind = HISTORY_NIL};
}

static bool answer_value(struct lincheck_execution *e, uint32_t key)
{
    struct slice value = {0};
    bool is_there = lincheck_value(e, key, &value);

    return lincheck_answer(e, value_reply(is_there, value));
}

/* --- helpers ---------------------------------------- */

static struct slice argument(const struct lincheck_execution *e, uint32_t i)
{
    return e->operation->source->arguments[i];
}

/* A 64-bit integer as Redis accepts it: no "+1", " 1", "01" or "-0". */
static bool read_integer(struct slice text, int64_t *ret_value)
{
    char copy[24];
    char again[24];

    if (text.size == 0 || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret_value = strtoll(copy, NULL, 10);

    int size = snprintf(again, sizeof again, "%" PRId64, *ret_value);

    return text.size == (size_t)size && memcmp(copy, again, text.size) == 0;
}

static bool exists(const struct lincheck_execution *e, uint32_t key)
{
    struct slice value;

    return lincheck_value(e, key, &value);
}

/* --- whole values ---------------------------------------- */

static void run_get(struct lincheck_execution *e)
{
    answer_value(e, 0);
}

static bool knows_set(const struct history_operation *source)
{
    bool nx = false;
    bool xx = false;

    for (uint32_t i = 3; i < source->argument_count; i++) {
        bool is_nx = slice_is(source->arguments[i], "NX");
        bool is_xx = slice_is(source->arguments[i], "XX");

        if (!is_nx && !is_xx && !slice_is(source->arguments[i], "GET") &&
            !slice_is(source->arguments[i], "KEEPTTL")) {
            return false;
        }
        nx |= is_nx;
        xx |= is_xx;
    }
    return !(nx && xx);
}

/* SET key value [NX | XX] [GET] */
static void run_set(struct lincheck_execution *e)
{
    bool is_there = exists(e, 0);
    bool is_set = true;
    bool wants_old = false;

    for (uint32_t i = 3; i < e->operation->source->argument_count; i++) {
        if (slice_is(argument(e, i), "NX")) {
            is_set = !is_there;
        } else if (slice_is(argument(e, i), "XX")) {
            is_set = is_there;
        } else {
            wants_old |= slice_is(argument(e, i), "GET");
        }
    }

    bool fits = wants_old ? answer_value(e, 0)
                : is_set  ? answer_status(e, "OK")
                          : lincheck_answer(e, (struct history_reply){.kind = HISTORY_NIL});

    if (fits && is_set) {
        lincheck_put(e, 0, argument(e, 2));
    }
}

static void run_setnx(struct lincheck_execution *e)
{
    bool is_there = exists(e, 0);

    if (answer_integer(e, is_there ? 0 : 1) && !is_there) {
        lincheck_put(e, 0, argument(e, 2));
    }
}

static void run_getset(struct lincheck_execution *e)
{
    if (answer_value(e, 0)) {
        lincheck_put(e, 0, argument(e, 2));
    }
}

static void run_getdel(struct lincheck_execution *e)
{
    if (answer_value(e, 0)) {
        lincheck_remove(e, 0);
    }
}

static void run_strlen(struct lincheck_execution *e)
{
    struct slice value = {0};

    lincheck_value(e, 0, &value);
    answer_integer(e, (int64_t)value.size);
}

static void run_type(struct lincheck_execution *e)
{
    answer_status(e, exists(e, 0) ? "string" : "none");
}

/* --- parts of values ---------------------------------------- */

/* Sets key 0 to `old` up to `offset` (padded with zeros), `part`, and what `old` has after it. */
static void put_part(struct lincheck_execution *e, struct slice old, size_t offset,
                     struct slice part)
{
    struct buffer *value = &e->model->value;
    size_t end = offset + part.size;
    size_t size = old.size > end ? old.size : end;

    if (!lincheck_has_room(e, size)) {
        return;
    }
    buffer_clear(value);

    char *made = buffer_reserve(value, size + 1);

    memset(made, 0, size + 1);
    if (old.size > 0) {
        memcpy(made, old.data, old.size);
    }
    if (part.size > 0) {
        memcpy(made + offset, part.data, part.size);
    }
    buffer_commit(value, size);
    lincheck_put(e, 0, buffer_slice(value));
}

static void run_append(struct lincheck_execution *e)
{
    struct slice old = {0};
    struct slice tail = argument(e, 2);

    lincheck_value(e, 0, &old);
    if (old.size + tail.size > LINCHECK_VALUE_BYTES_MAX) {
        answer_error(e, TOO_LONG);
    } else if (answer_integer(e, (int64_t)(old.size + tail.size))) {
        put_part(e, old, old.size, tail);
    }
}

static void run_setrange(struct lincheck_execution *e)
{
    struct slice old = {0};
    struct slice part = argument(e, 3);
    int64_t offset;

    lincheck_value(e, 0, &old);
    if (!read_integer(argument(e, 2), &offset)) {
        answer_error(e, NOT_AN_INTEGER);
    } else if (offset < 0) {
        answer_error(e, OFFSET_RANGE);
    } else if (part.size == 0) {
        answer_integer(e, (int64_t)old.size);
    } else if (offset > LINCHECK_VALUE_BYTES_MAX ||
               (size_t)offset + part.size > LINCHECK_VALUE_BYTES_MAX) {
        answer_error(e, TOO_LONG);
    } else {
        size_t end = (size_t)offset + part.size;

        if (answer_integer(e, (int64_t)(end > old.size ? end : old.size))) {
            put_part(e, old, (size_t)offset, part);
        }
    }
}

static void run_getrange(struct lincheck_execution *e)
{
    struct slice value = {"", 0};
    int64_t first;
    int64_t last;

    lincheck_value(e, 0, &value);
    if (!read_integer(argument(e, 2), &first) || !read_integer(argument(e, 3), &last)) {
        answer_error(e, NOT_AN_INTEGER);
        return;
    }

    int64_t size = (int64_t)value.size;
    bool is_empty = first < 0 && last < 0 && first > last;

    first = first >= 0 ? first : first + size < 0 ? 0 : first + size;
    last = last >= 0 ? last : last + size < 0 ? 0 : last + size;
    last = last < size ? last : size - 1;
    value = is_empty || first > last ? slice_of("", 0)
                                     : slice_of(value.data + first, (size_t)(last - first + 1));
    lincheck_answer(e, (struct history_reply){.kind = HISTORY_STRING, .text = value});
}

static bool read_bit_offset(struct lincheck_execution *e, int64_t *ret_offset)
{
    if (!read_integer(argument(e, 2), ret_offset) || *ret_offset < 0 || *ret_offset > UINT32_MAX) {
        answer_error(e, BIT_OFFSET);
        return false;
    }
    return true;
}

/* Bit 0 is the highest bit of the first byte. Bits past the end of the value are 0. */
static bool bit_of(struct slice value, int64_t offset)
{
    return (size_t)offset / 8 < value.size && (value.data[offset / 8] >> (7 - offset % 8) & 1) != 0;
}

static void run_getbit(struct lincheck_execution *e)
{
    struct slice value = {0};
    int64_t offset;

    lincheck_value(e, 0, &value);
    if (read_bit_offset(e, &offset)) {
        answer_integer(e, bit_of(value, offset));
    }
}

static void run_setbit(struct lincheck_execution *e)
{
    struct slice old = {0};
    int64_t offset;
    int64_t bit;

    lincheck_value(e, 0, &old);
    if (!read_bit_offset(e, &offset)) {
        return;
    }
    if (!read_integer(argument(e, 3), &bit) || bit < 0 || bit > 1) {
        answer_error(e, BIT_VALUE);
        return;
    }

    bool was_set = bit_of(old, offset);

    if (answer_integer(e, was_set)) {
        size_t at = (size_t)offset / 8;
        int byte = at < old.size ? old.data[at] : 0;
        char part = (char)(was_set == (bit == 1) ? byte : byte ^ 1 << (7 - offset % 8));

        put_part(e, old, at, slice_of(&part, 1));
    }
}

/* --- numbers ---------------------------------------- */

static void add(struct lincheck_execution *e, int64_t increment)
{
    struct slice old;
    int64_t number = 0;
    char text[24];

    if (lincheck_value(e, 0, &old) && !read_integer(old, &number)) {
        answer_error(e, NOT_AN_INTEGER);
    } else if (__builtin_add_overflow(number, increment, &number)) {
        answer_error(e, OVERFLOW);
    } else if (answer_integer(e, number)) {
        int size = snprintf(text, sizeof text, "%" PRId64, number);

        lincheck_put(e, 0, slice_of(text, (size_t)size));
    }
}

static void run_incr(struct lincheck_execution *e)
{
    add(e, 1);
}

static void run_decr(struct lincheck_execution *e)
{
    add(e, -1);
}

static void run_incrby(struct lincheck_execution *e)
{
    int64_t increment;

    if (read_integer(argument(e, 2), &increment)) {
        add(e, increment);
    } else {
        answer_error(e, NOT_AN_INTEGER);
    }
}

static void run_decrby(struct lincheck_execution *e)
{
    int64_t decrement;

    if (!read_integer(argument(e, 2), &decrement)) {
        answer_error(e, NOT_AN_INTEGER);
    } else if (decrement == INT64_MIN) {
        answer_error(e, DECREMENT_OVERFLOW);
    } else {
        add(e, -decrement);
    }
}

/* --- several keys ---------------------------------------- */

static bool is_named_before(const struct lincheck_execution *e, uint32_t key)
{
    for (uint32_t i = 0; i < key; i++) {
        if (e->operation->keys[i] == e->operation->keys[key]) {
            return true;
        }
    }
    return false;
}

static void run_del(struct lincheck_execution *e)
{
    uint32_t count = e->operation->key_count;
    int64_t deleted = 0;

    for (uint32_t i = 0; i < count; i++) {
        deleted += exists(e, i) && !is_named_before(e, i);
    }
    if (!answer_integer(e, deleted)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (exists(e, i)) {
            lincheck_remove(e, i);
        }
    }
}

/* A key that is named twice counts twice. */
static void run_exists(struct lincheck_execution *e)
{
    int64_t found = 0;

    for (uint32_t i = 0; i < e->operation->key_count; i++) {
        found += exists(e, i);
    }
    answer_integer(e, found);
}

static void run_mget(struct lincheck_execution *e)
{
    struct lincheck_model *m = e->model;
    uint32_t count = e->operation->key_count;

    if (count > m->element_capacity) {
        m->element_capacity = count;
        m->elements = memory_resize(m->elements, count * sizeof *m->elements);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct slice value = {0};
        bool is_there = lincheck_value(e, i, &value);

        m->elements[i] = value_reply(is_there, value);
    }
    lincheck_answer(e, (struct history_reply){
                           .kind = HISTORY_ARRAY, .elements = m->elements, .element_count = count});
}

static void put_pairs(struct lincheck_execution *e)
{
    for (uint32_t i = 0; i < e->operation->key_count; i++) {
        lincheck_put(e, i, argument(e, 2 + 2 * i));
    }
}

static void run_mset(struct lincheck_execution *e)
{
    if (answer_status(e, "OK")) {
        put_pairs(e);
    }
}

static void run_msetnx(struct lincheck_execution *e)
{
    bool any_there = false;

    for (uint32_t i = 0; i < e->operation->key_count; i++) {
        any_there |= exists(e, i);
    }
    if (answer_integer(e, any_there ? 0 : 1) && !any_there) {
        put_pairs(e);
    }
}

/* --- two databases ---------------------------------------- */

bool lincheck_read_database(struct slice text, uint32_t *ret_database)
{
    int64_t number;

    if (!read_integer(text, &number) || number < 0 || number > INT32_MAX) {
        return false;
    }
    *ret_database = (uint32_t)number;
    return true;
}

/* Moving a key within its own database is an error. */
static bool knows_move(const struct history_operation *source)
{
    uint32_t to;

    return lincheck_read_database(source->arguments[2], &to) && to != source->database;
}

static void run_move(struct lincheck_execution *e)
{
    struct slice value;
    bool moves = lincheck_value(e, 0, &value) && !exists(e, 1);

    if (answer_integer(e, moves) && moves) {
        lincheck_put(e, 1, value);
        lincheck_remove(e, 0);
    }
}

/* --- the table ---------------------------------------- */

static const struct lincheck_command commands[] = {
    {"GET", 2, 2, LINCHECK_ONE_KEY, true, false, run_get, NULL},
    {"SET", 3, 0, LINCHECK_ONE_KEY, false, false, run_set, knows_set},
    {"SETNX", 3, 3, LINCHECK_ONE_KEY, false, false, run_setnx, NULL},
    {"GETSET", 3, 3, LINCHECK_ONE_KEY, false, false, run_getset, NULL},
    {"GETDEL", 2, 2, LINCHECK_ONE_KEY, false, false, run_getdel, NULL},
    {"STRLEN", 2, 2, LINCHECK_ONE_KEY, true, false, run_strlen, NULL},
    {"STRLN", 2, 2, LINCHECK_ONE_KEY, true, false, run_strlen, NULL},
    {"TYPE", 2, 2, LINCHECK_ONE_KEY, true, false, run_type, NULL},
    {"APPEND", 3, 3, LINCHECK_ONE_KEY, false, false, run_append, NULL},
    {"SETRANGE", 4, 4, LINCHECK_ONE_KEY, false, true, run_setrange, NULL},
    {"GETRANGE", 4, 4, LINCHECK_ONE_KEY, true, true, run_getrange, NULL},
    {"SUBSTR", 4, 4, LINCHECK_ONE_KEY, true, true, run_getrange, NULL},
    {"GETBIT", 3, 3, LINCHECK_ONE_KEY, true, true, run_getbit, NULL},
    {"SETBIT", 4, 4, LINCHECK_ONE_KEY, false, true, run_setbit, NULL},
    {"INCR", 2, 2, LINCHECK_ONE_KEY, false, false, run_incr, NULL},
    {"DECR", 2, 2, LINCHECK_ONE_KEY, false, false, run_decr, NULL},
    {"INCRBY", 3, 3, LINCHECK_ONE_KEY, false, false, run_incrby, NULL},
    {"DECRBY", 3, 3, LINCHECK_ONE_KEY, false, false, run_decrby, NULL},
    {"DEL", 2, 0, LINCHECK_ALL_KEYS, false, false, run_del, NULL},
    {"UNLINK", 2, 0, LINCHECK_ALL_KEYS, false, false, run_del, NULL},
    {"EXISTS", 2, 0, LINCHECK_ALL_KEYS, true, false, run_exists, NULL},
    {"TOUCH", 2, 0, LINCHECK_ALL_KEYS, true, false, run_exists, NULL},
    {"MGET", 2, 0, LINCHECK_ALL_KEYS, true, false, run_mget, NULL},
    {"MSET", 3, 0, LINCHECK_KEY_PAIRS, false, false, run_mset, NULL},
    {"MSETNX", 3, 0, LINCHECK_KEY_PAIRS, false, false, run_msetnx, NULL},
    {"MOVE", 3, 3, LINCHECK_MOVED_KEY, false, false, run_move, knows_move},
    {"EXEC", 3, 0, LINCHECK_INNER_KEYS, false, false, lincheck_run_exec, lincheck_knows_exec},
};

const struct lincheck_command *lincheck_find_command(struct slice name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (slice_is(name, commands[i].name)) {
            return &commands[i];
        }
    }
    return NULL;
}

bool lincheck_is_too_long(struct slice error)
{
    return slice_is(error, TOO_LONG);
}

bool lincheck_knows_error(struct slice text)
{
    static const char *const known[] = {NOT_AN_INTEGER, OVERFLOW,   DECREMENT_OVERFLOW,
                                        OFFSET_RANGE,   BIT_OFFSET, BIT_VALUE,
                                        TOO_LONG};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (slice_equal(text, slice_str(known[i]))) {
            return true;
        }
    }
    return false;
}
