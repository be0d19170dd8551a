/* load.h - fills a fresh keyspace from the records that a walk wrote (kv/walk.h). What comes out is
 * the keyspace as it was, the order of SCAN and KEYS included, so that commands that follow have
 * the same replies. Only its time is not in the records.
 *
 * Works in any thread, as long as the keyspace is nobody else's. */
#ifndef RAKIT_KV_LOAD_H
#define RAKIT_KV_LOAD_H

#include <stdbool.h>

#include "base/slice.h"
#include "kv/keyspace.h"

struct keyspace_loader;

/* `keyspace` is empty, of the same hash seed as the one that was walked, and borrowed until the
 * loader is freed. */
struct keyspace_loader *keyspace_loader_new(struct keyspace *keyspace);
/* Takes the next bytes of the records, cut anywhere. False: they are malformed; nothing more is
 * taken then, and the keyspace is good for nothing but keyspace_free(). No size that is declared
 * costs memory before about as much has come. */
bool keyspace_loader_take(struct keyspace_loader *loader, struct slice records);
/* There are no more. False: the records end too early, or do not hold what they declared. */
bool keyspace_loader_finish(struct keyspace_loader *loader);
void keyspace_loader_free(struct keyspace_loader *loader);

#endif /* RAKIT_KV_LOAD_H */
