/* start.c - a replica's life: opening and recovering, founding or joining a
 * cluster, beginning to take part, and the end. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "cluster/level.h"
#include "replica/admin.h"
#include "replica/state.h"
#include "resp/errors.h"

enum {
    TERMS_MAX_AT_FIRST = 16384, /* In the log; see replica_make_room_for_terms(). */
    LOAD_TURN_NS = 10 * 1000 * 1000,
    LOAD_TURN_BYTES = 1024 * 1024,
    NS_A_SECOND = 1000 * 1000 * 1000,
    LOAD_LOG_NS = NS_A_SECOND,
};

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
        r->level_proposed = UINT32_MAX; /* For the sentence that says so. */
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
    if (e->index <= r->recovered.commit_index && e->index > r->applied_index) {
        replica_apply_recovered(r, e);
        replica_trim_window(r);
    }
    return 0;
}

static void make_core(struct replica *r)
{
    const struct replica_options *options = &r->options;
    struct raft_options core_options = {
        .id = r->recovered.identity.node_id,
        .election_timeout_ns = options->election_timeout_ns,
        .heartbeat_interval_ns = options->heartbeat_interval_ns,
        .runs_max = TERMS_MAX_AT_FIRST,
    };

    io_random(r->io, &core_options.seed, sizeof core_options.seed);
    r->raft_memory = memory_take(raft_size(&core_options));
    r->raft = raft_init(r->raft_memory, &core_options, io_now_ns(r->io));
}

static void make_keyspace(struct replica *r)
{
    keyspace_free(r->keyspace);
    r->keyspace = keyspace_new(r->recovered.identity.cluster_id);
    keyspace_limit_replies(r->keyspace, r->options.reply_bytes_max);
}

/* The newest snapshot, if there is one, and where the log begins: there or before. */
static bool begin_log(struct replica *r, char *text, size_t text_size)
{
    const struct store_origin *origin = &r->recovered.origin;
    int error;

    probe_call(r->probe, recovered_origin, origin->index, origin->term);
    if (snapshot_newest(r->store).index == 0) {
        if (origin->index > 0) {
            snprintf(
                text, text_size,
                "the log in %s begins behind entry %llu, and no snapshot has what came before; "
                "remove this member from the cluster, and let it join anew with an "
                "empty directory",
                r->options.data_dir, (unsigned long long)origin->index);
        }
        return origin->index == 0;
    }
    if (!replica_load_snapshot(r, text, text_size)) {
        return false;
    }
    error = raft_restore_origin(r->raft, origin->index, origin->term, &r->committed->configuration,
                                r->committed->index);
    CHECK(error == RAFT_OK);
    log_window_begin(&r->window, origin->index, origin->time_us);
    return true;
}

static bool begin_loading(struct replica *r, char *text, size_t text_size)
{
    make_core(r);
    make_keyspace(r);
    raft_restore_vote(r->raft, r->recovered.current_term, r->recovered.voted_for);
    if (!begin_log(r, text, text_size)) {
        return false;
    }
    store_replay_begin(&r->replay, r->store);
    r->is_loading = true;
    r->load_began_ns = io_now_ns(r->io);
    r->load_logged_ns = r->load_began_ns;
    return true;
}

