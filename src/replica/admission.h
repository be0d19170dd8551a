/* admission.h - how much a leader puts into its log before it is committed. What stands in
 * the log can't be taken back: if its turn comes too late, its client has long been told that
 * it is in doubt. So a log longer than the network and the disks carry in time helps nobody.
 * What does not fit waits outside, where it can be refused for certain.
 *
 * A window in bytes, as TCP's congestion window: it grows, to twice its width at most, when it
 * was used, held something back, and was committed in good time; it shrinks when that came
 * late. One batch at a time is followed from its proposal to its commit.
 *
 * A long round is no queue: what a batch takes that is as small as the smallest window, in an
 * empty log, is measured as well, and late is only what takes much longer. */
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
    uint64_t target_ns; /* What may be spent on waiting in the log, beside the round itself. */
    uint64_t bytes_max; /* No wider than this. */
    uint64_t window_bytes;
    uint64_t base_ns;        /* The round alone, as measured last; 0: not yet. */
    bool is_holding;         /* Something does not fit now, */
    uint64_t holding_ns;     /* since then. */
    raft_index followed;     /* Last entry of the batch that is followed; 0: none. */
    uint64_t proposed_ns;    /* When it was proposed, */
    uint64_t followed_late;  /* for how many times as long as is allowed it has been, */
    uint64_t followed_bytes; /* how much was in use of the window with it, */
    bool followed_is_base;   /* whether it was small, and alone, */
    bool has_held;           /* and whether something has not fitted since. */
};

void admission_init(struct admission *a, uint64_t target_ns, uint64_t bytes_max);
/* Another leadership begins: with another network and other disks. */
void admission_reset(struct admission *a);
/* How many bytes may still be proposed while so many are proposed and not committed. Where
 * none are, one entry of any size may be. */
uint64_t admission_room(const struct admission *a, uint64_t under_way_bytes);
/* Whether something is left outside that would have been proposed now. */
void admission_hold(struct admission *a, bool is_holding, uint64_t now_ns);
/* A batch of `bytes` was proposed, up to `last_index`, behind `under_way_bytes`. */
void admission_proposed(struct admission *a, raft_index last_index, uint64_t bytes,
                        uint64_t under_way_bytes, uint64_t now_ns);
/* To be called now and then, also where nothing is committed. */
void admission_look(struct admission *a, raft_index commit_index, uint64_t now_ns);
/* Where something has been left outside for so long that it is no passing backlog: how much of
 * its time, which is four times the target, a command needs that is to be proposed yet. Who has
 * less left could hardly be answered in time, and would keep those behind it from it. Else 0. */
uint64_t admission_needed_ns(const struct admission *a, uint64_t now_ns);

#endif /* RAKIT_REPLICA_ADMISSION_H */
