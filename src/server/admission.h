/* admission.h - how much a leader puts into its log before it is committed. What stands in
 * the log can't be taken back: if its turn comes too late, its client has long been told that
 * it is in doubt. So a log longer than the network and the disks carry in time helps nobody.
 * What does not fit waits outside, where it can be refused for certain.
 *
 * A window in bytes, as TCP's congestion window: it doubles when it held something back and
 * what it let in was committed in time, and halves when that came late. One entry at a time is
 * followed from its proposal to its commit. */
#ifndef RAKIT_SERVER_ADMISSION_H
#define RAKIT_SERVER_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

enum {
    ADMISSION_BYTES_MIN = 64 * 1024,
    ADMISSION_BYTES_FIRST = 1024 * 1024,
};

struct admission {
    uint64_t target_ns; /* From proposal to commit: what is in time. */
    uint64_t bytes_max; /* No wider than this. */
    uint64_t window_bytes;
    bool is_holding;     /* Something does not fit now. */
    bool has_held;       /* Something did not, since `followed` was proposed. */
    raft_index followed; /* 0: none. */
    uint64_t proposed_ns;
};

void admission_init(struct admission *a, uint64_t target_ns, uint64_t bytes_max);
/* Another leadership begins: with another network and other disks. */
void admission_reset(struct admission *a);
/* How many bytes may still be proposed while so many are proposed and not committed. Where
 * none are, one entry of any size may be. */
uint64_t admission_room(const struct admission *a, uint64_t under_way_bytes);
/* Whether something is left outside that would have been proposed. */
void admission_hold(struct admission *a, bool is_holding);
void admission_proposed(struct admission *a, raft_index last_index, uint64_t now_ns);
void admission_committed(struct admission *a, raft_index commit_index, uint64_t now_ns);

#endif /* RAKIT_SERVER_ADMISSION_H */