bool replica_is_loading(const struct replica *r, struct replica_progress *ret_progress)
{
    const struct store_replay *replay = &r->replay;
    uint64_t elapsed_ns = io_now_ns(r->io) - r->load_began_ns;
    double part = (double)replay->bytes / (double)(replay->total_bytes + 1);

    *ret_progress = (struct replica_progress){
        .bytes = replay->bytes,
        .total_bytes = replay->total_bytes,
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

    if (now_ns - r->load_logged_ns < LOAD_LOG_NS || !replica_is_loading(r, &p)) {
        return;
    }
    r->load_logged_ns = now_ns;
    log_write(r->log, LOG_INFO, "loading",
              "percent=%u entries=%llu of_entries=%llu bytes=%llu of_bytes=%llu left_s=%llu",
              p.percent, (unsigned long long)(r->window.last - r->recovered.origin.index),
              (unsigned long long)(r->recovered.last_index - r->recovered.origin.index),
              (unsigned long long)p.bytes, (unsigned long long)p.total_bytes,
              (unsigned long long)((p.left_ns + NS_A_SECOND - 1) / NS_A_SECOND));
}

/* As much as a turn has time for; the first time, before there are turns, as many bytes. 1: there
 * is more. */
static int load_some(struct replica *r)
{
    uint64_t turn_ns = r->options.load_turn_ns;
    uint64_t end_bytes = r->replay.bytes + LOAD_TURN_BYTES;
    int rv = 1;

    time_share_begin(&r->share, r->io, r->probe, turn_ns != 0 ? turn_ns : LOAD_TURN_NS);
    do {
        rv = store_replay_step(&r->replay, recover_entry, r);
    } while (rv == 1 && r->replay.bytes < end_bytes && !time_share_look(&r->share));
    return rv;
}

static bool explain_load(struct replica *r, int error, char *text, size_t text_size)
{
    if (error != 0 && r->level_proposed != 0) {
        snprintf(text, text_size,
                 "the log in %s uses a newer feature level than the %u that this program knows: "
                 "nothing was changed; install the version of rakit-server that ran here before, "
                 "or a newer one",
                 r->options.data_dir, (unsigned)r->options.feature_level);
        return false;
    }
    if (error != 0) {
        snprintf(text, text_size,
                 "the log in %s could not be read back at entry %llu (error %d): nothing was "
                 "changed; look at the messages before this one",
                 r->options.data_dir, (unsigned long long)r->window.last + 1, error);
        return false;
    }
    return true;
}

enum replica_loaded replica_load(struct replica *r, char *text, size_t text_size)
{
    int rv = load_some(r);

    if (rv == 1) {
        log_progress(r);
        io_turn_soon(r->io);
        return REPLICA_LOADS;
    }
    store_replay_end(&r->replay);
    if (!explain_load(r, rv, text, text_size)) {
        return REPLICA_UNLOADABLE;
    }
    r->is_loading = false;
    snapshotter_note_log(&r->snapshotter);
    if (r->recovered.commit_index < r->applied_index) {
        r->recovered.commit_index = r->applied_index; /* What is in a snapshot is committed. */
    }
    raft_restore_commit(r->raft, r->recovered.commit_index);
    snapshots_announce(r);
    probe_call(r->probe, recovered, r->raft, &r->recovered);
    return REPLICA_LOADED;
}

struct replica *replica_start(const struct replica_options *options,
                              const struct replica_events *events, char *text, size_t text_size)
{
    struct replica *r = memory_take_zeroed(1, sizeof *r);
    uint64_t new_node_id = 0;

    r->options = *options;
    r->options.key = NULL; /* The caller's. */
    r->events = *events;
    r->io = options->io;
    r->log = options->log;
    r->probe = options->probe;
    r->peers = options->peers;
    r->seq_offset = 1;
    ticker_init(&r->ticker);
    r->timer.fired = replica_timer_fired;
    r->level = LEVEL_FIRST;
    health_init(&r->health, r->io, r->log, options->election_timeout_ns, watch_fired);
    stopping_init(&r->stopping, options->heartbeat_interval_ns);
    contradictions_init(&r->contradictions, options->election_timeout_ns);
    disk_policy_init(&r->disk_policy, options->election_timeout_ns);
    announce_init(r);
    log_window_init(&r->window);
    time_share_begin(&r->share, r->io, r->probe, 0);
    place_init(r);
    compaction_init(r);
    while (new_node_id == 0) {
        io_random(r->io, &new_node_id, sizeof new_node_id);
    }

    struct store_options store_options = {
        .dir = options->data_dir,
        .key = options->key,
        .is_joining = options->is_joining,
        .is_new_cluster = options->is_new_cluster,
        .segment_bytes = options->segment_bytes,
        .log = r->log,
        .durable = replica_store_durable,
        .failed = replica_store_failed,
        .room = replica_store_room,
        .context = r,
    };

    if (store_open(r->io, &store_options, new_node_id, &r->store, &r->recovered, text, text_size) !=
        STORE_OK) {
        replica_free(r);
        return NULL;
    }
    snapshots_begin(r);
    if (!begin_loading(r, text, text_size)) {
        replica_free(r);
        return NULL;
    }
    r->self = (struct member_address){.id = r->recovered.identity.node_id,
                                      .client = options->announced,
                                      .peer_port = options->peer_port};
    return r;
}

/* A cluster's id is made from its founder's, so that a founder that crashed before its
 * first entry was durable can tell that it was one, and founds the same cluster again. */
static uint64_t founded_cluster(raft_id founder)
{
    uint64_t id = checksum(&founder, sizeof founder);

    return id == 0 ? 1 : id;
}

bool replica_is_founder(const struct replica *r)
{
    return r->recovered.identity.cluster_id == founded_cluster(r->recovered.identity.node_id);
}

void replica_bootstrap(struct replica *r, const struct store_key *key)
{
    raft_id self = r->recovered.identity.node_id;
    uint64_t cluster_id = founded_cluster(self);
    struct raft_configuration alone = {.member_count = 1,
                                       .members = {{.id = self, .incoming = true}}};

    if (!replica_joined(r, cluster_id, key)) {
        return;
    }

    struct membership *m = membership_next(NULL, &alone, &r->self);
    struct entry *e = membership_encode(m);
    struct raft_entry entry = {
        .term = 1, .kind = RAFT_CONFIGURATION, .configuration = &m->configuration};

    e->index = 1;
    e->term = 1;
    /* Not the clock's: a founder that crashes before this is durable makes the same again. */
    e->time_us = 1;
    raft_restore_vote(r->raft, 1, self);

    int error = raft_restore_entry(r->raft, &entry);

    CHECK(error == RAFT_OK);
    replica_append_entry(r, e);

    struct store_write write = {
        .seq = r->seq_offset,
        .write_vote = true,
        .current_term = 1,
        .voted_for = self,
        .entries = &e,
        .entry_count = 1,
    };

    store_write(r->store, &write);
    probe_call(r->probe, written, &write);
    store_flush(r->store);
    entry_release(e);
    membership_free(m);
}

bool replica_joined(struct replica *r, uint64_t cluster_id, const struct store_key *key)
{
    if (r->recovered.identity.cluster_id == cluster_id) {
        return true;
    }
    CHECK(r->recovered.identity.cluster_id == 0);
    if (store_set_cluster(r->store, cluster_id, key) != STORE_OK) {
        replica_fail(r, "the cluster's id and key could not be stored in the data directory");
        return false;
    }
    r->recovered.identity.cluster_id = cluster_id;
    r->recovered.key = *key;
    make_keyspace(r);
    return true;
}

void replica_run(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TICK, .now_ns = io_now_ns(r->io)};

    if (r->is_running || r->is_ended) {
        return;
    }
    r->is_running = true;
    install_begin(r);
    serving_init(&r->serving, r->io, r->store);
    r->serving.peers = r->peers;
    r->events.runs(r->events.context);
    peers_set_committed(r->peers, r->committed);
    peers_set_level(r->peers, r->level);
    replica_note_configuration(r, false);
    health_start(&r->health);
    replica_step(r, &event, NULL);
    io_turn_soon(r->io); /* Which arms the timer: nobody else may call for long. */
}

