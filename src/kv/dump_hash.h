/* dump_hash.h - a hash in Redis's format, and back. Private to kv. */
#ifndef RAKIT_KV_DUMP_HASH_H
#define RAKIT_KV_DUMP_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kv/value_edit.h"

/* A whole dump. Redis 7.0 can read it, if no field expires, otherwise 7.4. */
void dump_hash_write(struct buffer *out, struct slice hash, uint64_t now_ms);

bool dump_hash_is_type(uint8_t type);
/* Adds the fields of a dump behind its type to an empty hash; `seed` is that of its table. False if
 * it is malformed, has a field twice, or is too large. Fields that have expired are left out. */
bool dump_hash_read(struct slice dump, uint8_t type, uint64_t now_ms, uint32_t seed,
                    struct value_edit *hash);

#endif /* RAKIT_KV_DUMP_HASH_H */
