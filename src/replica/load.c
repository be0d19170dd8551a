/* load.c - a start loads what was stored into memory, a part per turn: first the newest
 * snapshot, into a state of its own, then the log after it. */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "cluster/level.h"
#include "replica/state.h"

enum {
    BATCH_ENTRIES = KEYSPACE_PREFETCH_MAX,
    LOG_PER_PAYLOAD = 4, /* A log takes no more than about so many times the bytes of payload. */
    TURN_NS = 10 * 1000 * 1000,
    TURN_BYTES = 1024 * 1024, /* Loaded the first time, when there are no turns yet. */
    NS_A_SECOND = 1000 * 1000 * 1000,
    LOG_NS = NS_A_SECOND,
};

/* --- the log ------------------------------------------------------------------------------ */

/* What is kept in memory for other members is only the end of the log. */
static uint64_t window_bytes(const struct replica *r)
{
    uint64_t left_bytes = r->replay.total_bytes - r->replay.bytes;

    return left_bytes / LOG_PER_PAYLOAD > r->options.log_memory_bytes ? 0
                                                                      : r->options.log_memory_bytes;
}

static void resume_feed(struct replica *r)
{
    if (r->feed.is_paused) {
        feed_resume(&r->feed, r->applied_index);
        observing_begin(r);
    }
}

/* The feed has room for the end of the log only, so what comes before is not added. */
static void look_at_feed(struct replica *r)
{
    if (r->applied_index + 2 * feed_changes_max(&r->feed) >= r->recovered.commit_index) {
        resume_feed(r);
    } else if (!r->feed.is_paused) {
        feed_pause(&r->feed);
        observing_begin(r);
    }
}

/* Entries are applied some at a time, so that their items are fetched ahead (ADR 7). */
static void apply(struct replica *r, raft_index last)
{
    look_at_feed(r);
    replica_apply_recovered(r, last);
    log_window_trim(&r->window, r->applied_index, window_bytes(r));
}

static int recover_entry(void *context, struct entry *e)
{
    struct replica *r = context;
    struct raft_entry entry;
    struct membership *m = NULL;

    if (e->kind == RAFT_CONFIGURATION) {
        m = membership_decode(entry_payload(e));
        if (m == NULL) {
            return STORE_EFORMAT;
        }
    } else if (level_is_beyond(r, e)) {
        r->level_proposed = UINT32_MAX; /* Used in the sentence about it. */
        return STORE_EFORMAT;
    }
    entry = membership_core_entry(e, m);

    replica_make_room_for_terms(r);

    int error = raft_restore_entry(r->raft, &entry);

    membership_free(m);
    if (error != RAFT_OK) {
        return STORE_EFORMAT;
    }
    probe_call(r->probe, recovered_entry, e);
    replica_append_entry(r, e);
    snapshotter_note_entry(&r->snapshotter, e->index, store_entry_bytes(e->size));
    if (r->window.last - r->applied_index >= 2 * BATCH_ENTRIES) {
        apply(r, r->applied_index + BATCH_ENTRIES); /* The buckets for the rest are fetched. */
    }
    return 0;
}

/* Returns 1: there is more; 0: that was all; otherwise an error, with a sentence in `text`. */
static int load_entries(struct replica *r, char *text, size_t text_size)
{
    int rv = store_replay_step(&r->replay, recover_entry, r);

    if (rv >= 0) {
        apply(r, r->window.last);
    }
    if (rv < 0 && r->level_proposed != 0) {
        snprintf(text, text_size,
                 "the log in %s uses a newer feature level than the %u that this program knows: "
                 "nothing was changed; install the version of rakit-server that ran here before, "
                 "or a newer one",
                 r->options.data_dir, (unsigned)r->options.feature_level);
    } else if (rv < 0) {
        snprintf(text, text_size,
                 "the log in %s could not be read back at entry %llu (error %d): nothing was "
                 "changed; look at the messages before this one",
                 r->options.data_dir, (unsigned long long)r->window.last + 1, rv);
    }
    return rv;
}

