/* reply.h - reads values out of replies. Every function accepts NULL and replies of a wrong
 * type, and then returns an empty value: what comes from the network may have any shape. */
#ifndef RAKIT_CLI_REPLY_H
#define RAKIT_CLI_REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* The bytes of a string or status; empty otherwise. */
struct slice reply_text(const redisReply *reply);

/* An integer, also one written as a string; `otherwise` if it is not one. */
long long reply_number(const redisReply *reply, long long otherwise);

/* The value of a key in a flat map: key, value, key, value … NULL: no such key. */
const redisReply *reply_field(const redisReply *map, const char *key);

/* Elements of an array; 0 otherwise. */
size_t reply_count(const redisReply *reply);
const redisReply *reply_element(const redisReply *reply, size_t position);

bool reply_is_error(const redisReply *reply);
/* An error whose first word is `code`. */
bool reply_is_error_code(const redisReply *reply, const char *code);

#endif /* RAKIT_CLI_REPLY_H */
