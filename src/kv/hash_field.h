/* hash_field.h - a field of a hash, and how large one may be. */
#ifndef RAKIT_KV_HASH_FIELD_H
#define RAKIT_KV_HASH_FIELD_H

#include <stdint.h>

#include "base/slice.h"

enum {
    HASH_FIELDS_MAX = 4 * 1024 * 1024,
    HASH_FIELD_BYTES_MAX = 8 * 1024 * 1024, /* A field's name and value together. */
};

struct hash_field {
    struct slice name, value;
    uint64_t expires_ms; /* At most EXPIRES_MS_MAX; 0: never. */
};

#endif /* RAKIT_KV_HASH_FIELD_H */