/* --- the snapshot ------------------------------------------------------------------------- */

static int take_chunk(void *context, const struct snapshot_chunk *chunk)
{
    struct replica *r = context;

    time_share_use(&r->share, chunk->content.size);
    return loaded_state_take(&r->loading_state, chunk);
}

/* The snapshot has been read completely. Returns 0, or an error with a sentence in `text`. */
static int check_state(struct replica *r, const struct store_snapshot *snapshot, char *text,
                       size_t text_size)
{
    struct loaded_state *loaded = &r->loading_state;

    if (!loaded_state_finish(loaded, snapshot)) {
        snprintf(text, text_size,
                 "the snapshot at entry %" PRIu64 " in %s is whole, and not what its sections say: "
                 "nothing was changed; start this node with the program that wrote it",
                 snapshot->index, r->options.data_dir);
        return STORE_EDAMAGED;
    }
    if (loaded->level > r->options.feature_level) {
        snprintf(
            text, text_size,
            "the snapshot in %s uses the feature level %u, newer than the %u that this program "
            "knows: nothing was changed; install the version of rakit-server that ran here "
            "before, or a newer one",
            r->options.data_dir, (unsigned)loaded->level, (unsigned)r->options.feature_level);
        return STORE_EFORMAT;
    }
    return 0;
}

static void end_snapshot(struct replica *r)
{
    if (r->is_loading_snapshot) {
        r->is_loading_snapshot = false;
        snapshot_replay_end(&r->snapshot_replay);
        loaded_state_deinit(&r->loading_state);
    }
}

/* The log begins there or before. */
static void take_state(struct replica *r, const struct store_snapshot *snapshot)
{
    const struct store_origin *origin = &r->recovered.origin;
    int error;

    members_append_take(&r->members, membership_copy(r->loading_state.members));
    replica_restore(r, snapshot, &r->loading_state);
    error = raft_restore_origin(r->raft, origin->index, origin->term, &r->committed->configuration,
                                r->committed->index);
    CHECK(error == RAFT_OK);
    log_window_begin(&r->window, origin->index, origin->time_us);
    end_snapshot(r);
}

/* Returns 1 to go on; otherwise an error, with a sentence in `text`. */
static int load_chunk(struct replica *r, char *text, size_t text_size)
{
    struct store_snapshot snapshot = r->snapshot_replay.snapshot;
    int rv = snapshot_replay_step(&r->snapshot_replay, take_chunk, r, text, text_size);

    if (rv == 0) {
        rv = check_state(r, &snapshot, text, text_size);
        if (rv == 0) {
            take_state(r, &snapshot);
            rv = 1; /* Now the log. */
        }
    }
    return rv;
}

/* --- both --------------------------------------------------------------------------------- */

bool load_begin(struct replica *r, char *text, size_t text_size)
{
    const struct store_origin *origin = &r->recovered.origin;
    struct store_snapshot newest = snapshot_newest(r->store);

    probe_call(r->probe, recovered_origin, origin->index, origin->term);
    if (newest.index == 0 && origin->index > 0) {
        snprintf(text, text_size,
                 "the log in %s begins behind entry %llu, and no snapshot has what came before; "
                 "remove this member from the cluster, and let it join anew with an "
                 "empty directory",
                 r->options.data_dir, (unsigned long long)origin->index);
        return false;
    }
    if (newest.index > 0) {
        r->is_loading_snapshot = true;
        snapshot_replay_begin(&r->snapshot_replay, r->store, &newest);
        loaded_state_init(&r->loading_state, r->recovered.identity.cluster_id);
        loaded_state_expect(&r->loading_state, newest.bytes);
        keyspace_advance_time(r->loading_state.keyspace, newest.time_us);
    }
    store_replay_begin(&r->replay, r->store);
    r->is_loading = true;
    r->load_began_ns = io_now_ns(r->io);
    r->load_logged_ns = r->load_began_ns;
    return true;
}

