/* start.c - a replica's life: opening and recovering, founding or joining a cluster, beginning
 * to take part, and the end. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "cluster/level.h"
#include "replica/admin.h"
#include "replica/stages.h"
#include "replica/state.h"
#include "resp/errors.h"

enum { TERMS_MAX_AT_FIRST = 16384 }; /* In the log; see replica_make_room_for_terms(). */

static void make_core(struct replica *r)
{
    const struct replica_options *options = &r->options;
    struct raft_options core_options = {
        .id = r->recovered.identity.node_id,
        .election_timeout_ns = options->election_timeout_ns,
        .heartbeat_interval_ns = options->heartbeat_interval_ns,
        .runs_max = TERMS_MAX_AT_FIRST,
        .life = r->recovered.vote_generation,
    };

    io_random(r->io, &core_options.seed, sizeof core_options.seed);
    r->raft_memory = memory_take(raft_size(&core_options));
    r->raft = raft_init(r->raft_memory, &core_options, io_now_ns(r->io) + io_spent_ns(r->io));
}

static void make_keyspace(struct replica *r)
{
    keyspace_free(r->keyspace);
    r->keyspace = keyspace_new(r->recovered.identity.cluster_id);
    observing_begin(r);
    keyspace_limit_replies(r->keyspace, r->options.reply_bytes_max);
}

static bool begin_loading(struct replica *r, char *text, size_t text_size)
{
    make_core(r);
    make_keyspace(r);
    raft_restore_vote(r->raft, r->recovered.current_term, r->recovered.voted_for);
    if (r->recovered.current_term > 0) {
        raft_restore_promise(r->raft);
    }
    return load_begin(r, text, text_size);
}

