/* install.c - replaces this node's state and its log by a snapshot that was fetched and loaded
 * (§7). Meanwhile, for two small writes, the core is not stepped: messages are lost, as on a
 * network. */
#include "base/check.h"
#include "base/mutant.h"
#include "replica/snapshot_state.h"
#include "replica/state.h"

static const uint64_t RETRY_NS = 1000 * 1000 * 1000ull;

static void accepted(void *context, int error);
static void moved(struct store_move *move, int error);

static void on_loaded(void *context)
{
    struct replica *r = context;

    io_turn_soon(r->io);
}

static void on_damaged(void *context, raft_id holder, const struct store_snapshot *snapshot)
{
    struct replica *r = context;
    struct wire_damaged d = {.group = 0,
                             .index = snapshot->index,
                             .term = snapshot->term,
                             .bytes = snapshot->bytes,
                             .checksum = snapshot->checksum};

    peers_send_damaged(r->peers, holder, &d);
    io_turn_soon(r->io);
}

void install_begin(struct replica *r)
{
    struct fetching_options options = {
        .io = r->io,
        .log = r->log,
        .store = r->store,
        .peers = r->peers,
        .hash_seed = r->recovered.identity.cluster_id,
        .level_max = r->options.feature_level,
        .rate_bytes = r->options.snapshot_rate_bytes,
        .damaged = on_damaged,
        .loaded = on_loaded,
        .context = r,
    };

    fetching_init(&r->fetching, &options);
    r->install = (struct install){.move.done = moved};
}

void install_offer(struct replica *r, const struct raft_snapshot *offer)
{
    if (!r->stopping.is_begun && !r->is_installing) {
        fetching_offer(&r->fetching, offer, raft_leader(r->raft));
    }
}

static void move_log(struct replica *r)
{
    const struct store_snapshot *s = &r->fetching.receiving.snapshot;

    r->install.retry_ns = 0;
    r->install.keeps_log = raft_has_entry(r->raft, s->index, s->term);
    r->install.move.origin =
        (struct store_origin){.index = s->index, .term = s->term, .time_us = s->time_us};
    r->install.move.drops_log = !r->install.keeps_log;
    store_move_origin(r->store, &r->install.move);
}

/* What an earlier attempt has left, once the entries have come in another way. */
static void drop_part(struct replica *r)
{
    raft_index index = snapshot_part(r->store).index;

    if (index != 0 && !raft_wants_snapshot(r->raft, index) && !MUTANT(part_left_behind)) {
        snapshot_part_remove(r->store);
    }
}

void install_look(struct replica *r)
{
    struct fetching *f = &r->fetching;

    if (r->is_installing) {
        if (r->install.retry_ns != 0 && io_now_ns(r->io) >= r->install.retry_ns) {
            move_log(r);
        }
        return;
    }
    if (f->phase == FETCHING_NONE) {
        drop_part(r);
    }
    if (f->phase == FETCHING_NONE || f->phase == FETCHING_ENDS) {
        return;
    }
    if (!raft_wants_snapshot(r->raft, f->wanted.last_included_index) &&
        !isolation_wants(r, f->wanted.last_included_index)) {
        fetching_drop(f); /* The entries have arrived meanwhile, or this node leads. */
    } else if (fetching_is_loaded(f) && raft_is_durable(r->raft) && !r->compaction.is_moving) {
        r->is_installing = true;
        snapshotter_abandon(&r->snapshotter);
        fetching_accept(f, accepted);
    }
}

static void accepted(void *context, int error)
{
    struct replica *r = context;

    if (error == 0 && raft_wants_snapshot(r->raft, r->fetching.wanted.last_included_index)) {
        move_log(r);
        return;
    }
    if (error == 0) { /* The log is right; only the state is not. */
        r->is_installing = false;
        isolation_fetched(r);
        fetching_end(&r->fetching);
        io_turn_soon(r->io);
        return;
    }
    log_write(r->log, LOG_WARN, "a snapshot could not be installed", "index=%llu error=%d",
              (unsigned long long)r->fetching.wanted.last_included_index, error);
    r->is_installing = false;
    fetching_end(&r->fetching);
    io_turn_soon(r->io);
}

/* The log before the core, because it names the membership that the core has in force. */
static void tell_core(struct replica *r, const struct store_snapshot *s)
{
    const struct membership *members = r->fetching.loaded.members;
    struct raft_installed installed = {.last_included_index = s->index,
                                       .last_included_term = s->term,
                                       .configuration = &members->configuration,
                                       .configuration_index = members->index};
    struct raft_event event = {
        .kind = RAFT_INSTALLED, .now_ns = io_now_ns(r->io), .installed = &installed};
    int error;

    if (!r->install.keeps_log) {
        log_window_begin(&r->window, s->index, s->time_us);
        members_deinit(&r->members);
        members_append_take(&r->members, membership_copy(members));
    }
    error = replica_step(r, &event, NULL);
    CHECK(error == RAFT_OK);
}

static void moved(struct store_move *move, int error)
{
    struct replica *r = container_of(move, struct replica, install.move);
    struct store_snapshot s = r->fetching.receiving.snapshot;

    if (error != 0) { /* The snapshot has its name, so this can't be undone. */
        if (!r->install.has_warned) {
            r->install.has_warned = true;
            log_write(r->log, LOG_WARN, "a snapshot waits for room to be installed",
                      "index=%llu reason=" LOG_Q, (unsigned long long)s.index, "the disk is full");
        }
        compaction_drop_snapshots(r);
        r->install.retry_ns = io_now_ns(r->io) + RETRY_NS;
        io_timer_start(r->io, &r->timer, r->install.retry_ns);
        return;
    }
    r->is_installing = false;
    r->install.has_warned = false;
    tell_core(r, &s);
    replica_restore(r, &s, &r->fetching.loaded);
    peers_set_committed(r->peers, r->committed);
    peers_set_level(r->peers, r->level);
    log_write(r->log, LOG_INFO, "a snapshot was installed", "index=%llu bytes=%llu ms=%llu",
              (unsigned long long)s.index, (unsigned long long)s.bytes,
              (unsigned long long)((io_now_ns(r->io) - r->fetching.begun_ns) / 1000000));
    r->install.count++;
    fetching_end(&r->fetching);
    snapshots_announce(r);
    snapshotter_note_log(&r->snapshotter);
    compaction_begin(r);
    io_turn_soon(r->io);
}
