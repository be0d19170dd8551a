/* reply.h - looking into replies. Every function takes NULL and replies of the
 * wrong type, and then answers "nothing": what comes from the network is never
 * trusted to have a shape. */
#ifndef RAKIT_CLI_REPLY_H
#define RAKIT_CLI_REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* The bytes of a string or status; empty otherwise. */
struct slice reply_text(const redisReply *reply);

/* An integer, also one written as a string; `otherwise` where it is none. */
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
