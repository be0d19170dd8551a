#include "cli/reply.h"

#include <stdlib.h>

struct slice reply_text(const redisReply *reply)
{
    if (reply == NULL || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)) {
        return slice_str("");
    }
    return slice_of(reply->str, reply->len);
}

long long reply_number(const redisReply *reply, long long otherwise)
{
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        return reply->integer;
    }
    struct slice text = reply_text(reply); /* hiredis ends every string with NUL. */
    char *end = NULL;
    long long number = strtoll(text.data, &end, 10);

    return text.size > 0 && end == text.data + text.size ? number : otherwise;
}

size_t reply_count(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const redisReply *reply_element(const redisReply *reply, size_t position)
{
    return position < reply_count(reply) ? reply->element[position] : NULL;
}

const redisReply *reply_field(const redisReply *map, const char *key)
{
    for (size_t i = 0; i + 1 < reply_count(map); i += 2) {
        if (slice_is(reply_text(map->element[i]), key)) {
            return map->element[i + 1];
        }
    }
    return NULL;
}

bool reply_is_error(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ERROR;
}

bool reply_is_error_code(const redisReply *reply, const char *code)
{
    size_t size = strlen(code);

    return reply_is_error(reply) && reply->len >= size && memcmp(reply->str, code, size) == 0 &&
           (reply->len == size || reply->str[size] == ' ');
}
