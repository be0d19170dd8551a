/* restore.c - replaces the replica's state by that of a snapshot: at the start, and when one
 * from a peer is installed. */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mutant.h"
#include "replica/snapshot_state.h"
#include "replica/state.h"

static uint64_t count_items(struct keyspace *keyspace)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        count += keyspace_count(keyspace, i);
    }
    return count;
}

void replica_restore(struct replica *r, const struct store_snapshot *snapshot,
                     struct loaded_state *loaded)
{
    snapshotter_set_newest(&r->snapshotter, snapshot, count_items(loaded->keyspace));
    if (r->keyspace != NULL) {
        keyspace_free(r->keyspace);
    }
    r->keyspace = loaded->keyspace;
    loaded->keyspace = NULL;
    keyspace_limit_replies(r->keyspace, r->options.reply_bytes_max);
    membership_free(r->committed);
    r->committed = loaded->members;
    loaded->members = NULL;
    r->level = loaded->level;
    r->is_removed = r->is_removed || membership_was_removed(r->committed, raft_self(r->raft));
    r->applied_index = snapshot->index;
    probe_call(r->probe, restored, snapshot, keyspace_digest(r->keyspace),
               keyspace_time_us(r->keyspace));
}

/* --- at the start -------------------------------------------------------------------- */

static int take_chunk(void *context, const struct snapshot_chunk *chunk)
{
    return loaded_state_take(context, chunk);
}

bool replica_load_snapshot(struct replica *r, char *text, size_t text_size)
{
    struct store_snapshot snapshot = snapshot_newest(r->store);
    struct loaded_state loaded;
    int error;

    loaded_state_init(&loaded, r->recovered.identity.cluster_id);
    error = snapshot_load_now(r->store, &snapshot, take_chunk, &loaded, text, text_size);
    if (error == 0 && !loaded_state_finish(&loaded, snapshot.time_us)) {
        snprintf(text, text_size,
                 "the snapshot at entry %" PRIu64 " in %s is whole, and not what its sections say: "
                 "nothing was changed; start this node with the program that wrote it",
                 snapshot.index, r->options.data_dir);
        error = STORE_EDAMAGED;
    }
    if (error == 0 && loaded.level > r->options.feature_level) {
        snprintf(
            text, text_size,
            "the snapshot in %s uses the feature level %u, newer than the %u that this program "
            "knows: nothing was changed; install the version of rakit-server that ran here "
            "before, or a newer one",
            r->options.data_dir, (unsigned)loaded.level, (unsigned)r->options.feature_level);
        error = STORE_EFORMAT;
    }
    if (error == 0) {
        members_append_take(&r->members, membership_copy(loaded.members));
        replica_restore(r, &snapshot, &loaded);
    }
    loaded_state_deinit(&loaded);
    return error == 0;
}
