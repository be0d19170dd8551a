/* log_window.h - the newest entries of the log, in memory: what is applied, sent to
 * peers and shown comes from here, and only what a peer has long missed is read from
 * the disk again. A ring by index; holds one reference on each entry. */
#ifndef RAKIT_CLUSTER_LOG_WINDOW_H
#define RAKIT_CLUSTER_LOG_WINDOW_H

#include <stdint.h>

#include "raft/raft.h"
#include "store/entry.h"

struct log_place {
    struct entry *entry;
    uint64_t bytes_up_to; /* Of payload, with this entry's, since the window was last empty. */
};

struct log_window {
    struct log_place *ring;
    uint64_t capacity;        /* A power of two. */
    raft_index first;         /* Oldest entry here; last + 1 where there is none. */
    raft_index last;          /* Newest entry of the log; its origin if it has none. */
    uint64_t bytes;           /* Of payload. */
    uint64_t trimmed_time_us; /* Of the entry before the first one here; 0: there never was any. */
};

/* Empty, of a log that begins with the first entry ever. */
void log_window_init(struct log_window *w);
/* Empty, of a log that begins behind `origin`, an entry of that log time: at the start, and if a
 * snapshot replaces the log. */
void log_window_begin(struct log_window *w, raft_index origin, uint64_t origin_time_us);
void log_window_deinit(struct log_window *w);
/* Takes over the caller's reference; e->index is last + 1. */
void log_window_append_take(struct log_window *w, struct entry *e);
/* Drops entries from `from` on, which is behind the origin. */
void log_window_truncate(struct log_window *w, raft_index from);
/* Forgets the oldest entries up to `up_to` while more than `keep_bytes` are held. */
void log_window_trim(struct log_window *w, raft_index up_to, uint64_t keep_bytes);
/* The entry, borrowed; NULL where it is not in memory (any more). */
struct entry *log_window_get(const struct log_window *w, raft_index index);
/* The log time of an entry; 0 if it is not known (any more). That of the last one always is. */
uint64_t log_window_time_us(const struct log_window *w, raft_index index);
/* Payload of the entries behind `index`, all of which are here. */
uint64_t log_window_bytes_after(const struct log_window *w, raft_index index);

#endif /* RAKIT_CLUSTER_LOG_WINDOW_H */
