/* hash_small.h - a hash of few bytes: its kind (1 byte), then its entries, in the order in which
 * the fields were set first. Private to hash_*.c. */
#ifndef RAKIT_KV_HASH_SMALL_H
#define RAKIT_KV_HASH_SMALL_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/hash_entry.h"
#include "kv/value_edit.h"

enum {
    HASH_SMALL = 1, /* The kind. */
    SMALL_HEAD_BYTES = 1,
    SMALL_FIELDS_MAX = 32,
    SMALL_BYTES_MAX = 2048,
};

bool hash_small_is_sound(struct slice value);
/* Reads the entry at `at`, and moves on; false at the end. Begin at SMALL_HEAD_BYTES. */
bool hash_small_next(struct slice value, size_t *at, struct hash_entry *ret_entry);
/* *ret_at is where the entry begins. */
bool hash_small_find(struct slice value, struct slice name, size_t *ret_at,
                     struct hash_entry *ret_entry);
/* False, and nothing has changed, if it would not be small any more. */
bool hash_small_set(struct value_edit *e, const struct hash_field *field);
bool hash_small_delete(struct value_edit *e, struct slice name);
uint64_t hash_small_remove_expired(struct value_edit *e, uint64_t now_ms, uint64_t count);

#endif /* RAKIT_KV_HASH_SMALL_H */
