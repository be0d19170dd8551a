/* log_window.h - the newest log entries, in memory. Applying, sending to peers and showing use
 * these; only what a peer missed long ago is read from the disk again. A ring by index; holds
 * one reference to each entry. */
#ifndef RAKIT_CLUSTER_LOG_WINDOW_H
#define RAKIT_CLUSTER_LOG_WINDOW_H

#include <stdint.h>

#include "raft/raft.h"
#include "store/entry.h"

struct log_place {
    struct entry *entry;
    uint64_t bytes_up_to; /* Payload bytes up to and including this entry, since the window was
                           * last empty. */
};

struct log_window {
    struct log_place *ring;
    uint64_t capacity;        /* A power of two. */
    raft_index first;         /* The oldest entry here; last + 1 if there is none. */
    raft_index last;          /* The newest entry of the log; its origin if it is empty. */
    uint64_t bytes;           /* Payload bytes. */
    uint64_t trimmed_time_us; /* Log time of the entry before the first one here; 0: there was
                               * none. */
};

/* An empty window of a log that begins with entry 1. */
void log_window_init(struct log_window *w);
/* Makes the window empty, for a log that begins after `origin`, an entry of that log time: at
 * the start, and when a snapshot replaces the log. */
void log_window_begin(struct log_window *w, raft_index origin, uint64_t origin_time_us);
void log_window_deinit(struct log_window *w);
/* Takes over the caller's reference; e->index must be last + 1. */
void log_window_append_take(struct log_window *w, struct entry *e);
/* Drops entries from `from` on, which must be after the origin. */
void log_window_truncate(struct log_window *w, raft_index from);
/* Drops the oldest entries, none after `up_to`, while more than `keep_bytes` are held. */
void log_window_trim(struct log_window *w, raft_index up_to, uint64_t keep_bytes);
/* The entry, borrowed; NULL if it is not in memory. */
struct entry *log_window_get(const struct log_window *w, raft_index index);
/* The log time of an entry; 0 if it is not known. That of the last entry always is. */
uint64_t log_window_time_us(const struct log_window *w, raft_index index);
/* Payload bytes of the entries after `index` that are here. */
uint64_t log_window_bytes_after(const struct log_window *w, raft_index index);

#endif /* RAKIT_CLUSTER_LOG_WINDOW_H */
