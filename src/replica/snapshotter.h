/* snapshotter.h - makes snapshots of the state machine (§7 of the Raft paper), without a fork and
 * without a pause: the keyspace is walked in steps, one a turn, while it goes on changing
 * (docs/adr/0021-snapshots-are-walks.md), and a worker of the store writes the file.
 *
 * A snapshot is made when the log has grown by as much as the last snapshot has bytes, or by
 * `after_bytes` if that is more, or by many entries: so the data directory stays below about three
 * times the data and a fixed part. A share of that comes from chance, so that the nodes of a
 * cluster don't all do it at once. What goes wrong costs the snapshot, never the node: it is tried
 * again later. */
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

/* The state to be written down. Borrowed during the call. */
struct snapshot_source {
    uint64_t index; /* The last entry applied, */
    uint64_t term;  /* its term; its log time is the keyspace's. */
    struct keyspace *keyspace;
    const struct membership *members; /* The newest committed one. */
    uint32_t level;
};

struct snapshotter_options {
    struct io *io;
    const struct log *log;
    struct store *store;
    uint64_t after_bytes;   /* Of the log; */
    uint64_t after_entries; /* or so many. Both at the least: see above. */
    /* One was made: it is `newest`. */
    void (*made)(void *context);
    void *context;
};

struct snapshotter {
    struct snapshotter_options options;
    struct store_snapshot newest; /* Index 0: none. */
    uint64_t newest_items;        /* Keys in it, if this process has made or loaded it. */
    uint32_t chance;              /* 0 to 255: this node's part in when the next one is due. */
    uint64_t base_bytes;          /* What was in the log after the last one. */
    uint64_t behind_bytes;        /* At the start: what is in the log behind it. */
    uint64_t not_before_ns;       /* After a failure. */
    /* The one under way. */
    bool is_under_way;
    bool is_walking;
    struct snapshot_making making;
    struct keyspace *keyspace; /* That is walked; borrowed. */
    struct buffer out;         /* Walked, and not handed to the store. */
    uint64_t begun_ns;
    uint64_t items;
    struct list asked;   /* Requests for a snapshot that begins later than now, */
    struct list waiting; /* and for the one under way. */
    uint64_t made_count; /* Since the start, */
    uint64_t failed_count;
    uint64_t last_ns; /* and how long the last one took. */
};

void snapshotter_init(struct snapshotter *s, const struct snapshotter_options *options);
/* The store is closed, or will be before anything else happens. */
void snapshotter_deinit(struct snapshotter *s);
/* Another snapshot is the newest, from the disk or from a peer: `items` keys. */
void snapshotter_set_newest(struct snapshotter *s, const struct store_snapshot *snapshot,
                            uint64_t items);
/* At the start, for each entry of the log: what it takes on the disk. */
void snapshotter_note_entry(struct snapshotter *s, uint64_t index, uint64_t bytes);
/* The log was recovered, or cut: but for those entries, it holds no more than it would after a
 * snapshot now. */
void snapshotter_note_log(struct snapshotter *s);
/* Begins one with the next turn, or, if one is under way, after it. The request is answered when it
 * is durable; until then its link is the snapshotter's. */
void snapshotter_ask(struct snapshotter *s, struct request *request);

/* Each turn: begins one if it is due, or goes on with it for about `bytes`. */
void snapshotter_run(struct snapshotter *s, const struct snapshot_source *source, uint64_t bytes);
/* What changes have added waits for the disk: nothing should be applied until less of it does. The
 * store calls back when it does. */
bool snapshotter_is_behind(const struct snapshotter *s);
/* The keyspace will be replaced: the one under way is given up. */
void snapshotter_abandon(struct snapshotter *s);
/* The node ends: whoever waits gets that error. */
void snapshotter_end(struct snapshotter *s, const char *error);

/* For reports: how far the one under way is, in thousandths. */
uint32_t snapshotter_permille(const struct snapshotter *s);

#endif /* RAKIT_REPLICA_SNAPSHOTTER_H */
