/* json.h - the reply to RAFT STATUS for programs. */
#ifndef RAKIT_CLI_JSON_H
#define RAKIT_CLI_JSON_H

#include <hiredis/hiredis.h>

#include "base/buffer.h"

/* Appends a flat map (key, value, key, value ...) as an object, on one line with its end. Arrays
 * in it are lists of such maps. Bytes that are no ASCII are escaped as \u00XX. */
void json_map(struct buffer *out, const redisReply *map);

#endif /* RAKIT_CLI_JSON_H */