void replica_fail(struct replica *r, const char *text)
{
    if (r->is_ended) {
        return;
    }
    r->is_ended = true;
    r->is_running = false;
    log_write(r->log, LOG_ERROR, "the node stops", "reason=" LOG_Q, text);
    r->events.failed(r->events.context);
}

void replica_end(struct replica *r)
{
    r->is_ended = true;
    r->is_running = false;
    snapshotter_end(&r->snapshotter, ERROR_STOPPING);
    place_end(r);
}

void replica_free(struct replica *r)
{
    r->is_ended = true;
    store_replay_end(&r->replay);
    if (r->store != NULL) {
        store_close(r->store);
    }
    admin_deinit(r);
    io_timer_stop(r->io, &r->timer);
    health_deinit(&r->health);
    announcer_deinit(&r->announcer);
    place_deinit(r);
    snapshotter_deinit(&r->snapshotter);
    fetching_deinit(&r->fetching);
    if (r->serving.io != NULL) {
        serving_deinit(&r->serving);
    }
    log_window_deinit(&r->window);
    members_deinit(&r->members);
    membership_free(r->committed);
    if (r->keyspace != NULL) {
        keyspace_free(r->keyspace);
    }
    buffer_deinit(&r->scratch);
    buffer_deinit(&r->abandoned);
    free(r->arguments);
    outbox_deinit(&r->outbox);
    free(r->raft_memory);
    free(r->terms_memory);
    free(r);
}
