/* hash_entry.h - a field in the bytes of a hash:
 *
 *   shape (1 byte), size of the name (1 or 4 bytes), size of the value (1 or 4 bytes),
 *   if it expires: the instant (6 bytes), its place in the heap (4 bytes, 0 in a small hash);
 *   name, value
 *
 * Private to hash_*.c. */
#ifndef RAKIT_KV_HASH_ENTRY_H
#define RAKIT_KV_HASH_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/hash_field.h"

struct hash_entry {
    struct hash_field field;
    uint32_t place; /* In the heap. */
    size_t bytes;   /* Of the entry. */
};

size_t hash_entry_bytes(const struct hash_field *field);
void hash_entry_write(char *to, const struct hash_field *field, uint32_t place);
/* False if there is no whole entry at the beginning of `bytes`. */
bool hash_entry_read(struct slice bytes, struct hash_entry *ret_entry);
/* Where in an entry that expires its instant is, and its place. */
size_t hash_entry_expiry_at(const char *entry);
size_t hash_entry_place_at(const char *entry);
void hash_entry_write_expiry(char *entry, uint64_t expires_ms);

static inline bool hash_field_is_expired(const struct hash_field *field, uint64_t now_ms)
{
    return field->expires_ms != 0 && now_ms > field->expires_ms;
}

#endif /* RAKIT_KV_HASH_ENTRY_H */
