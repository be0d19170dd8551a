/* snapshot_replay.h - reads the chunks of a snapshot in steps, for a start. */
#ifndef RAKIT_STORE_SNAPSHOT_REPLAY_H
#define RAKIT_STORE_SNAPSHOT_REPLAY_H

#include "store/snapshot.h"

struct snapshot_replay {
    struct store_snapshot snapshot;
    uint64_t bytes; /* Of the file, read so far. */
    /* The store's. */
    struct store *store;
    struct snapshot_reader *reader; /* NULL: nothing is open. */
};

/* To be called right after store_open(). */
void snapshot_replay_begin(struct snapshot_replay *replay, struct store *s,
                           const struct store_snapshot *snapshot);
/* Calls `each` with the next chunk, verified. Returns 1: there may be more; 0: that was all, and
 * the file is complete; otherwise what `each` returned instead of 0, or a store_error with a
 * sentence in `text`. If `each` returns STORE_EFORMAT (it needs a section that it does not
 * know), the sentence says so. */
int snapshot_replay_step(struct snapshot_replay *replay,
                         int (*each)(void *context, const struct snapshot_chunk *chunk),
                         void *context, char *text, size_t text_size);
/* After the last step, or to stop earlier. */
void snapshot_replay_end(struct snapshot_replay *replay);

#endif /* RAKIT_STORE_SNAPSHOT_REPLAY_H */
