/* snapshotter.h - makes snapshots of the state machine (§7 of the Raft paper), without a fork
 * and without a pause: it walks the keyspace in steps, one per turn, while that goes on changing
 * (docs/adr/0021-snapshots-are-walks.md), and a worker of the store writes the file.
 *
 * A snapshot is made when the log has grown by the size of the last snapshot, or by
 * `after_bytes` if that is more, or by many entries: so the data directory stays below about
 * three times the data plus a fixed part. These limits vary a little at random, so that the
 * nodes of a cluster do not all make snapshots at the same time. An error costs the snapshot,
 * never the node: it is tried again later.
 *
 * What a walk finds is compared with the digest of the keyspace, so a snapshot whose content is
 * not what the commands have put into memory is given up, and the owner learns of it. Without a
 * snapshot for long, a walk is made for this purpose only. */
#ifndef RAKIT_REPLICA_SNAPSHOTTER_H
#define RAKIT_REPLICA_SNAPSHOTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/log.h"
#include "cluster/members.h"
#include "command/request.h"
#include "kv/keyspace.h"
#include "store/snapshot.h"
#include "store/store.h"

/* The state to be written. Borrowed during the call. */
struct snapshot_source {
    uint64_t index; /* The last entry applied. */
    uint64_t term;  /* Its term. Its log time is the keyspace's. */
    struct keyspace *keyspace;
    const struct membership *members; /* The newest committed one. */
    uint32_t level;
    uint64_t pressed_bytes; /* Before the log has grown by more, or room on the disk may run out.
                             * 0: there is plenty. */
};

struct snapshotter_options {
    struct io *io;
    const struct log *log;
    struct store *store;
    uint64_t after_bytes;    /* Growth of the log in bytes. */
    uint64_t after_entries;  /* Growth of the log in entries. For both, see above. */
    uint64_t check_after_ns; /* A walk at least so often; 0: the default. */
    /* A snapshot was made: it is `newest` now. */
    void (*made)(void *context);
    /* The memory does not hold what was put there. */
    void (*mismatch)(void *context);
    /* Evidence was written, or could not be. */
    void (*kept)(void *context, int error);
    void *context;
};

struct snapshotter {
    struct snapshotter_options options;
    struct store_snapshot newest; /* Index 0: none. */
    uint64_t newest_items;        /* Keys in it, if this process has made or loaded it. */
    uint32_t chance;              /* 0 to 255: varies when the next one is due. */
    uint64_t base_bytes;          /* The size of the log after the last one. */
    uint64_t behind_bytes;        /* At the start: the size of the log after it. */
    uint64_t not_before_ns;       /* After a failure. */
    /* The one under way. */
    bool is_under_way;
    bool is_walking;
    struct snapshot_making making;
    struct keyspace *keyspace; /* The one that is walked; borrowed. */
    struct keyspace_sum
        *sum;           /* The worker's until the end: of what was walked; NULL: of evidence. */
    uint64_t digest;    /* What it must be. */
    bool is_mismatched; /* It is not. */
    struct buffer out;  /* Walked, but not given to the store yet. */
    uint64_t begun_ns;
    uint64_t items;
    uint64_t wanted_index; /* Another node needs one that is not older. */
    uint64_t checked_ns;   /* When memory was last found to be right. */
    struct list asked;     /* Requests for a snapshot that begins after them. */
    struct list waiting;   /* Requests for the one under way. */
    uint64_t made_count;   /* Since the start. */
    uint64_t failed_count;
    uint64_t last_ns; /* How long the last one took. */
    uint64_t made_ns; /* When it was done. */
};

void snapshotter_init(struct snapshotter *s, const struct snapshotter_options *options);
/* The store must be closed, or be closed before anything else happens. */
void snapshotter_deinit(struct snapshotter *s);
/* Another snapshot, from the disk or from a peer, is the newest now; it has `items` keys. */
void snapshotter_set_newest(struct snapshotter *s, const struct store_snapshot *snapshot,
                            uint64_t items);
/* At the start, for each entry of the log: its bytes on the disk. */
void snapshotter_note_entry(struct snapshotter *s, uint64_t index, uint64_t bytes);
/* The log was recovered, or its beginning was dropped: except for those entries, it is no larger
 * than after a new snapshot. */
void snapshotter_note_log(struct snapshotter *s);
/* Begins one in the next turn, or after the one under way. The request is answered when the
 * snapshot is durable; until then the snapshotter uses its link. */
void snapshotter_ask(struct snapshotter *s, struct request *request);

/* Another node needs one of that entry, or of a later one. */
void snapshotter_want(struct snapshotter *s, uint64_t index);
/* Begins to write a snapshot as evidence. False: not now. */
bool snapshotter_keep_evidence(struct snapshotter *s, const struct snapshot_source *source);

/* Each turn: begins one if it is due, or continues it for about `bytes`. */
void snapshotter_run(struct snapshotter *s, const struct snapshot_source *source, uint64_t bytes);
/* Too much of what changes have added to the snapshot waits for the disk: nothing should be
 * applied until there is less. The store calls back when that happens. */
bool snapshotter_is_behind(const struct snapshotter *s);
/* The keyspace will be replaced: gives up the one under way. */
void snapshotter_abandon(struct snapshotter *s);
/* The node ends: waiting requests get that error. */
void snapshotter_end(struct snapshotter *s, const char *error);

/* For reports: how far the one under way is, in thousandths. */
uint32_t snapshotter_permille(const struct snapshotter *s);

#endif /* RAKIT_REPLICA_SNAPSHOTTER_H */
