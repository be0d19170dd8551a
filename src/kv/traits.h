/* traits.h - what is stored with a key besides its value. */
#ifndef RAKIT_KV_TRAITS_H
#define RAKIT_KV_TRAITS_H

#include <stdbool.h>
#include <stdint.h>

/* Part of the format of snapshots (kv/record.h). */
enum value_type {
    VALUE_STRING = 0,
    VALUE_HASH = 1,
    VALUE_TYPES,
};

/* As TYPE replies it. */
static inline const char *value_type_name(uint8_t type)
{
    return type == VALUE_HASH ? "hash" : "string";
}

#define EXPIRES_MS_MAX ((1ull << 47) - 1) /* In the year 6429. */

/* Zeroed: a string that never expires. */
struct traits {
    uint8_t type;        /* enum value_type. */
    uint64_t expires_ms; /* Log time since the Unix epoch, at most EXPIRES_MS_MAX; 0: never. */
};

static inline bool traits_are_plain(struct traits traits)
{
    return traits.type == VALUE_STRING && traits.expires_ms == 0;
}

/* As in Redis: at the very millisecond the key is still there, so no key goes early. */
static inline bool traits_are_expired(struct traits traits, uint64_t now_ms)
{
    return traits.expires_ms != 0 && now_ms > traits.expires_ms;
}

#endif /* RAKIT_KV_TRAITS_H */
