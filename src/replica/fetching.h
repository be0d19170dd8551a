/* fetching.h - fetches a snapshot that the leader has named from the node that has it, in parts,
 * also after a restart or a change of leader; verifies it, and loads it into a keyspace beside the
 * one that serves. Then the owner installs it.
 *
 * One snapshot is fetched at a time. A newer one that is offered meanwhile changes nothing, as long
 * as parts come in: snapshots that are made faster than they are fetched must not begin the work
 * anew for ever. */
#ifndef RAKIT_REPLICA_FETCHING_H
#define RAKIT_REPLICA_FETCHING_H

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
    uint64_t hash_seed;            /* Of the cluster's keyspaces. */
    uint32_t level_max;            /* The newest feature level that this program knows. */
    uint64_t rate_bytes;           /* A second, at most; 0: as fast as it goes. */
    void (*loaded)(void *context); /* fetching_is_loaded() from now on. */
    void *context;
};

enum fetching_phase {
    FETCHING_NONE,
    FETCHING_OPENS, /* Looks at what an earlier attempt has left. */
    FETCHING_PARTS,
    FETCHING_LOADS,
    FETCHING_LOADED, /* The owner's turn. */
    FETCHING_ENDS,
};

struct fetching {
    struct fetching_options options;
    enum fetching_phase phase;
    struct raft_snapshot wanted;
    struct snapshot_receiving receiving;
    struct snapshot_load load;
    struct loaded_state loaded;
    struct io_timer timer;
    uint64_t offset; /* So many bytes of it have come. */
    bool is_asked;   /* For the part at `offset`. */
    uint64_t asked_ns;
    uint64_t next_ns;  /* Not to be asked for before. */
    uint64_t heard_ns; /* When a part came last, or it began. */
    uint64_t begun_ns;
    uint64_t begun_bytes;                    /* That were there then. */
    uint64_t not_before_ns;                  /* After a snapshot that was no good. */
    void (*ended)(void *context, int error); /* See fetching_accept(). */
};

void fetching_init(struct fetching *f, const struct fetching_options *options);
/* The store is closed. */
void fetching_deinit(struct fetching *f);
/* The leader names this one, with each heartbeat. */
void fetching_offer(struct fetching *f, const struct raft_snapshot *offer);
void fetching_on_part(struct fetching *f, raft_id from, const struct wire_part *part);
/* It helps no more. */
void fetching_drop(struct fetching *f);
bool fetching_is_loaded(const struct fetching *f);
/* It gets its place in the data directory: `ended` reports that, with the context of the options.
 * 0: it is durable there. What was loaded stays until fetching_end(). */
void fetching_accept(struct fetching *f, void (*ended)(void *context, int error));
/* It was installed, or will not be. */
void fetching_end(struct fetching *f);

/* For reports: 0 if none is fetched. */
uint64_t fetching_bytes_a_second(const struct fetching *f);

#endif /* RAKIT_REPLICA_FETCHING_H */
