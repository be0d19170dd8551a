/* expiry.h - which keys have expired, or have fields that have, and are still there. The log
 * decides when they are removed: a leader finds them here, and an entry names the keys. What is
 * known here of when they are due is not part of the replicated state. */
#ifndef RAKIT_KV_EXPIRY_H
#define RAKIT_KV_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct keyspace;

/* Whether any key expires, or a field of one. */
bool keyspace_has_expiring(const struct keyspace *keyspace);
/* Looks for what is due at `now_ms`, in about `count` steps; returns whether there is more to look
 * at. */
bool keyspace_look_due(struct keyspace *keyspace, uint64_t now_ms, uint64_t count);
/* Finds up to `count` keys of a database that are due, of about `bytes_max` together but one at
 * least. They are borrowed until the next change, and not found again until keyspace_reopen_due().
 */
uint32_t keyspace_offer_due(struct keyspace *keyspace, uint32_t database, uint64_t now_ms,
                            struct slice *keys, uint32_t count, uint64_t bytes_max);
/* What was found will be looked at again: it was removed, or will not be. */
void keyspace_reopen_due(struct keyspace *keyspace);
/* When to look again; 0: now; UINT64_MAX: never, as things are. */
uint64_t keyspace_next_due_ms(const struct keyspace *keyspace);

/* Removes the key if it has expired by the time of the keyspace; returns whether it had. */
bool keyspace_remove_expired(struct keyspace *keyspace, uint32_t database, struct slice key);
/* Removes up to `count` fields that have expired of the hash that is there, and the key if no field
 * is left; returns how many fields. */
uint64_t keyspace_remove_expired_fields(struct keyspace *keyspace, uint32_t database,
                                        struct slice key, uint64_t count);

#endif /* RAKIT_KV_EXPIRY_H */
