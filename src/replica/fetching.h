/* fetching.h - fetches a snapshot that the leader has named from the node that has it, in parts,
 * also across restarts and changes of leader; verifies it, and loads it into a second keyspace.
 * Then the owner installs it.
 *
 * One snapshot is fetched at a time. A newer one that is offered meanwhile is ignored, as long
 * as parts arrive: if snapshots are made faster than they are fetched, fetching must not begin
 * again for ever. */
#ifndef RAKIT_REPLICA_FETCHING_H
#define RAKIT_REPLICA_FETCHING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "io/io.h"
#include "peer/peers.h"
#include "raft/raft.h"
#include "replica/snapshot_state.h"
#include "store/snapshot.h"

struct fetching_options {
    struct io *io;
    const struct log *log;
    struct store *store;
    struct peers *peers;
    uint64_t hash_seed;  /* Of the cluster's keyspaces. */
    uint32_t level_max;  /* The newest feature level that this program knows. */
    uint64_t rate_bytes; /* Per second; 0: no limit. */
    /* What was fetched is not what the leader has named: its holder's file may be damaged. */
    void (*damaged)(void *context, raft_id holder, const struct store_snapshot *snapshot);
    void (*loaded)(void *context); /* Called when fetching_is_loaded() becomes true. */
    void *context;
};

enum fetching_phase {
    FETCHING_NONE,
    FETCHING_OPENS, /* Reads what an earlier attempt has left. */
    FETCHING_PARTS,
    FETCHING_LOADS,
    FETCHING_LOADED, /* The owner's turn. */
    FETCHING_ENDS,
};

struct fetching {
    struct fetching_options options;
    enum fetching_phase phase;
    struct raft_snapshot wanted;
    bool is_from_leader;      /* Or its holder is a follower. */
    raft_id avoided;          /* A follower that failed to send one; 0: none. */
    raft_index avoided_index; /* Only this one of it; 0: any. */
    uint64_t avoided_until_ns;
    uint64_t awaited_until_ns; /* A connection to a follower is awaited; 0: to none. */
    struct snapshot_receiving receiving;
    struct snapshot_load load;
    struct loaded_state loaded;
    _Atomic uint64_t loaded_bytes; /* The memory that it takes; the worker counts. */
    struct io_timer timer;
    uint64_t offset; /* The number of bytes received. */
    bool is_asked;   /* The part at `offset` was requested. */
    uint64_t asked_ns;
    uint64_t next_ns;  /* It must not be requested before. */
    uint64_t heard_ns; /* When the last part arrived, or fetching began. */
    uint64_t begun_ns;
    uint64_t begun_bytes;                    /* The number of bytes there at that time. */
    uint32_t failures;                       /* One after the other. */
    bool is_distrusted;                      /* What is there of it could not be synced. */
    uint64_t not_before_ns;                  /* Set after a bad snapshot. */
    void (*ended)(void *context, int error); /* See fetching_accept(). */
};

void fetching_init(struct fetching *f, const struct fetching_options *options);
/* The store must be closed. */
void fetching_deinit(struct fetching *f);
/* The memory that the state which is loaded, or is being loaded, takes beside the present one. */
uint64_t fetching_memory_bytes(const struct fetching *f);
/* The leader names this snapshot with each heartbeat; and before it, maybe, one that a follower
 * has and sends in its place. */
void fetching_offer(struct fetching *f, const struct raft_snapshot *offer, raft_id leader);
void fetching_on_part(struct fetching *f, raft_id from, const struct wire_part *part);
/* It is of no use any more. */
void fetching_drop(struct fetching *f);
bool fetching_is_loaded(const struct fetching *f);
/* Gives it its place in the data directory. `ended` gets the context of the options; 0: it is
 * durable there. What was loaded stays until fetching_end(). */
void fetching_accept(struct fetching *f, void (*ended)(void *context, int error));
/* It was installed, or will not be. */
void fetching_end(struct fetching *f);

/* For reports: 0 if none is fetched. */
uint64_t fetching_bytes_a_second(const struct fetching *f);

#endif /* RAKIT_REPLICA_FETCHING_H */
