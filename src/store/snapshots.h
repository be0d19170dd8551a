/* snapshots.h - the store's part that keeps snapshots: which there are, and what is under way.
 * The loop's thread owns all of it, except what a job is working on. */
#ifndef RAKIT_STORE_SNAPSHOTS_H
#define RAKIT_STORE_SNAPSHOTS_H

#include "base/list.h"
#include "store/snapshot.h"
#include "store/snapshot_writer.h"

struct snapshots {
    struct io_worker *worker;
    struct store_snapshot *list; /* The durable ones, by index. */
    size_t count;
    size_t capacity;
    struct snapshot_making *making;       /* NULL: none. */
    struct snapshot_writer writer;        /* The worker's, while one is being made. */
    struct snapshot_receiving *receiving; /* NULL: none. */
    struct store_snapshot part;           /* Received in part; index 0: none. */
    struct list puts;
    struct list appends;
    struct list loads;
    struct list reads;
    struct list removals;
    uint64_t removing_bytes; /* Of those. */
};

void snapshots_init(struct snapshots *snapshots);
/* Called after the worker has stopped, if there was one: drops what is under way. */
void snapshots_deinit(struct snapshots *snapshots);

/* A snapshot is durable under its name. */
void snapshots_add(struct snapshots *snapshots, const struct store_snapshot *snapshot);
void snapshots_forget(struct snapshots *snapshots, uint64_t index);
/* NULL: there is none at that index. */
const struct store_snapshot *snapshots_find(const struct snapshots *snapshots, uint64_t index);
bool snapshots_have(const struct snapshots *snapshots, const struct store_snapshot *snapshot);

/* On the worker: gives a complete file its name. *ret_is_undecided: it has the name, but nobody
 * knows whether it would after a crash. */
int snapshot_publish(struct store *s, const char *from, uint64_t index, bool *ret_is_undecided);

/* snapshot_evidence.c, on the worker: snapshots of wrong states, in a subdirectory, numbered. Makes
 * it, and finds the number of the next one. */
int snapshot_evidence_begin(struct store *s, uint32_t *ret_number);
/* Of that file, or of the temporary one. */
void snapshot_evidence_path(const struct store *s, uint32_t number, bool is_temporary, char *path);
/* The temporary file is complete and durable: gives it its name, and removes all but this one
 * and the one before. */
int snapshot_evidence_publish(struct store *s, uint32_t number);

/* Each drops its own requests; called by snapshots_deinit(). */
void snapshot_appends_drop(struct snapshots *snapshots);
void snapshot_puts_drop(struct snapshots *snapshots);
void snapshot_loads_drop(struct snapshots *snapshots);
void snapshot_reads_drop(struct snapshots *snapshots);
void snapshot_removals_drop(struct snapshots *snapshots);

#endif /* RAKIT_STORE_SNAPSHOTS_H */
