/* sum.h - the digest of a state, computed from its records (kv/walk.h) without making a keyspace
 * of them. It shows whether what a walk has found in memory is what the commands have put there:
 * keyspace_digest() is kept up to date with each change, and does not look at what stays. */
#ifndef RAKIT_KV_SUM_H
#define RAKIT_KV_SUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct keyspace;
struct keyspace_sum;

/* For the records of that keyspace. */
struct keyspace_sum *keyspace_sum_new(const struct keyspace *keyspace);
void keyspace_sum_free(struct keyspace_sum *sum);
/* Takes the next bytes of the records, split anywhere. False: they are malformed. */
bool keyspace_sum_take(struct keyspace_sum *sum, struct slice records);
/* Whether all records are complete, and the items have that digest. */
bool keyspace_sum_is(const struct keyspace_sum *sum, uint64_t digest);

#endif /* RAKIT_KV_SUM_H */
