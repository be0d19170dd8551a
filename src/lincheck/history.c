/* history.c - stores operations and writes them as text; see history.h. */
#include "lincheck/history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "lincheck/arena.h"

struct history {
    struct arena arena; /* For arguments, replies, and names of files. */
    struct history_operation *operations;
    uint32_t operation_count;
    uint32_t operation_capacity;
};

struct history *history_new(void)
{
    return memory_take_zeroed(1, sizeof(struct history));
}

void history_free(struct history *h)
{
    arena_reset(&h->arena);
    free(h->operations);
    free(h);
}

struct history_reply history_reply_copy(struct arena *a, const struct history_reply *reply)
{
    struct history_reply copy = *reply;

    copy.text = arena_copy(a, reply->text);
    if (reply->element_count > 0) {
        struct history_reply *elements =
            arena_take(a, reply->element_count * sizeof *reply->elements);

        for (uint32_t i = 0; i < reply->element_count; i++) {
            CHECK(reply->elements[i].kind != HISTORY_ARRAY);
            elements[i] = history_reply_copy(a, &reply->elements[i]);
        }
        copy.elements = elements;
    }
    return copy;
}

void history_add(struct history *h, const struct history_operation *operation)
{
    CHECK(operation->argument_count > 0);
    CHECK(operation->invoke_ns <= operation->return_ns);
    CHECK((operation->return_ns == HISTORY_OPEN) == (operation->reply.kind == HISTORY_NOTHING));
    CHECK(operation->settled_ns == 0 ||
          (operation->return_ns == HISTORY_OPEN && operation->invoke_ns <= operation->settled_ns));
    CHECK(h->operation_count < UINT32_MAX / 4);
    if (h->operation_count == h->operation_capacity) {
        h->operation_capacity = h->operation_capacity == 0 ? 64 : 2 * h->operation_capacity;
        h->operations = memory_resize(h->operations, h->operation_capacity * sizeof *h->operations);
    }

    struct history_operation *copy = &h->operations[h->operation_count++];
    struct slice *arguments = arena_take(&h->arena, operation->argument_count * sizeof *arguments);

    for (uint32_t i = 0; i < operation->argument_count; i++) {
        arguments[i] = arena_copy(&h->arena, operation->arguments[i]);
    }
    *copy = *operation;
    copy->arguments = arguments;
    copy->client = arena_copy(&h->arena, operation->client);
    copy->reply = history_reply_copy(&h->arena, &operation->reply);
}

uint32_t history_count(const struct history *h)
{
    return h->operation_count;
}

const struct history_operation *history_at(const struct history *h, uint32_t i)
{
    CHECK(i < h->operation_count);
    return &h->operations[i];
}

uint64_t history_bytes(const struct history *h)
{
    return h->arena.bytes + (uint64_t)h->operation_capacity * sizeof *h->operations;
}

bool history_reply_equal(const struct history_reply *a, const struct history_reply *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case HISTORY_INTEGER:
        return a->integer == b->integer;
    case HISTORY_STATUS:
    case HISTORY_ERROR:
    case HISTORY_STRING:
        return slice_equal(a->text, b->text);
    case HISTORY_ARRAY:
        if (a->element_count != b->element_count) {
            return false;
        }
        for (uint32_t i = 0; i < a->element_count; i++) {
            if (!history_reply_equal(&a->elements[i], &b->elements[i])) {
                return false;
            }
        }
        return true;
    case HISTORY_NOTHING:
    case HISTORY_NIL:
        break;
    }
    return true;
}

/* --- writing ------------------------------------------------------------------------ */

static void write_quoted(struct buffer *out, struct slice word)
{
    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < word.size; i++) {
        unsigned char c = (unsigned char)word.data[i];

        if (c == '"' || c == '\\') {
            buffer_printf(out, "\\%c", c);
        } else if (c == '\n') {
            buffer_append(out, "\\n", 2);
        } else if (c == '\r') {
            buffer_append(out, "\\r", 2);
        } else if (c == '\t') {
            buffer_append(out, "\\t", 2);
        } else if (c < 0x20 || c > 0x7e) {
            buffer_printf(out, "\\x%02x", c);
        } else {
            buffer_append(out, &word.data[i], 1);
        }
    }
    buffer_append(out, "\"", 1);
}

/* Whether a word may be written without quotes, because nothing else looks like it. */
static bool is_plain(struct slice word)
{
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i];

        if (c <= 0x20 || c > 0x7e || c == '"' || c == '\\') {
            return false;
        }
    }
    return word.size > 0 && word.data[0] != '#' && word.data[0] != '[' && !slice_is(word, "->");
}

void history_write_word(struct buffer *out, struct slice word)
{
    if (is_plain(word)) {
        buffer_append_slice(out, word);
    } else {
        write_quoted(out, word);
    }
}

void history_write_reply(struct buffer *out, const struct history_reply *reply)
{
    switch (reply->kind) {
    case HISTORY_NOTHING:
        buffer_append(out, "?", 1);
        break;
    case HISTORY_STATUS:
    case HISTORY_ERROR:
        buffer_append(out, reply->kind == HISTORY_STATUS ? "+" : "-", 1);
        history_write_word(out, reply->text);
        break;
    case HISTORY_INTEGER:
        buffer_printf(out, ":%" PRId64, reply->integer);
        break;
    case HISTORY_STRING:
        write_quoted(out, reply->text);
        break;
    case HISTORY_NIL:
        buffer_append(out, "nil", 3);
        break;
    case HISTORY_ARRAY:
        buffer_append(out, "[", 1);
        for (uint32_t i = 0; i < reply->element_count; i++) {
            buffer_append(out, " ", 1);
            history_write_reply(out, &reply->elements[i]);
        }
        buffer_append(out, " ]", 2);
        break;
    }
}

void history_write_header(struct buffer *out)
{
    buffer_append_slice(out, slice_str("rakit-history 1\n"));
}

void history_write_command(struct buffer *out, const struct history_operation *operation)
{
    if (operation->database != 0) {
        buffer_printf(out, "[%" PRIu32 "] ", operation->database);
    }
    for (uint32_t i = 0; i < operation->argument_count; i++) {
        if (i > 0) {
            buffer_append(out, " ", 1);
        }
        history_write_word(out, operation->arguments[i]);
    }
}

void history_write(struct buffer *out, const struct history_operation *operation)
{
    history_write_word(out, operation->client);
    buffer_printf(out, " %" PRIu64 " ", operation->invoke_ns);
    if (operation->return_ns == HISTORY_OPEN) {
        buffer_append(out, "?", 1);
        if (operation->settled_ns > 0) {
            buffer_printf(out, "%" PRIu64, operation->settled_ns);
        }
        buffer_append(out, " ", 1);
    } else {
        buffer_printf(out, "%" PRIu64 " ", operation->return_ns);
    }
    history_write_command(out, operation);
    if (operation->return_ns != HISTORY_OPEN) {
        buffer_append_slice(out, slice_str(" -> "));
        history_write_reply(out, &operation->reply);
    }
    buffer_append(out, "\n", 1);
}
