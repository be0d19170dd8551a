/* scrub.h - reads everything that a store holds, piece by piece, to find damage before it is
 * needed: entries of the log, snapshots, and the small files. The pieces are read in the
 * background, and never hold up a sync. */
#ifndef RAKIT_STORE_SCRUB_H
#define RAKIT_STORE_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"
#include "store/basics.h"
#include "store/log_index.h"
#include "store/snapshot.h"

enum {
    SCRUB_RUNS_MAX = 8,    /* Parts of the log in one piece: half a megabyte. */
    SCRUB_NAME_BYTES = 64, /* Of a file. */
};

enum scrub_phase { SCRUB_LOG, SCRUB_SNAPSHOTS, SCRUB_FILES, SCRUB_OVER };

struct snapshot_reader;

struct store_scrub {
    /* A piece has been read. */
    void (*done)(struct store_scrub *scrub);
    const struct store_key *key; /* Of the cluster. */
    uint64_t piece_bytes;        /* Its size. */
    /* Damage was found in it: -EBADMSG, or -EIO (the disk does not read it); 0: none. */
    int error;
    char file[SCRUB_NAME_BYTES]; /* Then: where. */
    bool is_mended;              /* It was written again. */
    enum scrub_phase phase;      /* SCRUB_OVER: that was the last piece. */
    /* The store's. */
    struct store *store;
    struct io_job job;
    uint64_t next_index;
    struct log_run runs[SCRUB_RUNS_MAX];
    uint32_t run_count;
    uint64_t segment; /* Read last. */
    struct store_snapshot snapshot;
    struct snapshot_reader *reader; /* Of that snapshot; NULL: none is open. */
    int result;
};

/* Begins a pass: zero all but `done` and `key` before. */
void store_scrub_begin(struct store *s, struct store_scrub *scrub);
/* Reads the next piece, until the phase is SCRUB_OVER. */
void store_scrub_next(struct store_scrub *scrub);
/* Frees what is open; no piece may be under way, unless the store is closed. */
void store_scrub_end(struct store_scrub *scrub);

#endif /* RAKIT_STORE_SCRUB_H */
