/* chains.h - a hash table whose items embed their links. The caller computes hashes, and compares
 * the items of one hash. It grows by splitting one chain for each item that is added (linear
 * hashing), so no call takes long because there are many items. */
#ifndef RAKIT_BASE_CHAINS_H
#define RAKIT_BASE_CHAINS_H

#include <stddef.h>
#include <stdint.h>

struct chain {
    struct chain *next;
    uint64_t hash;
};

/* A zeroed struct is an empty table. */
struct chains {
    struct chain **heads; /* Owned. */
    size_t head_count;
    size_t head_capacity;
    size_t count;
};

/* The items are the caller's. */
void chains_deinit(struct chains *t);
void chains_add(struct chains *t, struct chain *c, uint64_t hash);
/* It must be in the table. */
void chains_remove(struct chains *t, struct chain *c);
/* The first item of that hash, or NULL; and the next one of the same hash, or NULL. */
struct chain *chains_find(const struct chains *t, uint64_t hash);
struct chain *chains_find_next(const struct chain *c);
/* Memory of the table, without its items. */
size_t chains_bytes(const struct chains *t);

#endif /* RAKIT_BASE_CHAINS_H */
