#include "cli/print.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/check.h"

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

static void print_escape(struct buffer *out, char c)
{
    switch (c) {
    case '\n':
        buffer_append(out, "\\n", 2);
        break;
    case '\r':
        buffer_append(out, "\\r", 2);
        break;
    case '\t':
        buffer_append(out, "\\t", 2);
        break;
    case '\a':
        buffer_append(out, "\\a", 2);
        break;
    case '\b':
        buffer_append(out, "\\b", 2);
        break;
    default:
        buffer_printf(out, "\\x%02x", (unsigned char)c);
    }
}

/* Runs of plain bytes are copied at once, because values may be large. */
static void print_bytes(struct buffer *out, struct slice bytes, bool quotes_too)
{
    size_t done = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        char c = bytes.data[i];
        bool backslash = c == '\\' || (quotes_too && c == '"');

        if (is_printable(c) && !backslash) {
            continue;
        }
        buffer_append(out, bytes.data + done, i - done);
        done = i + 1;
        if (backslash) {
            buffer_append(out, (const char[]){'\\', c}, 2);
        } else {
            print_escape(out, c);
        }
    }
    if (done < bytes.size) {
        buffer_append(out, bytes.data + done, bytes.size - done);
    }
}

void print_escaped(struct buffer *out, struct slice bytes)
{
    print_bytes(out, bytes, false);
}

void print_quoted(struct buffer *out, struct slice bytes)
{
    buffer_append(out, "\"", 1);
    print_bytes(out, bytes, true);
    buffer_append(out, "\"", 1);
}

void print_line(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c < ' ' || c == 0x7f) {
            print_escape(out, (char)c);
        } else {
            buffer_append(out, &text.data[i], 1);
        }
    }
}

static struct slice reply_text(const redisReply *reply)
{
    return slice_of(reply->str, reply->len);
}

static void print_person(struct buffer *out, const redisReply *reply, const struct style *style,
                         int indent);

/* The first element follows its parent's number on the same line; the others are below it. */
static void print_array(struct buffer *out, const redisReply *reply, const struct style *style,
                        int indent)
{
    int digits = snprintf(NULL, 0, "%zu", reply->elements);

    if (reply->elements == 0) {
        buffer_printf(out, "(empty array)\n");
        return;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        buffer_printf(out, "%*s%*zu) ", i == 0 ? 0 : indent, "", digits, i + 1);
        print_person(out, reply->element[i], style, indent + digits + 2);
    }
}

static void print_person(struct buffer *out, const redisReply *reply, const struct style *style,
                         int indent)
{
    switch (reply->type) {
    case REDIS_REPLY_STATUS:
        print_line(out, reply_text(reply));
        buffer_append(out, "\n", 1);
        break;
    case REDIS_REPLY_ERROR:
        buffer_printf(out, "%s(error) ", style_on(style, RED));
        print_line(out, reply_text(reply));
        buffer_printf(out, "%s\n", style_off(style, RED));
        break;
    case REDIS_REPLY_INTEGER:
        buffer_printf(out, "(integer) %lld\n", reply->integer);
        break;
    case REDIS_REPLY_STRING:
        print_quoted(out, reply_text(reply));
        buffer_append(out, "\n", 1);
        break;
    case REDIS_REPLY_NIL:
        buffer_printf(out, "%s(nil)%s\n", style_on(style, DIM), style_off(style, DIM));
        break;
    default:
        CHECK(reply->type == REDIS_REPLY_ARRAY);
        print_array(out, reply, style, indent);
    }
}

static void print_program(struct buffer *out, const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        buffer_printf(out, "%lld\n", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        buffer_append(out, "\n", 1);
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            print_program(out, reply->element[i]);
        }
        if (reply->elements == 0) {
            buffer_append(out, "\n", 1);
        }
        break;
    default:
        buffer_append_slice(out, reply_text(reply));
        buffer_append(out, "\n", 1);
    }
}

void print_text(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (is_printable(c) || c == '\n' || (unsigned char)c >= 0x80) {
            buffer_append(out, &c, 1);
        } else if (c != '\r') {
            print_escape(out, c);
        }
    }
    if (text.size > 0 && text.data[text.size - 1] != '\n') {
        buffer_append(out, "\n", 1);
    }
}

void print_reply(struct buffer *out, const redisReply *reply, const struct style *style)
{
    if (style->terminal) {
        print_person(out, reply, style, 0);
    } else {
        print_program(out, reply);
    }
}
