/* admission.h - how much a leader puts into its log before it is committed. What is in the log
 * can't be taken back: if it commits too late, its client was answered long ago that it is in
 * doubt. So a log longer than network and disks can handle in time helps nobody. What does not
 * fit waits outside, where it can be refused for certain.
 *
 * A window in bytes, like TCP's congestion window: it grows, at most to twice its size, if it
 * was used, held something back, and was committed in time; it shrinks if that came late. One
 * batch at a time is followed from its proposal to its commit.
 *
 * A long round trip is not a queue: the time of a batch as small as the smallest window, in an
 * empty log, is measured as well, and only much longer times count as late. */
#ifndef RAKIT_REPLICA_ADMISSION_H
#define RAKIT_REPLICA_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

enum {
    ADMISSION_BYTES_MIN = 8 * 1024,
    ADMISSION_BYTES_FIRST = 128 * 1024,
};

struct admission {
    uint64_t target_ns; /* How long commands may wait in the log, besides the round itself. */
    uint64_t bytes_max; /* The largest window. */
    uint64_t window_bytes;
    uint64_t base_ns;        /* The round alone, when last measured; 0: not yet. */
    bool is_holding;         /* Something does not fit now. */
    uint64_t holding_ns;     /* Since when. */
    raft_index followed;     /* The last entry of the batch that is followed; 0: none. */
    uint64_t proposed_ns;    /* When it was proposed. */
    uint64_t followed_late;  /* How many times as long as allowed it has taken so far. */
    uint64_t followed_bytes; /* How much of the window was in use with it. */
    bool followed_is_base;   /* It was small, and alone. */
    bool has_held;           /* Something has not fitted since then. */
};

void admission_init(struct admission *a, uint64_t target_ns, uint64_t bytes_max);
/* A new leadership begins, maybe with another network and other disks. */
void admission_reset(struct admission *a);
/* How many bytes may still be proposed while so many are proposed and not committed. If there
 * are none, one entry of any size may be. */
uint64_t admission_room(const struct admission *a, uint64_t under_way_bytes);
/* Whether something waits outside that would otherwise have been proposed now. */
void admission_hold(struct admission *a, bool is_holding, uint64_t now_ns);
/* A batch of `bytes` was proposed, up to `last_index`, after `under_way_bytes`. */
void admission_proposed(struct admission *a, raft_index last_index, uint64_t bytes,
                        uint64_t under_way_bytes, uint64_t now_ns);
/* Must be called regularly, even if nothing is committed. */
void admission_look(struct admission *a, raft_index commit_index, uint64_t now_ns);
/* If something has waited outside for so long that it is not a passing backlog: how much of its
 * time, which is four times the target, a command must have left to be proposed. One with less
 * could hardly be answered in time, and would delay those behind it. Otherwise 0. */
uint64_t admission_needed_ns(const struct admission *a, uint64_t now_ns);

#endif /* RAKIT_REPLICA_ADMISSION_H */