struct replica *replica_start(const struct replica_options *options,
                              const struct replica_events *events, char *text, size_t text_size)
{
    struct replica *r = memory_take_zeroed(1, sizeof *r);
    uint64_t new_node_id = 0;

    r->options = *options;
    feed_init(&r->feed, options->feed_bytes);
    r->options.key = NULL; /* The caller's. */
    r->events = *events;
    r->io = options->io;
    trouble_init(&r->trouble, options->io, options->log);
    r->log = &r->trouble.log;
    r->probe = options->probe;
    r->peers = options->peers;
    r->seq_offset = 1;
    ticker_init(&r->ticker);
    r->timer.fired = replica_timer_fired;
    r->level = LEVEL_FIRST;
    health_init(&r->health, r->io, r->log, options->election_timeout_ns, watch_fired);
    stopping_init(&r->stopping, options->heartbeat_interval_ns);
    contradictions_init(&r->contradictions, options->election_timeout_ns);
    compare_init(r);
    disk_policy_init(&r->disk_policy, options->election_timeout_ns);
    leading_init(r);
    announce_init(r);
    log_window_init(&r->window);
    time_share_begin(&r->share, r->io, r->probe, 0);
    place_init(r);
    r->stages = memory_take_zeroed(1, sizeof *r->stages);
    compaction_init(r);
    backups_init(r);
    while (new_node_id == 0) {
        io_random(r->io, &new_node_id, sizeof new_node_id);
    }

    struct store_options store_options = {
        .dir = options->data_dir,
        .key = options->key,
        .is_joining = options->is_joining,
        .is_new_cluster = options->is_new_cluster,
        .segment_bytes = options->segment_bytes,
        .bytes_max = options->disk_bytes_max,
        .log = r->log,
        .durable = replica_store_durable,
        .failed = replica_store_failed,
        .room = replica_store_room,
        .may_repair = repair_may_help,
        .damaged = repair_on_damage,
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
    if (options->name != NULL) {
        snprintf(r->self.name, sizeof r->self.name, "%s", options->name);
    }
    return r;
}

/* A cluster's id is derived from its founder's, so that a founder that crashed before its first
 * entry was durable can tell that it was one, and founds the same cluster again. */
uint64_t replica_founded_cluster(raft_id founder)
{
    uint64_t id = checksum(&founder, sizeof founder);

    return id == 0 ? 1 : id;
}

bool replica_is_founder(const struct replica *r)
{
    return r->recovered.identity.cluster_id ==
           replica_founded_cluster(r->recovered.identity.node_id);
}

void replica_bootstrap(struct replica *r, const struct store_key *key)
{
    raft_id self = r->recovered.identity.node_id;
    uint64_t cluster_id = replica_founded_cluster(self);
    struct raft_configuration alone = {.member_count = 1,
                                       .members = {{.id = self, .incoming = true}}};

    if (!replica_joined(r, cluster_id, 0, key)) {
        return;
    }

    struct membership *m = membership_next(NULL, &alone, &r->self);
    struct entry *e = membership_encode(m);
    struct raft_entry entry = {
        .term = 1, .kind = RAFT_CONFIGURATION, .configuration = &m->configuration};

    e->index = 1;
    e->term = 1;
    /* Not the clock's time: a founder that crashes before this is durable makes the same entry
     * again. */
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

bool replica_joined(struct replica *r, uint64_t cluster_id, uint64_t epoch,
                    const struct store_key *key)
{
    if (r->recovered.identity.cluster_id == cluster_id) {
        return true;
    }
    CHECK(r->recovered.identity.cluster_id == 0);
    if (store_set_cluster(r->store, cluster_id, epoch, key) != STORE_OK) {
        replica_fail(r, "the cluster's id and key could not be stored in the data directory");
        return false;
    }
    r->recovered.identity.cluster_id = cluster_id;
    r->recovered.identity.epoch = epoch;
    r->recovered.key = *key;
    make_keyspace(r);
    return true;
}

/* As for any damage: recovery judges it, and other members mend it. */
static void on_snapshot_damaged(void *context, const struct store_snapshot *snapshot)
{
    struct replica *r = context;

    if (snapshot->index < r->snapshotter.newest.index) {
        snapshot_remove(r->store, snapshot->index);
    } else if (raft_configuration(r->raft)->member_count > 1) {
        replica_ask_restart(r, "its snapshot is damaged on the disk");
    } else {
        log_write(r->log, LOG_ERROR,
                  "a snapshot of this node is damaged, and no other member has one",
                  "index=%llu advice=" LOG_Q, (unsigned long long)snapshot->index,
                  "make a backup at once: the next start may refuse");
    }
}

void replica_run(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TICK, .now_ns = io_now_ns(r->io)};

    if (r->is_running || r->is_ended) {
        return;
    }
    r->is_running = true;
    install_begin(r);
    repair_begin(r);
    serving_init(&r->serving, r->io, r->store);
    r->serving.peers = r->peers;
    r->serving.damaged = on_snapshot_damaged;
    r->serving.context = r;
    r->events.runs(r->events.context);
    peers_set_committed(r->peers, r->committed);
    peers_set_level(r->peers, r->level);
    replica_note_configuration(r, false);
    health_start(&r->health);
    isolation_resume(r);
    replica_step(r, &event, NULL);
    /* The turn arms the timer; otherwise nothing might cause a turn for long. */
    io_turn_soon(r->io);
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

void replica_ask_restart(struct replica *r, const char *reason)
{
    if (r->is_ended) {
        return;
    }
    r->is_ended = true;
    r->is_running = false;
    log_write(r->log, LOG_WARN, "the node starts again from its data directory", "reason=" LOG_Q,
              reason);
    r->events.restart(r->events.context);
}

void replica_end(struct replica *r)
{
    r->is_ended = true;
    r->is_running = false;
    snapshotter_end(&r->snapshotter, ERROR_STOPPING);
    scrubber_end(&r->scrubber, ERROR_STOPPING);
    backups_end(r, ERROR_STOPPING);
    place_end(r);
}

static void close_store(struct replica *r)
{
    load_end(r);
    if (r->store != NULL) {
        store_close(r->store);
        r->store = NULL;
    }
}

struct replica *replica_restart(struct replica *r, const struct replica_options *options,
                                char *text, size_t text_size)
{
    struct replica *next;

    replica_end(r);
    close_store(r);
    next = replica_start(options, &r->events, text, text_size);
    if (next != NULL) {
        next->log_clock = r->log_clock; /* It is the same process. */
        next->quarantine = r->quarantine;
        next->isolation = r->isolation;
        next->isolation.is_keeping = false; /* Whatever was being written has ended. */
        quarantine_note_restarted(&next->quarantine);
        observing_inherit(next, r);
        replica_free(r);
    }
    return next;
}

void replica_free(struct replica *r)
{
    r->is_ended = true;
    close_store(r);
    feed_deinit(&r->feed);
    admin_deinit(r);
    io_timer_stop(r->io, &r->timer);
    health_deinit(&r->health);
    announcer_deinit(&r->announcer);
    place_deinit(r);
    snapshotter_deinit(&r->snapshotter);
    backups_deinit(r);
    fetching_deinit(&r->fetching);
    scrubber_deinit(&r->scrubber);
    if (r->serving.io != NULL) {
        serving_deinit(&r->serving);
    }
    log_window_deinit(&r->window);
    members_deinit(&r->members);
    membership_free(r->committed);
    if (r->keyspace != NULL) {
        keyspace_free(r->keyspace);
    }
    if (r->retired != NULL) {
        keyspace_free(r->retired);
    }
    buffer_deinit(&r->scratch);
    buffer_deinit(&r->once_reply);
    buffer_deinit(&r->abandoned);
    free(r->arguments);
    outbox_deinit(&r->outbox);
    users_free(r->users);
    free(r->stages);
    free(r->raft_memory);
    free(r->terms_memory);
    free(r);
}
