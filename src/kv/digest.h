/* digest.h - the digest of one item: a sum over the key and over blocks of the value, each
 * hashed with its position. Because it is a sum, it can be corrected for the blocks that change,
 * so an APPEND to a long value does not hash all of it. It detects accidents, not attacks. */
#ifndef RAKIT_KV_DIGEST_H
#define RAKIT_KV_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/traits.h"

enum { DIGEST_BLOCK_BYTES = 4096 };

/* splitmix64's finisher: hides the input. */
uint64_t digest_mix(uint64_t z);
/* The parts of it: the key, which `key_hash` stands for, each block of the value, and the
 * traits. */
uint64_t digest_of_key(uint64_t key_hash);
uint64_t digest_of_block(uint64_t key_hash, uint64_t number, struct slice block);
/* The traits, 0 for plain ones. */
uint64_t digest_of_traits(uint64_t key_hash, struct traits traits);
uint64_t digest_of_item(uint64_t key_hash, struct traits traits, struct slice value);
/* The part of the digest that changes when bytes from `begin` up to `end` do, or when bytes are
 * added from `begin` on: subtract it before, add it after. */
uint64_t digest_of_range(uint64_t key_hash, struct slice value, size_t begin, size_t end);
/* The same if bytes from `zeros_begin` up to `zeros_end` are known to be zero; it reads only a
 * few of them. */
uint64_t digest_of_range_with_zeros(uint64_t key_hash, struct slice value, size_t begin, size_t end,
                                    size_t zeros_begin, size_t zeros_end);

#endif /* RAKIT_KV_DIGEST_H */
