/* replay.h - reads the entries that a start has found from the disk, in steps. */
#ifndef RAKIT_STORE_REPLAY_H
#define RAKIT_STORE_REPLAY_H

#include <stddef.h>
#include <stdint.h>

struct store;
struct entry;
struct log_reader;

struct store_replay {
    uint64_t bytes; /* Of the log, read so far. */
    uint64_t total_bytes;
    /* The store's. */
    struct store *store;
    struct log_reader *reader; /* NULL: no segment is open. */
    size_t run;                /* The next one. */
};

/* To be called right after store_open(), before anything is written. */
void store_replay_begin(struct store_replay *replay, struct store *s);
/* Calls `each` with the next entries, which it may keep references to: a single large one, or
 * about 64 KB of the log. 1: there are more. 0: these were the last. Otherwise a negative error,
 * or what `each` returned instead of 0. */
int store_replay_step(struct store_replay *replay, int (*each)(void *context, struct entry *e),
                      void *context);
/* After the last step, or to stop earlier. */
void store_replay_end(struct store_replay *replay);

#endif /* RAKIT_STORE_REPLAY_H */