void load_end(struct replica *r)
{
    end_snapshot(r);
    store_replay_end(&r->replay);
}

static uint64_t loaded_bytes(const struct replica *r)
{
    return r->snapshot_replay.bytes + r->replay.bytes;
}

bool replica_is_loading(const struct replica *r, struct replica_progress *ret_progress)
{
    uint64_t total_bytes = r->snapshot_replay.snapshot.bytes + r->replay.total_bytes;
    uint64_t elapsed_ns = io_now_ns(r->io) - r->load_began_ns;
    double part = (double)loaded_bytes(r) / (double)(total_bytes + 1);

    *ret_progress = (struct replica_progress){
        .bytes = loaded_bytes(r),
        .total_bytes = total_bytes,
        .elapsed_ns = elapsed_ns,
        .left_ns = part > 0 ? (uint64_t)((double)elapsed_ns * (1 - part) / part) : UINT64_MAX,
        .percent = (unsigned)(part * 100),
    };
    return r->is_loading;
}

static void log_progress(struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);
    struct replica_progress p;

    if (now_ns - r->load_logged_ns < LOG_NS || !replica_is_loading(r, &p)) {
        return;
    }
    r->load_logged_ns = now_ns;
    log_write(r->log, LOG_INFO, r->is_loading_snapshot ? "loading the snapshot" : "loading the log",
              "percent=%u index=%" PRIu64 " of_index=%" PRIu64 " bytes=%" PRIu64
              " of_bytes=%" PRIu64 " left_s=%" PRIu64,
              p.percent, r->window.last, r->recovered.last_index, p.bytes, p.total_bytes,
              (p.left_ns + NS_A_SECOND - 1) / NS_A_SECOND);
}

/* Loads for as long as a turn may take. Returns 1 if there is more. */
static int load_some(struct replica *r, char *text, size_t text_size)
{
    uint64_t turn_ns = r->options.load_turn_ns;
    uint64_t end_bytes = loaded_bytes(r) + TURN_BYTES;
    int rv;

    time_share_begin(&r->share, r->io, r->probe, turn_ns != 0 ? turn_ns : TURN_NS);
    do {
        rv = r->is_loading_snapshot ? load_chunk(r, text, text_size)
                                    : load_entries(r, text, text_size);
    } while (rv == 1 && loaded_bytes(r) < end_bytes && !time_share_look(&r->share));
    return rv;
}

/* (STORE_EFORMAT is another program's.) */
static bool is_damage(int error)
{
    return error == STORE_EDAMAGED || error == STORE_EIO;
}

enum replica_loaded replica_load(struct replica *r, char *text, size_t text_size)
{
    int rv = load_some(r, text, text_size);

    if (rv == 1) {
        log_progress(r);
        io_turn_soon(r->io);
        return REPLICA_LOADS;
    }
    bool is_in_snapshot = r->is_loading_snapshot;
    struct store_snapshot snapshot = r->snapshot_replay.snapshot;

    load_end(r);
    if (rv != 0) {
        return is_in_snapshot && is_damage(rv) && store_give_up_snapshot(r->store, snapshot.index)
                   ? REPLICA_DAMAGED
                   : REPLICA_UNLOADABLE;
    }
    r->is_loading = false;
    resume_feed(r);
    snapshotter_note_log(&r->snapshotter);
    if (r->recovered.commit_index < r->applied_index) {
        r->recovered.commit_index = r->applied_index; /* The state in a snapshot is committed. */
    }
    raft_restore_commit(r->raft, r->recovered.commit_index);
    repair_restore(r);
    snapshots_announce(r);
    probe_call(r->probe, recovered, r->raft, &r->recovered);
    return REPLICA_LOADED;
}
