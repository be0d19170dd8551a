/* walk.h - writes the state of a keyspace at one instant as records (kv/load.h reads them), step
 * by step, while the keyspace goes on changing: what is about to change and was not written yet
 * is written before it changes. See docs/adr/0021-snapshots-are-walks.md.
 *
 * A walk has no effect on the keyspace that commands could observe, except on its memory. */
#ifndef RAKIT_KV_WALK_H
#define RAKIT_KV_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kv/keyspace.h"

/* Begins a walk; one at a time. From now on, until keyspace_walk_end(), the state of this
 * instant is appended to *out: by steps, and by each change, which appends about as many bytes
 * as are stored near what it changes. `out` is borrowed. Between two calls on the keyspace its
 * owner may consume any bytes of it, and split the records anywhere. The digest at this instant
 * is that of the loaded keyspace. */
void keyspace_walk_begin(struct keyspace *keyspace, struct buffer *out);
/* Writes about `bytes` more, or passes over as much of a table with fewer items; returns whether
 * everything is written. A step writes at most about 50 KB beyond `bytes`, whatever the items
 * are. */
bool keyspace_walk_step(struct keyspace *keyspace, uint64_t bytes);
/* Everything was written, or the walk is given up. Without a walk it does nothing. */
void keyspace_walk_end(struct keyspace *keyspace);

bool keyspace_is_walked(const struct keyspace *keyspace);
/* The memory held for large values that have changed or are gone, until they are written. Steps
 * write those first. */
uint64_t keyspace_walk_held_bytes(const struct keyspace *keyspace);
/* The part of the buckets that was written, in thousandths. 1000 if there is no walk. */
uint32_t keyspace_walk_permille(const struct keyspace *keyspace);

#endif /* RAKIT_KV_WALK_H */
