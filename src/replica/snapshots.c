/* snapshots.c - the replica's snapshots, made of its state, step by step in its turns. */
#include "base/mutant.h"
#include "replica/state.h"
#include "resp/errors.h"

enum {
    STEP_BYTES = 32 * 1024,       /* Walked in a turn that has other work. */
    IDLE_STEP_BYTES = 256 * 1024, /* Walked in a turn that has none. */
};

static void on_made(void *context)
{
    snapshots_announce(context);
    compaction_begin(context);
}

static void on_mismatch(void *context)
{
    isolate(context, QUARANTINE_BY_MEMORY, 0, 0);
}

static void on_kept(void *context, int error)
{
    isolation_kept(context, error);
}

void snapshots_announce(struct replica *r)
{
    struct store_snapshot newest = snapshot_newest(r->store);
    struct raft_snapshot snapshot = {.last_included_index = newest.index,
                                     .last_included_term = newest.term,
                                     .bytes = newest.bytes,
                                     .checksum = newest.checksum};

    if (newest.index > 0) {
        raft_set_snapshot(r->raft, &snapshot);
    }
}

void snapshots_begin(struct replica *r)
{
    struct snapshotter_options options = {
        .io = r->io,
        .log = r->log,
        .store = r->store,
        .after_bytes = r->options.snapshot_after_bytes,
        .after_entries = r->options.snapshot_after_entries,
        .check_after_ns = r->options.check_after_ns,
        .made = on_made,
        .mismatch = on_mismatch,
        .kept = on_kept,
        .context = r,
    };

    snapshotter_init(&r->snapshotter, &options);
}

void snapshots_look(struct replica *r)
{
    disk_reserve(r);

    struct snapshot_source source = {
        .index = r->applied_index,
        .keyspace = r->keyspace,
        .members = r->committed,
        .level = r->level,
        .pressed_bytes = store_pressed_bytes(r->store),
    };
    bool is_busy = r->requests.count > 0 || raft_commit_index(r->raft) > r->applied_index;

    if (r->is_installing) {
        return;
    }
    if (quarantine_is_on(&r->quarantine)) {
        snapshotter_end(&r->snapshotter, ERROR_ISOLATED);
        if (!r->snapshotter.is_walking) {
            return; /* Otherwise that is evidence. */
        }
    }
    source.term = r->applied_index == 0 ? 0 : raft_term_at(r->raft, r->applied_index);
    snapshotter_run(&r->snapshotter, &source, is_busy ? STEP_BYTES : IDLE_STEP_BYTES);
    compaction_look(r);
}

const char *replica_snapshot(struct replica *r, struct request *request)
{
    /* A node that was added may not have heard from a leader yet. */
    if (r->is_ended || !r->is_running || r->committed == NULL) {
        return ERROR_NOT_RUNNING;
    }
    snapshotter_ask(&r->snapshotter, request);
    return NULL;
}

void replica_get_snapshot_stats(const struct replica *r, struct replica_snapshot_stats *ret_stats)
{
    const struct snapshotter *s = &r->snapshotter;
    const struct fetching *f = &r->fetching;
    bool is_fetching = f->phase != FETCHING_NONE;

    *ret_stats = (struct replica_snapshot_stats){
        .newest = s->newest,
        .is_making = s->is_under_way,
        .made_permille = snapshotter_permille(s),
        .made_count = s->made_count,
        .failed_count = s->failed_count,
        .last_ns = s->last_ns,
        .fetched_bytes = is_fetching ? f->offset : 0,
        .fetch_bytes = is_fetching ? f->wanted.bytes : 0,
        .fetch_rate = is_fetching ? fetching_bytes_a_second(f) : 0,
        .installed_count = r->install.count,
        .first_index = raft_first_index(r->raft),
    };
}
