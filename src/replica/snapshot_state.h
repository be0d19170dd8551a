/* snapshot_state.h - the sections of a snapshot: everything that results from applying entries,
 * except the log time, which is in the file's head.
 *
 *   members   index of the entry of the newest committed membership (8 bytes), and its payload
 *   level     feature level of the cluster (4 bytes)
 *   digest    of the keyspace (8 bytes)
 *   items     all keys: records of kv/walk.h, split anywhere */
#ifndef RAKIT_REPLICA_SNAPSHOT_STATE_H
#define RAKIT_REPLICA_SNAPSHOT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cluster/members.h"
#include "kv/keyspace.h"
#include "kv/load.h"
#include "store/snapshot.h"

#define SNAPSHOT_MEMBERS "members"
#define SNAPSHOT_LEVEL   "level"
#define SNAPSHOT_DIGEST  "digest"
#define SNAPSHOT_ITEMS   "items"

void snapshot_encode_members(struct buffer *out, const struct membership *members);
void snapshot_encode_level(struct buffer *out, uint32_t level);
void snapshot_encode_digest(struct buffer *out, uint64_t digest);

/* The state that is read from a snapshot, chunk by chunk, on any thread. */
struct loaded_state {
    struct keyspace *keyspace;  /* Owned; NULL once it has been taken. */
    struct membership *members; /* The same. */
    uint32_t level;             /* 0: not read yet. */
    bool has_digest;
    uint64_t digest;
    struct keyspace_loader *loader;
};

void loaded_state_init(struct loaded_state *l, uint64_t hash_seed);
void loaded_state_deinit(struct loaded_state *l);
/* The snapshot has so many bytes, all of which are there. */
void loaded_state_expect(struct loaded_state *l, uint64_t bytes);
/* Takes the next chunk. Returns 0; STORE_EFORMAT: a section that this program does not know and
 * must not skip; STORE_EDAMAGED: it is malformed. */
int loaded_state_take(struct loaded_state *l, const struct snapshot_chunk *chunk);
/* All chunks were taken. False: something is missing, or the keys are not those of the time when
 * the snapshot was made. Otherwise the state is complete, and the keyspace is set to that log
 * time. */
bool loaded_state_finish(struct loaded_state *l, const struct store_snapshot *snapshot);

#endif /* RAKIT_REPLICA_SNAPSHOT_STATE_H */
