#include "cli/json.h"

#include "cli/reply.h"

static void put_text(struct buffer *out, struct slice text)
{
    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '"' || c == '\\') {
            buffer_printf(out, "\\%c", c);
        } else if (c < ' ' || c > '~') {
            buffer_printf(out, "\\u%04x", c);
        } else {
            buffer_append(out, (const char *)&text.data[i], 1);
        }
    }
    buffer_append(out, "\"", 1);
}

static void put_map(struct buffer *out, const redisReply *map);

static void put_value(struct buffer *out, const redisReply *value)
{
    if (value->type == REDIS_REPLY_INTEGER) {
        buffer_printf(out, "%lld", value->integer);
    } else if (value->type == REDIS_REPLY_ARRAY) {
        buffer_append(out, "[", 1);
        for (size_t i = 0; i < reply_count(value); i++) {
            buffer_printf(out, "%s", i > 0 ? ", " : "");
            put_map(out, reply_element(value, i));
        }
        buffer_append(out, "]", 1);
    } else {
        put_text(out, reply_text(value));
    }
}

static void put_map(struct buffer *out, const redisReply *map)
{
    buffer_append(out, "{", 1);
    for (size_t i = 0; i + 1 < reply_count(map); i += 2) {
        buffer_printf(out, "%s", i > 0 ? ", " : "");
        put_text(out, reply_text(reply_element(map, i)));
        buffer_append(out, ": ", 2);
        put_value(out, reply_element(map, i + 1));
    }
    buffer_append(out, "}", 1);
}

void json_map(struct buffer *out, const redisReply *map)
{
    put_map(out, map);
    buffer_append(out, "\n", 1);
}
