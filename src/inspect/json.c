#include "inspect/json.h"

#include <inttypes.h>

static void put(struct json *j, const char *text)
{
    buffer_append_slice(j->out, slice_str(text));
}

static void put_string(struct json *j, struct slice text)
{
    size_t done = 0;

    put(j, "\"");
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c >= ' ' && c != 0x7f && c != '"' && c != '\\') {
            continue;
        }
        buffer_append(j->out, text.data + done, i - done);
        done = i + 1;
        if (c == '"' || c == '\\') {
            buffer_printf(j->out, "\\%c", c);
        } else {
            buffer_printf(j->out, "\\u%04x", c);
        }
    }
    buffer_append(j->out, text.data + done, text.size - done);
    put(j, "\"");
}

/* What comes before a value: a comma, and its name. */
static void put_name(struct json *j, const char *name)
{
    put(j, j->needs_comma ? "," : "");
    j->needs_comma = true;
    if (name != NULL) {
        put_string(j, slice_str(name));
        put(j, ":");
    }
}

void json_begin(struct json *j, const char *name)
{
    put_name(j, name);
    put(j, "{");
    j->needs_comma = false;
}

void json_end(struct json *j)
{
    put(j, "}");
    j->needs_comma = true;
}

void json_begin_array(struct json *j, const char *name)
{
    put_name(j, name);
    put(j, "[");
    j->needs_comma = false;
}

void json_end_array(struct json *j)
{
    put(j, "]");
    j->needs_comma = true;
}

void json_number(struct json *j, const char *name, uint64_t value)
{
    put_name(j, name);
    buffer_printf(j->out, "%" PRIu64, value);
}

void json_bool(struct json *j, const char *name, bool value)
{
    put_name(j, name);
    put(j, value ? "true" : "false");
}

void json_text(struct json *j, const char *name, const char *text)
{
    json_bytes(j, name, slice_str(text));
}

void json_id(struct json *j, const char *name, uint64_t id)
{
    put_name(j, name);
    if (id == 0) {
        put(j, "null");
    } else {
        buffer_printf(j->out, "\"%016" PRIx64 "\"", id);
    }
}

/* --- bytes -------------------------------------------------------------------------------- */

/* How many bytes follow the first one of a character, and the lowest code that takes so many;
 * -1: no character begins like that. */
static int utf8_tail(unsigned char first, uint32_t *ret_lowest)
{
    static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};
    int count = first < 0x80 ? 0 : first < 0xc0 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;

    if (count < 0 || first >= 0xf8) {
        return -1;
    }
    *ret_lowest = lowest[count];
    return count;
}

/* Size of the character at `data` in bytes; 0: it is not one. */
static size_t utf8_size(const unsigned char *data, size_t size)
{
    uint32_t lowest = 0;
    int tail = utf8_tail(data[0], &lowest);
    uint32_t code = tail <= 0 ? data[0] : data[0] & (0x3fu >> tail);

    if (tail < 0 || (size_t)tail >= size) {
        return 0;
    }
    for (int i = 1; i <= tail; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (data[i] & 0x3f);
    }
    return code < lowest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0
                                                                                 : (size_t)tail + 1;
}

static bool is_utf8(struct slice bytes)
{
    const unsigned char *data = (const unsigned char *)bytes.data;
    size_t step = 1;

    for (size_t i = 0; i < bytes.size; i += step) {
        step = utf8_size(data + i, bytes.size - i);
        if (step == 0) {
            return false;
        }
    }
    return true;
}

void json_bytes(struct json *j, const char *name, struct slice bytes)
{
    put_name(j, name);
    if (is_utf8(bytes)) {
        put_string(j, bytes);
        return;
    }
    put(j, "{\"hex\":\"");
    for (size_t i = 0; i < bytes.size; i++) {
        static const char digits[] = "0123456789abcdef";
        unsigned char c = (unsigned char)bytes.data[i];

        buffer_append(j->out, (const char[]){digits[c >> 4], digits[c & 15]}, 2);
    }
    put(j, "\"}");
}

void json_end_line(struct json *j)
{
    put(j, "}\n");
    j->needs_comma = false;
}
