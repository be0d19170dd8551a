/* hash_value.h - the bytes of a hash: fields with values, some of which expire. Knows no keyspace.
 *
 * A small hash is a list of entries, searched one by one. A large one is an arena (kv/arena.h) of
 * entries, with a table of buckets that grows and shrinks by one bucket at a time, and a heap of
 * the entries that expire; so no change takes longer because the hash is large. Equal histories
 * give equal bytes.
 *
 * A field has expired once `now_ms` is past its instant; then no call shows it, although it stays
 * in the bytes until it is removed. */
#ifndef RAKIT_KV_HASH_VALUE_H
#define RAKIT_KV_HASH_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/hash_field.h"
#include "kv/value_edit.h"

/* Whether the calls below may be given these bytes, which came from outside. Takes time for all
 * of them. */
bool hash_value_is_sound(struct slice value);

/* A small one has about 2 KB at most, and is best changed as a copy; a large one in place. */
bool hash_value_is_large(struct slice value);
/* Takes time for the expired ones that are still there. */
uint64_t hash_value_count(struct slice value, uint64_t now_ms);
/* The field's value is borrowed until the next change. */
bool hash_value_find(struct slice value, struct slice name, uint64_t now_ms,
                     struct hash_field *ret_field);
/* The fields one after the other: *at is 0 at the beginning. False: there are no more. */
bool hash_value_next(struct slice value, size_t *at, uint64_t now_ms, struct hash_field *ret_field);
/* From `cursor` (0: the start) until `count` fields were returned, or the end; returns the next
 * cursor, 0 at the end, below 2^32. A field that is there from the first call to the last is
 * returned at least once, whatever else changes. Any number is a cursor. */
uint64_t hash_value_scan(struct slice value, uint64_t cursor, uint64_t count, uint64_t now_ms,
                         void (*each)(void *context, const struct hash_field *field),
                         void *context);
/* Some field, selected by `chance`; false if there is none. */
bool hash_value_pick(struct slice value, uint64_t chance, uint64_t now_ms,
                     struct hash_field *ret_field);
/* When the first field expires; 0: none does. */
uint64_t hash_value_expires_ms(struct slice value);
/* No more than so many bytes does it have after `field_count` more fields, of so many bytes in
 * all, were set. */
uint64_t hash_value_bytes_after(struct slice value, uint64_t field_count, uint64_t bytes);

/* The bytes of a hash without fields, to begin with. */
struct slice hash_value_none(void);
/* Sets a field, whatever was there. Its slices must not point into the bytes that are changed.
 * `seed` is that of the table, if one is made now. */
void hash_value_set(struct value_edit *e, const struct hash_field *field, uint32_t seed);
/* False: there is no such field, not even an expired one. */
bool hash_value_delete(struct value_edit *e, struct slice name);
/* Of a field that was found in these bytes. */
void hash_value_set_expiry(struct value_edit *e, const struct hash_field *field,
                           uint64_t expires_ms, uint32_t seed);
/* Removes up to `count` fields that have expired; returns how many. */
uint64_t hash_value_remove_expired(struct value_edit *e, uint64_t now_ms, uint64_t count);

#endif /* RAKIT_KV_HASH_VALUE_H */
