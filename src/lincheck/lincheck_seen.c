/* lincheck_seen.c - see lincheck_seen.h. */
#include "lincheck/lincheck_seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "lincheck/lincheck_commands.h"

/* --- what replies say --------------------------------------------------------------------- */

static void add_string(struct lincheck_seen *s, struct slice string)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 16 : 2 * s->capacity;
        s->strings = memory_resize(s->strings, s->capacity * sizeof *s->strings);
    }
    s->strings[s->count++] = string;
}

static void add_reply(struct lincheck_seen *s, const struct history_reply *reply)
{
    switch (reply->kind) {
    case HISTORY_STRING:
        add_string(s, reply->text);
        break;
    case HISTORY_INTEGER:
        if (reply->integer > 0 && (uint64_t)reply->integer > s->longest) {
            s->longest = (uint64_t)reply->integer;
        }
        break;
    case HISTORY_ARRAY:
        for (uint32_t i = 0; i < reply->element_count; i++) {
            add_reply(s, &reply->elements[i]);
        }
        break;
    case HISTORY_ERROR:
        if (lincheck_is_too_long(reply->text)) {
            s->longest = UINT64_MAX;
        }
        break;
    case HISTORY_NOTHING:
    case HISTORY_NIL:
    case HISTORY_STATUS:
        break;
    }
}

static int compare_strings(const void *a, const void *b)
{
    const struct slice *x = a;
    const struct slice *y = b;
    size_t size = x->size < y->size ? x->size : y->size;
    int order = size == 0 ? 0 : memcmp(x->data, y->data, size);

    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

void lincheck_seen_init(struct lincheck_seen *s, const struct lincheck_operation *operations,
                        uint32_t count)
{
    *s = (struct lincheck_seen){.is_known = true};
    for (uint32_t i = 0; i < count && s->is_known; i++) {
        s->is_known = !operations[i].command->uses_parts;
        add_reply(s, &operations[i].source->reply);
    }
    if (s->count > 0) {
        qsort(s->strings, s->count, sizeof *s->strings, compare_strings);
    }
}

void lincheck_seen_deinit(struct lincheck_seen *s)
{
    lincheck_intern_reset(&s->kinds);
    free(s->strings);
    free(s->values);
    *s = (struct lincheck_seen){0};
}

uint64_t lincheck_seen_bytes(const struct lincheck_seen *s)
{
    return s->capacity * sizeof *s->strings + s->value_capacity * sizeof *s->values +
           lincheck_intern_bytes(&s->kinds);
}

/* --- hidden values ------------------------------------------------------------------------ */

static bool may_become_number(struct slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] != '-' && (value.data[i] < '0' || value.data[i] > '9')) {
            return false;
        }
    }
    return true;
}

/* Strings that begin with a value are next to each other, after all strings that sort before it. */
static bool is_begin_of_string(const struct lincheck_seen *s, struct slice value)
{
    uint32_t first = 0;
    uint32_t end = s->count;

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;

        if (compare_strings(&s->strings[middle], &value) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first < s->count && s->strings[first].size >= value.size &&
           memcmp(s->strings[first].data, value.data, value.size) == 0;
}

bool lincheck_seen_hides(const struct lincheck_seen *s, struct slice value)
{
    return s->is_known && !may_become_number(value) && !is_begin_of_string(s, value);
}

uint32_t *lincheck_seen_representative(struct lincheck_seen *s, struct slice value)
{
    uint64_t length = value.size <= s->longest ? value.size : s->longest + 1;
    uint32_t kind = lincheck_intern(&s->kinds, slice_of(&length, sizeof length));

    if (kind == s->value_capacity) {
        s->value_capacity = kind == 0 ? 16 : 2 * kind;
        s->values = memory_resize(s->values, s->value_capacity * sizeof *s->values);
        memset(s->values + kind, 0, (s->value_capacity - kind) * sizeof *s->values);
    }
    return &s->values[kind];
}
