/* store.h - what a node keeps on its disk: its identity, the key of its cluster, its vote, and
 * its log.
 *
 * Layout of a data directory (docs/DISK_FORMAT.md):
 *   lock                   names the pid of the running server, which locks it and the directory
 *   identity               cluster id, node id, format version
 *   cluster-key            the secret of the cluster's members
 *   vote-a, vote-b         two copies of (current_term, voted_for), by generation
 *   log-%016x.seg          segments of the write-ahead log, by number
 *   origin                 where the log begins, if not with entry 1
 *   repair                 entries are missing that may have been acknowledged
 *   damaged/               files with damage that was repaired last
 *
 * Writes are asynchronous and go through one worker in the order of their sequence numbers;
 * while one sync runs, the next batch collects. A failed sync is final: `failed` is called and
 * nothing is acknowledged any more.
 *
 * Invariants: everything acknowledged by `durable` is found by the next store_open(), after any
 * crash; nothing that may have been acknowledged is ever dropped to make a node start; a record
 * is believed only if cluster, segment, place and checksum agree. */
#ifndef RAKIT_STORE_STORE_H
#define RAKIT_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "io/io.h"
#include "store/basics.h"
#include "store/entry.h"

struct durations; /* base/durations.h */
struct store;     /* Opaque. */

struct store_options {
    const char *dir;
    const struct store_key *key; /* The key of the cluster, if the user gave it; borrowed during
                                  * store_open(). NULL: it is in the directory, or there is none
                                  * yet. */
    bool is_joining;             /* If the directory has no cluster: it is to join one. */
    bool is_new_cluster;         /* It may found a cluster, whatever it was made for. */
    bool is_recovery;            /* A recovery that was interrupted is about to be completed. */
    bool is_restoring;           /* Only an empty directory will do, or one in which restoring was
                                  * interrupted: see restoring.h. */
    uint64_t segment_bytes;      /* Size of a log segment; a multiple of 4096. */
    uint64_t bytes_max;          /* Limit on the size of the directory; 0: the file system's. */
    const struct log *log;       /* For what recovery finds, and problems; may be NULL. */
    /* Everything up to write `seq` is durable (loop thread). */
    void (*durable)(void *context, uint64_t seq);
    /* A write or sync failed for good, or what was stored can't be read: the node must stop.
     * `text` says what happened. */
    void (*failed)(void *context, int error, const char *text);
    /* Damage was found that other members may mend: whether there are any, according to this
     * payload of a membership's entry (empty: nothing is known of members), for a node with that
     * id. NULL: there are none. */
    bool (*may_repair)(void *context, uint64_t node_id, struct slice members);
    /* Something that was stored is damaged: open the store anew, so that it is judged. NULL: that
     * is a failure. */
    void (*damaged)(void *context, const char *text);
    /* There is room again after store_has_room() returned false. */
    void (*room)(void *context);
    void *context;
};

/* What recovery found; for the log line of the start. */
struct store_recovered {
    bool is_new; /* The directory was empty, and an identity was made. */
    struct store_identity identity;
    struct store_key key; /* Of its cluster, if it belongs to one. */
    uint64_t current_term;
    uint64_t voted_for;
    struct store_origin origin;
    uint64_t last_index;            /* The origin's if the log is empty. */
    uint64_t commit_index;          /* Known to be committed (a hint stored with writes). */
    struct store_snapshot snapshot; /* The newest that is good; what comes after it is in the log.
                                     * Index 0: none. */
    uint64_t log_bytes;
    uint64_t torn_bytes;      /* Dropped at the end: never acknowledged. */
    uint64_t vote_generation; /* Rises with each start. */
    /* Entries are missing that may have been acknowledged, from the first one on, because of
     * damage at this start or an earlier one: until store_end_repair(). */
    bool lacks_entries;
    uint64_t lost_first_index;
    uint64_t lost_last_index; /* With this entry the log had ended; 0: unknown. */
    uint64_t lost_last_term;
    bool vote_copy_lost; /* One copy of the vote was torn, damaged or missing. */
    /* The rows of docs/DISK_FORMAT.md, "Verdicts", that applied; NULL without a cluster. */
    const char *vote_case;
    const char *log_case;
    const char *snapshot_case;
};

