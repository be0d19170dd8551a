/* restore.c - replaces the replica's state by that of a snapshot: at the start, and when one
 * from a peer is installed. */
#include "base/check.h"
#include "base/mutant.h"
#include "replica/snapshot_state.h"
#include "replica/state.h"

/* Its keys are freed in small parts, turn by turn: see turn.c. */
static void retire(struct replica *r)
{
    if (r->keyspace == NULL) {
        return;
    }
    if (r->retired != NULL) {
        keyspace_free(r->retired);
    }
    keyspace_clear(r->keyspace);
    r->retired = r->keyspace;
}

void replica_restore(struct replica *r, const struct store_snapshot *snapshot,
                     struct loaded_state *loaded)
{
    snapshotter_set_newest(&r->snapshotter, snapshot, keyspace_count_all(loaded->keyspace));
    observing_skip(r, snapshot->index);
    feed_restart(&r->feed, snapshot->index);
    retire(r);
    r->keyspace = loaded->keyspace;
    loaded->keyspace = NULL;
    observing_begin(r);
    keyspace_limit_replies(r->keyspace, r->options.reply_bytes_max);
    membership_free(r->committed);
    r->committed = loaded->members;
    loaded->members = NULL;
    r->level = loaded->level;
    r->is_removed = r->is_removed || membership_was_removed(r->committed, raft_self(r->raft));
    r->applied_index = snapshot->index;
    quarantine_note_rebuilt(&r->quarantine);
    probe_call(r->probe, restored, snapshot, keyspace_digest(r->keyspace),
               keyspace_time_us(r->keyspace));
}
