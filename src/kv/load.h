/* load.h - fills a new keyspace from the records that a walk wrote (kv/walk.h). The result is
 * the keyspace as it was, including the order of SCAN and KEYS, so that later commands have the
 * same replies. Only its time is not in the records.
 *
 * Works in any thread, as long as nobody else uses the keyspace. */
#ifndef RAKIT_KV_LOAD_H
#define RAKIT_KV_LOAD_H

#include <stdbool.h>

#include "base/slice.h"
#include "kv/keyspace.h"

struct keyspace_loader;

/* `keyspace` is empty, has the same hash seed as the one that was walked, and is borrowed until
 * the loader is freed. */
struct keyspace_loader *keyspace_loader_new(struct keyspace *keyspace);
/* The records come from so many bytes, which are known to be there: for buckets that are declared
 * it may take as much memory at once, and has less work with them. */
void keyspace_loader_expect(struct keyspace_loader *loader, uint64_t bytes);
/* Takes the next bytes of the records, split anywhere. False: they are malformed; then it takes
 * nothing more, and the keyspace may only be freed. A declared size costs memory only as the
 * bytes arrive, beyond what is expected. */
bool keyspace_loader_take(struct keyspace_loader *loader, struct slice records);
/* The end of the records. False: they end too early, or do not contain what they declare. */
bool keyspace_loader_finish(struct keyspace_loader *loader);
void keyspace_loader_free(struct keyspace_loader *loader);

#endif /* RAKIT_KV_LOAD_H */