/* Opens or creates the data directory, locks it and recovers. Blocking. On an error nothing is
 * open, files are unchanged, and `text` says what to do. A new node gets `new_node_id` as its
 * node_id; its cluster_id is 0 until store_set_cluster(). */
int store_open(struct io *io, const struct store_options *options, uint64_t new_node_id,
               struct store **ret_store, struct store_recovered *ret_recovered, char *text,
               size_t text_size);

/* Removes what store_open() has created in a new directory (`is_new`), so that it is empty
 * again; for a node that joins no cluster after all. Only before store_set_cluster(); only
 * store_close() may follow. */
void store_discard(struct store *s);

/* Calls `each` with all entries of the log, after its origin, in order; to be used after
 * store_open() and before the first write. Blocking. The entry is borrowed during the call: hold
 * it to keep it. Stops at the first non-zero result and returns it. */
int store_replay(struct store *s, int (*each)(void *context, struct entry *e), void *context);

/* Stores the cluster that this node now belongs to, its epoch, and its key. Blocking; only before
 * the first store_write(). */
int store_set_cluster(struct store *s, uint64_t cluster_id, uint64_t epoch,
                      const struct store_key *key);

/* Stores that this node begins a new epoch, or, with the same one, that it has. In between, only
 * a store_open() for a recovery succeeds. Blocking; only before the first store_write(). 0 or a
 * negative errno value. */
int store_begin_epoch(struct store *s, uint64_t epoch);
int store_end_epoch(struct store *s);

/* Reads the key from a file that the user names: the file cluster-key of a member's data
 * directory, or 32 random bytes. *ret_cluster_id: the cluster; 0: not in the file. Blocking. 0,
 * or a store_error with a sentence in `text`. */
int store_read_key(struct io *io, const char *path, struct store_key *ret_key,
                   uint64_t *ret_cluster_id, char *text, size_t text_size);

/* The log holds again what was missing; done in the background. */
void store_end_repair(struct store *s);
/* At the start: a snapshot has turned out to be damaged. Keeps it aside, if other members may have
 * what it holds; then close and open the store. Blocking; false: there are none. */
bool store_give_up_snapshot(struct store *s, uint64_t index);

/* Closes the store: writes what is queued (if there is room). Blocking; no callback comes any
 * more, and reads under way are dropped. */
void store_close(struct store *s);

/* One write of the queue. Entries are held until written. */
struct store_write {
    uint64_t seq; /* Rising from write to write; at least 1. */
    bool write_vote;
    uint64_t current_term;
    uint64_t voted_for;
    uint64_t truncate_from;       /* 0: none. */
    uint64_t commit_index;        /* The hint to store with it: not beyond the log so far. */
    struct entry *const *entries; /* Consecutive; borrowed during the call. */
    uint32_t entry_count;
};

/* Queues a write. It goes to the worker at store_flush(), or when the write before it is done. */
void store_write(struct store *s, const struct store_write *w);
/* Gives what has collected to the worker if that is idle. Must be called once a turn. */
void store_flush(struct store *s);

/* What the room is needed for. On a full disk, clients do not use the last room: what a leader
 * has accepted must have room on its followers, and hundreds of elections after that. */
enum store_use {
    STORE_FOR_CLIENTS,   /* What a leader accepts from clients. */
    STORE_FOR_RELIEF,    /* What makes room: deletes. */
    STORE_FOR_FOLLOWERS, /* What a leader has accepted, on its followers. */
    STORE_FOR_ELECTIONS, /* No-ops and configurations. */
};

/* The room of an entry of that size on the disk, without its share of a batch. */
uint64_t store_entry_bytes(uint32_t size);
/* Whether entries that take `bytes` more can be stored. True as long as there was room for the
 * next segment, if they need no more than one; after that, whether the rest of the prepared
 * segments is enough, without what is reserved for other uses. After false, `room` reports when
 * that has changed. Writes beyond it wait for room. */
bool store_has_room(const struct store *s, enum store_use use, uint64_t bytes);
/* What was queued with store_write() and is not durable yet, in bytes on the disk; it takes
 * about as much memory. */
