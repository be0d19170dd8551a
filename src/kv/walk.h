/* walk.h - writes the state of a keyspace at one instant down as records (kv/load.h reads them),
 * step by step, while the keyspace goes on changing: what is about to change and was not met yet is
 * written before it changes. See docs/adr/0021-snapshots-are-walks.md.
 *
 * Nothing that can be asked of the keyspace shows whether it is walked, but for its memory. */
#ifndef RAKIT_KV_WALK_H
#define RAKIT_KV_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kv/keyspace.h"

/* Begins a walk, one at a time. From now on, up to keyspace_walk_end(), the state of this instant
 * is appended to *out: by steps, and by each change, for about as many bytes as stand near what it
 * changes. `out` is borrowed. Between two calls on the keyspace its owner may take bytes out of it,
 * or all, and cut the records wherever it likes. The digest at this instant is that of what will be
 * loaded. */
void keyspace_walk_begin(struct keyspace *keyspace, struct buffer *out);
/* Writes about `bytes` more, or goes over so much of an emptier table; returns whether all is out.
 * One step writes `bytes` and at most some 50 KB beyond, whatever items there are. */
bool keyspace_walk_step(struct keyspace *keyspace, uint64_t bytes);
/* All is out, or the walk is given up. Without a walk it does nothing. */
void keyspace_walk_end(struct keyspace *keyspace);

bool keyspace_is_walked(const struct keyspace *keyspace);
/* Of large values that have changed since, or are gone: what is held of them until it is written.
 * Steps write that first. */
uint64_t keyspace_walk_held_bytes(const struct keyspace *keyspace);
/* How much is out, in thousandths: of the buckets. 1000 if there is no walk. */
uint32_t keyspace_walk_permille(const struct keyspace *keyspace);

#endif /* RAKIT_KV_WALK_H */
