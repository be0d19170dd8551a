/* serving.h - sends parts of this node's snapshots to nodes that fetch them. A snapshot that is
 * being fetched is kept, even if there is a newer one, and so is the log after it, which those
 * nodes need next. If a node reports that what it has fetched is damaged, the file is verified. */
#ifndef RAKIT_REPLICA_SERVING_H
#define RAKIT_REPLICA_SERVING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "io/io.h"
#include "peer/peers.h"
#include "store/snapshot.h"

enum { SERVING_SNAPSHOTS_MAX = 4 };

struct serving {
    struct io *io;
    struct store *store;
    struct peers *peers;
    struct list reads; /* Under way. */
    uint32_t read_count;
    /* The snapshots that were requested last. */
    uint64_t indexes[SERVING_SNAPSHOTS_MAX];
    uint64_t asked_ns[SERVING_SNAPSHOTS_MAX]; /* When they were; 0: never. */
    struct snapshot_load check;               /* Of a snapshot that was called damaged. */
    bool is_checking;
    uint64_t check_next_ns; /* Not again before. */
    /* This snapshot of the node is damaged. */
    void (*damaged)(void *context, const struct store_snapshot *snapshot);
    void *context;
};

void serving_init(struct serving *s, struct io *io, struct store *store);
/* The store must be closed. */
void serving_deinit(struct serving *s);
/* A node requests a part, on that connection. */
void serving_on_fetch(struct serving *s, uint64_t connection, const struct wire_fetch *f);
/* The snapshot at this index, or the log after this entry, is needed for some time. */
void serving_note(struct serving *s, uint64_t index);
/* A node has fetched that snapshot, and says that it is damaged. */
void serving_on_damaged(struct serving *s, const struct wire_damaged *d);
/* The same, but it does not get it. */
void serving_refuse(struct serving *s, uint64_t connection, const struct wire_fetch *f);
/* Whether that snapshot is being fetched. */
bool serving_has(const struct serving *s, uint64_t index);
/* The oldest snapshot that is being fetched; UINT64_MAX: none is. */
uint64_t serving_oldest(const struct serving *s);

#endif /* RAKIT_REPLICA_SERVING_H */
