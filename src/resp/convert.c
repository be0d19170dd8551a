/* convert.c - replies of version 3 in version 2. What is in an array or map follows its head, so
 * one element after the other is converted, whatever it is in. */
#include <string.h>

#include "base/check.h"
#include "resp/decimal.h"
#include "resp/resp.h"

/* Takes a line, without its type and its end, off the front. */
static struct slice take_line(struct slice *rest)
{
    const char *end = memchr(rest->data, '\r', rest->size);

    CHECK(end != NULL && end + 1 < rest->data + rest->size);

    struct slice line = slice_of(rest->data + 1, (size_t)(end - rest->data - 1));

    *rest = slice_of(end + 2, rest->size - line.size - 3);
    return line;
}

static int64_t number_of(struct slice line)
{
    int64_t number = 0;
    bool is_number = decimal_read(line, &number);

    CHECK(is_number);
    return number;
}

static struct slice take_bytes(struct slice *rest, int64_t size)
{
    struct slice bytes = slice_of(rest->data, (size_t)size);

    CHECK(size >= 0 && bytes.size + 2 <= rest->size);
    *rest = slice_of(rest->data + bytes.size + 2, rest->size - bytes.size - 2);
    return bytes;
}

static void convert_line(char type, struct slice line, struct resp_writer *w)
{
    switch (type) {
    case '_':
        resp_null(w);
        break;
    case '#':
        resp_boolean(w, slice_is(line, "t"));
        break;
    case ',':
    case '(':
        resp_bulk(w, line);
        break;
    case '*':
    case '~':
    case '>':
        resp_array(w, (uint64_t)number_of(line));
        break;
    case '%':
        resp_map(w, (uint64_t)number_of(line));
        break;
    default: /* +, - and : */
        buffer_append(w->out, &type, 1);
        buffer_append_slice(w->out, line);
        buffer_append(w->out, "\r\n", 2);
    }
}

void resp_convert_to_2(struct slice reply, struct buffer *out)
{
    enum { KIND_BYTES = 4 }; /* "txt:" */
    struct resp_writer w = {.out = out, .version = 2};

    while (reply.size > 0) {
        char type = reply.data[0];
        struct slice line = take_line(&reply);

        if (type == '$' && number_of(line) < 0) {
            resp_null(&w);
        } else if (type == '$') {
            resp_bulk(&w, take_bytes(&reply, number_of(line)));
        } else if (type == '=') {
            struct slice text = take_bytes(&reply, number_of(line));

            CHECK(text.size >= KIND_BYTES);
            resp_bulk(&w, slice_of(text.data + KIND_BYTES, text.size - KIND_BYTES));
        } else {
            convert_line(type, line, &w);
        }
    }
}