uint64_t store_unwritten_bytes(const struct store *s);
/* The part of the last room that clients do not use. */
uint64_t store_reserve_bytes(const struct store *s);
/* Whether the file system, or the limit on the directory, has refused room, and not given any
 * since. */
bool store_is_full(const struct store *s);
/* The next snapshot will take at most so many bytes, which the log leaves to it. To be called
 * whenever that has changed. */
void store_set_state_bytes(struct store *s, uint64_t bytes);
/* Changes the limit on the directory. */
void store_limit_bytes(struct store *s, uint64_t bytes_max);
/* A snapshot is needed when the log has grown by so many bytes since the last one, or room may
 * run out. */
uint64_t store_pressed_bytes(const struct store *s);
/* How much entries of clients may add to the log and to the state. */
uint64_t store_growth_bytes(const struct store *s);
/* Whether the log may soon have no room any more, so that it should keep nothing that is not
 * needed. */
bool store_is_pressed(const struct store *s);

/* A read of entries that are not in memory any more. */
struct store_read {
    uint64_t first;     /* From this index on. */
    uint64_t last;      /* At most up to here (it exists, durably). */
    uint64_t max_bytes; /* Stop after this much payload, but read at least one. */
    /* `count` entries, each with one reference for the callee (0 and an error if they could not
     * be read). The array is valid during the call. */
    void (*done)(struct store_read *read, int error, struct entry **entries, uint32_t count);
    /* For the store. */
    struct io_job job;
    struct store *store;
    void *backend;
};

/* Reads in the background, on a separate worker. The caller must not move `read` before `done`.
 * After a truncation of entries in its range it may return dropped ones, so the caller must
 * compare terms. */
void store_read(struct store *s, struct store_read *read);

/* The last entry before the log, as on the disk; 0: none. */
uint64_t store_origin_index(const struct store *s);

/* Moves the beginning of the log. */
struct store_move {
    struct store_origin origin; /* After the present origin. */
    bool drops_log;             /* The log becomes empty, because it has another entry there. */
    /* 0: the log durably begins after it, and segments completely below it are gone. -ENOSPC,
     * -EDQUOT: the disk has no room, and nothing has changed, except that spare segments are
     * being removed; so it may succeed a moment later. */
    void (*done)(struct store_move *move, int error);
};

/* Drops the entries up to `origin`, in the background. That entry must be committed and durable.
 * It may also be after the last one, or replace the log, if nothing is under way and nothing is
 * written before `done`: then the log becomes empty. A durable snapshot must hold the state
 * after that entry or a later one, or the next start refuses. The caller must not move or free
 * `move` before `done`, begin another one, or ask for dropped entries. Errors other than a lack
 * of room are reported to `failed`, and `done` is not called. */
void store_move_origin(struct store *s, struct store_move *move);

/* Figures for INFO and STATUS. */
struct store_stats {
    uint64_t first_index;
    uint64_t last_index;
    uint64_t log_bytes;
    uint64_t segment_count;
    uint64_t sync_count;
    uint64_t sync_p50_ns; /* Of recent jobs, as the loop sees them: see base/histogram.h. */
    uint64_t sync_p99_ns;
    uint64_t sync_max_ns;
    uint64_t sync_pending_ns; /* For how long the job under way has run; 0: none is. */
    uint64_t written_bytes;
    bool is_full;
    uint64_t used_bytes; /* By the directory, when last looked at, at most a second ago. */
    uint64_t free_bytes; /* On its file system. */
    uint64_t bytes_max;  /* The limit on the directory; 0: none. */
};

/* How long the last write that is durable took, from store_write() on: it waits for the one
 * before it. Of several that became durable together, the one that was queued first counts. */
uint64_t store_last_write_ns(const struct store *s);
/* How long writes of the log took, since the store was opened. */
const struct durations *store_sync_times(const struct store *s);
/* An entry that is as large as a segment gets one of its own, and the rest of another is lost. */
uint64_t store_segment_bytes(const struct store *s);
/* The size of the log's segments. */
uint64_t store_log_bytes(const struct store *s);
void store_get_stats(const struct store *s, struct store_stats *ret_stats);

#endif /* RAKIT_STORE_STORE_H */
