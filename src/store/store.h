/* store.h - what a node keeps on its disk: who it is, the key of its cluster, its vote, and
 * its log.
 *
 * Layout of a data directory (docs/DISK_FORMAT.md):
 *   lock                   names the pid of the running server, which holds it and the directory
 *   identity               cluster id, node id, format version
 *   cluster-key            by which the members of the cluster know each other
 *   vote-a, vote-b         two copies of (current_term, voted_for), by generation
 *   log-%016x.seg          segments of the write-ahead log, by number
 *   origin                 where the log begins, if not with its first entry ever
 *
 * Writes are asynchronous and go through one worker in the order of their
 * sequence numbers; while one sync runs, the next batch gathers. A failed sync is
 * final: `failed` is called and nothing is acknowledged any more.
 *
 * Invariants: everything acknowledged by `durable` is found by the next
 * store_open(), whatever crash lies between; nothing that may have been
 * acknowledged is ever dropped to make a node start; a record is believed only
 * where cluster, segment, place and checksum agree. */
#ifndef RAKIT_STORE_STORE_H
#define RAKIT_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "io/io.h"
#include "store/basics.h"
#include "store/entry.h"

struct store; /* Opaque. */

struct store_options {
    const char *dir;
    const struct store_key *key; /* Of the cluster, as the user gave it; borrowed during
                                  * store_open(). NULL: the directory has it, or none yet. */
    bool is_joining;             /* Where the directory has no cluster, it is to join one. */
    bool is_new_cluster;         /* It may found one, whatever it was made for. */
    uint64_t segment_bytes;      /* Size of a log segment; a multiple of 4096. */
    const struct log *log;       /* What recovery found, and trouble; may be NULL. */
    /* Durable up to write `seq` (loop thread). */
    void (*durable)(void *context, uint64_t seq);
    /* A write or sync failed for good, or what was stored cannot be read: stop the node.
     * `text` says what and why. */
    void (*failed)(void *context, int error, const char *text);
    /* There is room again after store_has_room() was false. */
    void (*room)(void *context);
    void *context;
};

/* What recovery found; for the start-up line. */
struct store_recovered {
    bool is_new; /* The directory was empty: identity was just made. */
    struct store_identity identity;
    struct store_key key; /* Of its cluster, where it belongs to one. */
    uint64_t current_term;
    uint64_t voted_for;
    struct store_origin origin;
    uint64_t last_index;            /* That of the origin: an empty log. */
    uint64_t commit_index;          /* Known to be committed (a hint stored on the way). */
    struct store_snapshot snapshot; /* The newest that is good; what comes after it is in the log.
                                     * Index 0: none. */
    uint64_t log_bytes;
    uint64_t torn_bytes; /* Dropped at the tail: never acknowledged. */
    bool vote_copy_lost; /* One copy of the vote was torn, damaged or missing. */
    /* The rows of docs/DISK_FORMAT.md, "Verdicts", that it went by; NULL without a cluster. */
    const char *vote_case;
    const char *log_case;
    const char *snapshot_case;
};

/* Opens or makes the data directory, takes its lock and recovers. Blocking. On an
 * error nothing is open, files are untouched, and `text` says what to do. A new
 * node's node_id is `new_node_id`; its cluster_id is 0 until store_set_cluster(). */
int store_open(struct io *io, const struct store_options *options, uint64_t new_node_id,
               struct store **ret_store, struct store_recovered *ret_recovered, char *text,
               size_t text_size);

/* Takes back what store_open() has made in a new directory (`is_new`), so that it is as
 * empty as it was; for a node that joins no cluster after all. Only before
 * store_set_cluster(); only store_close() may follow. */
void store_discard(struct store *s);

/* Calls `each` with all entries of the log, from the one behind its origin, in order, right after
 * store_open() and before the first write. Blocking. The entry is borrowed during
 * the call: hold it to keep it. Stops at the first non-zero result and returns it. */
int store_replay(struct store *s, int (*each)(void *context, struct entry *e), void *context);

/* Stores the cluster this node now belongs to, and its key. Blocking; only before the first
 * store_write(). */
int store_set_cluster(struct store *s, uint64_t cluster_id, const struct store_key *key);

/* Reads the key in a file that the user names: the file cluster-key of a member's data directory,
 * or 32 random bytes. *ret_cluster_id: whose it is; 0: the file does not say. Blocking. 0, or a
 * store_error with a sentence in `text`. */
