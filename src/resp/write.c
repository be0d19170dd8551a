/* write.c - writes replies. Each is written in one piece, into room reserved for all of it,
 * without printf on the hot paths. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "resp/decimal.h"
#include "resp/resp.h"

enum { HEAD_BYTES_MAX = 1 + DECIMAL_BYTES_MAX + 2 }; /* A type, a number and a line end. */

static char *put_line_end(char *at)
{
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
}

/* Writes `type` and a number as a line; returns the position after it. */
static char *put_head(char *at, char type, uint64_t number)
{
    *at = type;
    at++;
    return put_line_end(at + decimal_write_unsigned(at, number));
}

static void commit_to(struct buffer *out, const char *begin, const char *end)
{
    buffer_commit(out, (size_t)(end - begin));
}

static void write_head(struct resp_writer *w, char type, uint64_t number)
{
    char *begin = buffer_reserve(w->out, HEAD_BYTES_MAX);

    commit_to(w->out, begin, put_head(begin, type, number));
}

/* Writes `text` as one line: line ends in it become spaces. */
static void write_line(struct resp_writer *w, char type, struct slice text)
{
    char *begin = buffer_reserve(w->out, text.size + 3);
    char *at = begin;

    *at++ = type;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        *at++ = c == '\r' || c == '\n' ? ' ' : c;
    }
    commit_to(w->out, begin, put_line_end(at));
}

void resp_simple(struct resp_writer *w, const char *text)
{
    write_line(w, '+', slice_str(text));
}

void resp_ok(struct resp_writer *w)
{
    buffer_append(w->out, "+OK\r\n", 5);
}

void resp_error(struct resp_writer *w, const char *text)
{
    write_line(w, '-', slice_str(text));
}

void resp_errorf(struct resp_writer *w, const char *format, ...)
{
    char text[1024]; /* An error quotes a word or two of the input; the rest is cut off. */
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    resp_error(w, text);
}

void resp_integer(struct resp_writer *w, int64_t value)
{
    char *begin = buffer_reserve(w->out, HEAD_BYTES_MAX);
    char *at = begin;

    *at++ = ':';
    at += decimal_write(at, value);
    commit_to(w->out, begin, put_line_end(at));
}

void resp_bulk(struct resp_writer *w, struct slice value)
{
    char *begin = buffer_reserve(w->out, HEAD_BYTES_MAX + value.size + 2);
    char *at = put_head(begin, '$', value.size);

    if (value.size > 0) {
        memcpy(at, value.data, value.size);
    }
    commit_to(w->out, begin, put_line_end(at + value.size));
}

void resp_bulk_text(struct resp_writer *w, const char *text)
{
    resp_bulk(w, slice_str(text));
}

void resp_bulkf(struct resp_writer *w, const char *format, ...)
{
    va_list arguments;
    va_list again;

    va_start(arguments, format);
    va_copy(again, arguments);

    int size = vsnprintf(NULL, 0, format, arguments);

    CHECK(size >= 0);
    /* One byte more than the text, for printf's terminator, which the line end then overwrites. */
    char *begin = buffer_reserve(w->out, HEAD_BYTES_MAX + (size_t)size + 2);
    char *at = put_head(begin, '$', (uint64_t)size);

    vsnprintf(at, (size_t)size + 1, format, again);
    commit_to(w->out, begin, put_line_end(at + size));
    va_end(again);
    va_end(arguments);
}

void resp_null(struct resp_writer *w)
{
    if (w->version >= 3) {
        buffer_append(w->out, "_\r\n", 3);
    } else {
        buffer_append(w->out, "$-1\r\n", 5);
    }
}

void resp_null_array(struct resp_writer *w)
{
    if (w->version >= 3) {
        buffer_append(w->out, "_\r\n", 3);
    } else {
        buffer_append(w->out, "*-1\r\n", 5);
    }
}

void resp_array(struct resp_writer *w, uint64_t count)
{
    write_head(w, '*', count);
}

void resp_map(struct resp_writer *w, uint64_t pair_count)
{
    if (w->version >= 3) {
        write_head(w, '%', pair_count);
    } else {
        write_head(w, '*', 2 * pair_count);
    }
}

void resp_set(struct resp_writer *w, uint64_t count)
{
    write_head(w, w->version >= 3 ? '~' : '*', count);
}

void resp_push(struct resp_writer *w, uint64_t count)
{
    write_head(w, w->version >= 3 ? '>' : '*', count);
}

void resp_boolean(struct resp_writer *w, bool value)
{
    if (w->version >= 3) {
        buffer_append(w->out, value ? "#t\r\n" : "#f\r\n", 4);
    } else {
        buffer_append(w->out, value ? ":1\r\n" : ":0\r\n", 4);
    }
}

void resp_double(struct resp_writer *w, double value)
{
    char text[64];

    if (isnan(value)) {
        strcpy(text, "nan");
    } else if (isinf(value)) {
        strcpy(text, value > 0 ? "inf" : "-inf");
    } else {
        snprintf(text, sizeof text, "%.17g", value);
    }
    if (w->version >= 3) {
        write_line(w, ',', slice_str(text));
    } else {
        resp_bulk_text(w, text);
    }
}

void resp_verbatim(struct resp_writer *w, struct slice text)
{
    static const char kind[] = "txt:";
    enum { KIND_BYTES = sizeof kind - 1 };

    if (w->version < 3) {
        resp_bulk(w, text);
        return;
    }

    char *begin = buffer_reserve(w->out, HEAD_BYTES_MAX + KIND_BYTES + text.size + 2);
    char *at = put_head(begin, '=', KIND_BYTES + text.size);

    memcpy(at, kind, KIND_BYTES);
    at += KIND_BYTES;
    if (text.size > 0) {
        memcpy(at, text.data, text.size);
    }
    commit_to(w->out, begin, put_line_end(at + text.size));
}
