/* json_reply.c - replies of the node as JSON. */
#include <string.h>

#include "base/mutant.h"
#include "http/json.h"
#include "resp/decimal.h"
#include "resp/resp.h"

struct cursor {
    struct slice left;
    uint32_t depth;
};

static bool put_value(struct buffer *out, struct cursor *c);

static void advance(struct cursor *c, size_t size)
{
    c->left = slice_of(c->left.data + size, c->left.size - size);
}

/* Takes a line off the front, without its type and its end. False: there is none. */
static bool take_line(struct cursor *c, struct slice *ret_line)
{
    const char *end = c->left.size == 0 ? NULL : memchr(c->left.data, '\n', c->left.size);
    size_t size = end == NULL ? 0 : (size_t)(end - c->left.data) + 1;

    if (size < 3) {
        return false;
    }
    *ret_line = slice_of(c->left.data + 1, size - 3);
    advance(c, size);
    return true;
}

/* Takes what a line with its size announces. */
static bool take_bulk(struct cursor *c, struct slice line, struct slice *ret_bytes)
{
    int64_t size = 0;

    if (!decimal_read(line, &size) || size < 0 || (uint64_t)size + 2 > c->left.size) {
        return false;
    }
    *ret_bytes = slice_of(c->left.data, (size_t)size);
    advance(c, (size_t)size + 2);
    return true;
}

/* --- objects -------------------------------------------------------------------------------- */

/* Whether all keys of the map can be those of an object, which must not look like bytes. */
static bool has_text_keys(struct cursor c, int64_t pairs)
{
    bool is_only_base64 = false;

    for (int64_t i = 0; i < pairs; i++) {
        struct slice line;
        struct slice key;
        char type = c.left.size == 0 ? '\0' : c.left.data[0];
        size_t value;

        if ((type != '$' && type != '+') || !take_line(&c, &line)) {
            return false;
        }
        key = line;
        if ((type == '$' && !take_bulk(&c, line, &key)) || !json_is_text(key)) {
            return false;
        }
        is_only_base64 = pairs == 1 && slice_equal(key, slice_str("base64"));
        value = resp_reply_size(c.left);
        if (value == 0) {
            return false;
        }
        advance(&c, value);
    }
    return !is_only_base64;
}

static bool put_pairs(struct buffer *out, struct cursor *c, int64_t pairs)
{
    bool is_object = has_text_keys(*c, pairs);

    buffer_append(out, is_object ? "{" : "[", 1);
    for (int64_t i = 0; i < pairs; i++) {
        buffer_printf(out, "%s%s", i > 0 ? "," : "", is_object ? "" : "[");
        if (!put_value(out, c)) {
            return false;
        }
        buffer_append(out, is_object ? ":" : ",", 1);
        if (!put_value(out, c)) {
            return false;
        }
        if (!is_object) {
            buffer_append(out, "]", 1);
        }
    }
    buffer_append(out, is_object ? "}" : "]", 1);
    return true;
}

static bool put_elements(struct buffer *out, struct cursor *c, int64_t count)
{
    buffer_append(out, "[", 1);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_append(out, ",", 1);
        }
        if (!put_value(out, c)) {
            return false;
        }
    }
    buffer_append(out, "]", 1);
    return true;
}

static bool put_aggregate(struct buffer *out, struct cursor *c, char type, struct slice line)
{
    int64_t count = 0;
    bool is_whole;

    if (!decimal_read(line, &count)) {
        return false;
    }
    if (count < 0) {
        buffer_printf(out, "null");
        return true;
    }
    if (c->depth == JSON_DEPTH_MAX && !MUTANT(json_any_depth)) {
        return false;
    }
    c->depth++;
    is_whole = type == '%' ? put_pairs(out, c, count) : put_elements(out, c, count);
    c->depth--;
    return is_whole;
}

/* --- values --------------------------------------------------------------------------------- */

static bool put_bulk(struct buffer *out, struct cursor *c, char type, struct slice line)
{
    struct slice bytes;

    if (slice_equal(line, slice_str("-1"))) {
        buffer_printf(out, "null");
        return true;
    }
    if (!take_bulk(c, line, &bytes)) {
        return false;
    }
    if (type == '=' && bytes.size >= 4) {
        bytes = slice_of(bytes.data + 4, bytes.size - 4); /* Without "txt:". */
    }
    json_put_bytes(out, bytes);
    return true;
}

/* JSON has no infinities. */
static void put_number(struct buffer *out, struct slice line)
{
    if (json_is_number(line)) {
        buffer_append_slice(out, line);
    } else {
        json_put_bytes(out, line);
    }
}

static bool put_value(struct buffer *out, struct cursor *c)
{
    char type = c->left.size == 0 ? '\0' : c->left.data[0];
    struct slice line;

    if (!take_line(c, &line)) {
        return false;
    }
    switch (type) {
    case '*':
    case '~':
    case '>':
    case '%':
        return put_aggregate(out, c, type, line);
    case '$':
    case '=':
        return put_bulk(out, c, type, line);
    case ':':
    case ',':
        put_number(out, line);
        return true;
    case '#':
        buffer_printf(out, "%s", slice_equal(line, slice_str("t")) ? "true" : "false");
        return true;
    case '_':
        buffer_printf(out, "null");
        return true;
    case '-':
        buffer_printf(out, "{\"error\":");
        json_put_bytes(out, line);
        buffer_append(out, "}", 1);
        return true;
    default:
        json_put_bytes(out, line); /* A simple string, or a number of any length. */
        return true;
    }
}

bool json_put_reply(struct buffer *out, struct slice reply)
{
    struct cursor c = {.left = reply};

    return put_value(out, &c);
}

/* The count of the array that begins here. */
static bool take_array(struct cursor *c, int64_t *ret_count)
{
    struct slice line;

    return c->left.size > 0 && c->left.data[0] == '*' && take_line(c, &line) &&
           decimal_read(line, ret_count) && *ret_count >= 0;
}

static bool put_row(struct buffer *out, struct cursor *c, const char *const *names, uint32_t count)
{
    int64_t found = 0;

    if (!take_array(c, &found) || found != count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        buffer_printf(out, "%c\"%s\":", i == 0 ? '{' : ',', names[i]);
        if (!put_value(out, c)) {
            return false;
        }
    }
    buffer_append(out, "}", 1);
    return true;
}

bool json_put_rows(struct buffer *out, struct slice reply, const char *const *names, uint32_t count)
{
    struct cursor c = {.left = reply};
    int64_t rows = 0;

    if (!take_array(&c, &rows)) {
        return false;
    }
    buffer_append(out, "[", 1);
    for (int64_t i = 0; i < rows; i++) {
        buffer_printf(out, "%s", i > 0 ? "," : "");
        if (!put_row(out, &c, names, count)) {
            return false;
        }
    }
    buffer_append(out, "]", 1);
    return true;
}