int store_read_key(struct io *io, const char *path, struct store_key *ret_key,
                   uint64_t *ret_cluster_id, char *text, size_t text_size);

/* Ends it: writes what was handed in (where there is room). Blocking; no callback
 * comes any more, and reads under way are forgotten. */
void store_close(struct store *s);

/* One write in the queue. Entries are held until written. */
struct store_write {
    uint64_t seq; /* Rising from write to write; at least 1. */
    bool write_vote;
    uint64_t current_term;
    uint64_t voted_for;
    uint64_t truncate_from;       /* 0: none. */
    uint64_t commit_index;        /* The hint to store along: within the log so far. */
    struct entry *const *entries; /* Consecutive; borrowed during the call. */
    uint32_t entry_count;
};

/* Puts a write into the queue; it goes to the worker at store_flush(), or when
 * the write before it is done. */
void store_write(struct store *s, const struct store_write *w);
/* Hands what has gathered to the worker, where that is idle. Call it once a turn. */
void store_flush(struct store *s);

/* For what room is wanted. On a full disk clients do not use the last of it up: what one
 * leader has taken must have room on its followers, and hundreds of elections after that. */
enum store_use {
    STORE_FOR_CLIENTS,   /* What a leader takes from them. */
    STORE_FOR_FOLLOWERS, /* What a leader has taken from them. */
    STORE_FOR_ELECTIONS, /* No-ops and configurations. */
};

/* What an entry of that size takes on the disk, but for its share of a batch. */
uint64_t store_entry_bytes(uint32_t size);
/* Whether entries that take `bytes` more can be stored. True as long as the file system
 * gave room for the next segment; once it did not, whether what is left in the
 * prepared ones suffices, and leaves what is kept for other uses. After false,
 * `room` tells when that has changed. What is written beyond it waits for room. */
bool store_has_room(const struct store *s, enum store_use use, uint64_t bytes);
/* What store_write() was given and is not durable yet, as it will be on the disk: so much memory
 * it takes. */
uint64_t store_unwritten_bytes(const struct store *s);
/* What clients leave of the last room. */
uint64_t store_reserve_bytes(const struct store *s);
/* Whether the file system has refused room, and not given any since. */
bool store_is_full(const struct store *s);

/* A read of entries that left memory. */
struct store_read {
    uint64_t first;     /* From this index on. */
    uint64_t last;      /* At most up to here (it exists, durably). */
    uint64_t max_bytes; /* Stop after this much payload, but read one at least. */
    /* `count` entries, each with one reference for the callee (0 and an error
     * where they could not be read). The array dies with the call. */
    void (*done)(struct store_read *read, int error, struct entry **entries, uint32_t count);
    /* The store's. */
    struct io_job job;
    struct store *store;
    void *backend;
};

/* Reads in the background, on a worker of its own. The caller keeps `read` still
 * until `done`; after a truncation of entries in its range it may return those
 * dropped, so the caller compares terms. */
void store_read(struct store *s, struct store_read *read);

/* Moves the beginning of the log. */
struct store_move {
    struct store_origin origin; /* Beyond the one that the log has. */
    bool drops_log;             /* The log is to be empty: it has another entry there. */
    /* 0: the log durably begins behind it, and segments wholly below it are gone. -ENOSPC, -EDQUOT:
     * the disk has no room, and nothing has changed. */
    void (*done)(struct store_move *move, int error);
};

/* Drops what is at or below an entry, in the background. The entry is committed and durable; or
 * it is beyond the last one, or replaces the log, and nothing is under way, and nothing is written
 * before `done`: then the log is empty. A durable snapshot holds the state after that entry, or
 * after a later one: without it the next start refuses. The caller keeps `move` still until `done`,
 * begins no other one before, and asks for no entry at or below it any more. Other errors than of
 * room are those of `failed`, and `done` does not come. */
void store_move_origin(struct store *s, struct store_move *move);

/* Figures for INFO and STATUS. */
struct store_stats {
    uint64_t first_index;
    uint64_t last_index;
    uint64_t log_bytes;
    uint64_t segment_count;
    uint64_t sync_count;
    uint64_t sync_p50_ns; /* Of the last 1024 jobs, as the loop sees them. */
    uint64_t sync_p99_ns;
    uint64_t written_bytes;
    bool is_full;
};

/* What the segments of the log hold. */
uint64_t store_log_bytes(const struct store *s);
void store_get_stats(const struct store *s, struct store_stats *ret_stats);

#endif /* RAKIT_STORE_STORE_H */
