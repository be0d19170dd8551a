/* snapshot.c - snapshots stand for the beginning of the log (§7): leaving out of the log what one
 * stands for.
 *
 * The configuration in force at the origin stays known, with the index of its entry, though the
 * entry is gone: what is committed is not undone. */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft_state.h"

void raft_compact(struct raft *r, raft_index index)
{
    if (index <= raft_origin(r)) {
        return;
    }
    CHECK(index <= r->commit_index);
    CHECK(index <= r->durability.index);
    term_log_compact(&r->log, index);
    raft_configuration_compact(r, index);
    if (r->role == RAFT_LEADER) {
        raft_leader_compact(r);
    }
}
