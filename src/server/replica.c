/* replica.c - the turn, and the one place where the core is stepped. */
#include "server/replica_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "server/clients.h"

enum { TURN_PASSES_MAX = 4 };

/* --- effects ------------------------------------------------------------------------- */

static void mark_write(struct replica *r, raft_seq seq, raft_index last_index)
{
    if (r->mark_first + r->mark_count == r->mark_capacity) {
        if (r->mark_first > 0) {
            memmove(r->marks, r->marks + r->mark_first, r->mark_count * sizeof *r->marks);
            r->mark_first = 0;
        } else {
            r->mark_capacity = r->mark_capacity == 0 ? 64 : r->mark_capacity * 2;
            r->marks = memory_resize(r->marks, r->mark_capacity * sizeof *r->marks);
        }
    }
    r->marks[r->mark_first + r->mark_count++] =
        (struct write_mark){.seq = seq, .last_index = last_index};
}

static void truncate_log(struct replica *r, raft_index from)
{
    log_window_truncate(&r->window, from);
    members_truncate(&r->members, from);
    if (r->durable_index >= from) {
        r->durable_index = from - 1;
    }
    for (uint32_t i = 0; i < r->mark_count; i++) {
        struct write_mark *mark = &r->marks[r->mark_first + i];

        if (mark->last_index >= from) {
            mark->last_index = from - 1;
        }
    }
}

/* The entry that the core itself wants: a no-op, or a configuration with the
 * addresses that belong to it. */
static struct entry *own_entry(struct replica *r, const struct raft_effects *effects)
{
    if (effects->append_own == RAFT_NOOP) {
        return entry_new(RAFT_NOOP, 0);
    }

    const struct membership *current =
        r->members.count == 0 ? NULL : r->members.history[r->members.count - 1];
    struct membership *next = membership_next(current, &effects->append_configuration,
                                              r->fresh.id == 0 ? NULL : &r->fresh);
    struct entry *e = membership_encode(next);

    membership_free(next);
    return e;
}

/* Appends to the log in memory. Configurations enter their history here. */
static void append_entry(struct replica *r, struct entry *e)
{
    if (e->kind == RAFT_CONFIGURATION) {
        struct membership *m = membership_decode(entry_payload(e));

        CHECK(m != NULL); /* Checked where it came in. */
        m->index = e->index;
        members_append_take(&r->members, m);
    }
    log_window_append_take(&r->window, entry_hold(e));
}

/* Where the entries to append stand: received ones may begin with some we had. */
static struct entry *const *find_appended(const struct raft_event *event,
                                          const struct raft_effects *effects,
                                          struct entry *const *entries)
{
    if (event->kind == RAFT_RECEIVE) {
        return entries + (effects->append_first - event->message->prev_log_index - 1);
    }
    return entries;
}

static void persist(struct replica *r, const struct raft_event *event,
                    const struct raft_effects *effects, struct entry *const *entries)
{
    struct entry *own = NULL;
    struct entry *const *appended = NULL;

    if (effects->truncate_from > 0) {
        truncate_log(r, effects->truncate_from);
    }
    if (effects->append_own != 0) {
        own = own_entry(r, effects);
        appended = &own;
    } else if (effects->append_count > 0) {
        appended = find_appended(event, effects, entries);
    }
    for (uint32_t i = 0; i < effects->append_count; i++) {
        appended[i]->index = effects->append_first + i;
        if (event->kind != RAFT_RECEIVE || own != NULL) {
            appended[i]->term = raft_current_term(r->raft);
        }
        append_entry(r, appended[i]);
    }

    struct store_write write = {
        .seq = effects->write_seq + r->seq_offset,
        .write_vote = effects->write_vote,
        .current_term = effects->current_term,
        .voted_for = effects->voted_for,
        .truncate_from = effects->truncate_from,
        .commit_index = effects->commit_index,
        .entries = appended,
        .entry_count = effects->append_count,
    };

    mark_write(r, effects->write_seq, raft_last_index(r->raft));
    store_write(r->store, &write);
    probe_call(r->probe, written, &write);
    entry_release(own);
}

static void transmit(struct replica *r, const struct raft_message *m)
{
    probe_call(r->probe, sent, m);
    peers_send(&r->peers, m);
}

static void send_or_hold(struct replica *r, const struct raft_outbound *outbound)
{
    if (outbound->after <= r->durable_seq) {
        transmit(r, &outbound->message);
        return;
    }
    if (r->held_count == r->held_capacity) {
        r->held_capacity = r->held_capacity == 0 ? 64 : r->held_capacity * 2;
        r->held = memory_resize(r->held, r->held_capacity * sizeof *r->held);
    }
    r->held[r->held_count++] =
        (struct held_message){.after = outbound->after, .message = outbound->message};
}

static void release_held(struct replica *r)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->held_count; i++) {
        if (r->held[i].after <= r->durable_seq) {
            transmit(r, &r->held[i].message);
        } else {
            r->held[kept++] = r->held[i];
        }
    }
    r->held_count = kept;
}

static void note_role(struct replica *r)
{
    enum raft_role role = raft_role(r->raft);
    raft_term term = raft_current_term(r->raft);
    raft_id leader = raft_leader(r->raft);

    if (role == RAFT_PRE_CANDIDATE && r->seen_role != RAFT_PRE_CANDIDATE) {
        r->stats.election_count++;
    }
    if (role != r->seen_role || leader != r->seen_leader) {
        log_write(r->log, role == RAFT_PRE_CANDIDATE ? LOG_DEBUG : LOG_INFO, "role",
                  "role=%s term=%llu leader=%016llx reason=" LOG_Q, raft_role_name(role),
                  (unsigned long long)term, (unsigned long long)leader,
                  raft_reason_text(raft_role_reason(r->raft)));
    }

    bool is_same = role == r->seen_role && leader == r->seen_leader && term == r->seen_term;

    if (!is_same) {
        requests_abandon(r);
    }
    r->seen_role = role;
    r->seen_term = term;
    r->seen_leader = leader;
    admin_announce_address(r);
    replica_wake(r);
}

static void note_configuration(struct replica *r)
{
    const struct membership *m = members_current(&r->members, raft_configuration_index(r->raft));
    const struct raft_member *self =
        m == NULL ? NULL : raft_configuration_find(&m->configuration, raft_self(r->raft));
    bool is_voter = self != NULL && self->incoming;

    peers_set_members(&r->peers, m);
    if (is_voter && !r->was_voter) {
        log_write(r->log, LOG_INFO, "this node is a voter now", "index=%llu members=%u",
                  (unsigned long long)m->index, (unsigned)m->configuration.member_count);
    }
    r->was_voter = is_voter;
}

static void carry_out(struct replica *r, const struct raft_event *event,
                      const struct raft_effects *effects, struct entry *const *entries)
{
    if (effects->write_seq > 0) {
        persist(r, event, effects, entries);
    }
    for (uint32_t i = 0; i < effects->outbound_count; i++) {
        send_or_hold(r, &effects->outbound[i]);
    }
    if (event->kind == RAFT_READ) {
        r->asked_ticket = effects->read_ticket;
    }
    for (uint32_t i = 0; i < effects->read_count; i++) {
        if (effects->reads[i].ticket > r->confirmed_ticket) {
            r->confirmed_ticket = effects->reads[i].ticket;
            r->confirmed_index = effects->reads[i].index;
        }
    }
    if (effects->read_count > 0) {
        requests_confirm_reads(r);
    }
    if (effects->configuration_changed) {
        note_configuration(r);
    }
    if (effects->role_changed) {
        note_role(r);
    }
    r->deadline_ns = effects->deadline_ns;
}

int replica_step(struct replica *r, const struct raft_event *event, struct entry *const *entries)
{
    struct raft_effects effects;

    CHECK(r->is_running);
    probe_call(r->probe, before_step, r->raft, event);

    int error = raft_step(r->raft, event, &effects);

    probe_call(r->probe, after_step, r->raft, event, error == RAFT_OK ? &effects : NULL);
    if (error == RAFT_OK) {
        carry_out(r, event, &effects, entries);
    }
    return error;
}

/* --- stopping ------------------------------------------------------------------------ */

static bool leads_others(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint32_t voter_count = 0;

    if (raft_role(r->raft) != RAFT_LEADER) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        voter_count += c->members[i].incoming ? 1 : 0;
    }
    return voter_count > 1;
}

void replica_hand_over(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TRANSFER, .now_ns = io_now_ns(r->io)};

    if (r->is_running && leads_others(r)) {
        replica_step(r, &event, NULL);
    }
    replica_wake(r);
}

bool replica_is_settled(const struct replica *r)
{
    return !r->is_running || (r->is_handed_over && r->stats.pending_count == 0 &&
                              r->mark_count == 0 && r->held_count == 0);
}

/* Once nobody is led any more, no further command is taken: those under way end. */
static void note_hand_over(struct replica *r)
{
    if (r->server->is_stopping && !r->is_handed_over && r->is_running && !leads_others(r)) {
        r->is_handed_over = true;
    }
}

/* --- the turn ------------------------------------------------------------------------ */

static void trim_window(struct replica *r)
{
    raft_index up_to = r->applied_index < r->durable_index ? r->applied_index : r->durable_index;

    log_window_trim(&r->window, up_to, r->server->config.log_memory_bytes);
}

static void let_clients_on(struct replica *r)
{
    if (r->was_congested && r->in_flight_bytes <= r->server->config.in_flight_bytes_max / 2) {
        r->was_congested = false;
        if (r->server->clients != NULL) {
            clients_resume(r->server->clients);
        }
    }
}

/* What became possible in the callbacks since the last turn is done here, all at once:
 * one write to the disk, one to each peer, one to each client. */
static void replica_turn(void *context)
{
    struct replica *r = context;

    for (int pass = 0; pass < TURN_PASSES_MAX; pass++) {
        r->is_awake = false;
        note_hand_over(r);
        if (r->is_running) {
            requests_place(r);
            store_flush(r->store);
            r->peers.applied_index = r->applied_index;
            peers_flush(&r->peers);
            replica_apply(r);
            replica_serve_reads(r);
            admin_progress(r);
        }
        trim_window(r);
        let_clients_on(r);
        if (r->server->clients != NULL) {
            clients_flush(r->server->clients);
        }
        if (!r->is_awake) {
            break;
        }
    }
    server_turn_over(r->server);
    if (r->is_ended) {
        return;
    }
    if (r->is_awake) {
        io_timer_start(r->io, &r->tick, io_now_ns(r->io));
    } else if (r->deadline_ns != UINT64_MAX) {
        io_timer_start(r->io, &r->tick, r->deadline_ns);
    }
}

static void tick_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, tick);
    uint64_t now_ns = io_now_ns(r->io);

    if (r->is_running && now_ns >= r->deadline_ns) {
        struct raft_event event = {.kind = RAFT_TICK, .now_ns = now_ns};

        replica_step(r, &event, NULL);
    }
}

void replica_wake(struct replica *r)
{
    r->is_awake = true;
}

void replica_fail(struct replica *r, const char *text)
{
    if (r->is_ended) {
        return;
    }
    r->is_ended = true;
    r->is_running = false;
    log_write(r->log, LOG_ERROR, "the node stops", "reason=" LOG_Q, text);
    server_end(r->server, 1);
}

/* --- the store's callbacks ----------------------------------------------------------- */

static void store_durable(void *context, uint64_t seq)
{
    struct replica *r = context;

    probe_call(r->probe, durable, seq);
    if (r->is_ended || !r->is_running) {
        if (seq == r->seq_offset && !r->is_ended) {
            replica_run(r); /* The first entry of a new cluster. */
        }
        return;
    }
    r->durable_seq = seq - r->seq_offset;
    while (r->mark_count > 0 && r->marks[r->mark_first].seq <= r->durable_seq) {
        r->durable_index = r->marks[r->mark_first].last_index;
        r->mark_first++;
        r->mark_count--;
    }

    struct raft_event event = {
        .kind = RAFT_DURABLE, .now_ns = io_now_ns(r->io), .durable_seq = r->durable_seq};

    release_held(r);
    replica_step(r, &event, NULL);
}

static void store_failed(void *context, int error, const char *text)
{
    replica_fail(context, text);
}

static void store_room(void *context)
{
    struct replica *r = context;

    log_write(r->log, LOG_INFO, "the disk has room again: writes are taken", "%s", "");
    replica_wake(r);
}

/* --- life ---------------------------------------------------------------------------- */

static int recover_entry(void *context, struct entry *e)
{
    struct replica *r = context;
    struct raft_entry entry = {.term = e->term, .kind = (enum raft_entry_kind)e->kind};
    struct membership *m = NULL;

    if (e->kind == RAFT_CONFIGURATION) {
        m = membership_decode(entry_payload(e));
        if (m == NULL) {
            return STORE_EFORMAT;
        }
        entry.configuration = &m->configuration;
    }

    int error = raft_restore_entry(r->raft, &entry);

    membership_free(m);
    if (error != RAFT_OK) {
        return STORE_EFORMAT;
    }
    probe_call(r->probe, recovered_entry, e);
    append_entry(r, e);
    if (e->index <= r->recovered.commit_index) {
        replica_apply_recovered(r, e);
        r->durable_index = e->index;
        trim_window(r);
    }
    return 0;
}

static void make_core(struct replica *r)
{
    const struct server_config *config = &r->server->config;
    struct raft_options options = {
        .id = r->recovered.identity.node_id,
        .election_timeout_ns = config->election_timeout_ns,
        .heartbeat_interval_ns = config->heartbeat_interval_ns,
        .runs_max = 65536,
    };

    io_random(r->io, &options.seed, sizeof options.seed);
    r->raft_memory = memory_take(raft_size(&options));
    r->raft = raft_init(r->raft_memory, &options, io_now_ns(r->io));
}

static bool recover(struct replica *r, char *text, size_t text_size)
{
    make_core(r);
    r->kv = kv_new(r->recovered.identity.cluster_id);
    raft_restore_vote(r->raft, r->recovered.current_term, r->recovered.voted_for);

    int error = store_replay(r->store, recover_entry, r);

    if (error != 0) {
        snprintf(text, text_size,
                 "the log in %s could not be read back at entry %llu (error %d): nothing was "
                 "changed; look at the messages before this one",
                 r->server->config.data_dir, (unsigned long long)r->window.last + 1, error);
        return false;
    }
    raft_restore_commit(r->raft, r->recovered.commit_index);
    r->durable_index = r->window.last;
    probe_call(r->probe, recovered, r->raft, &r->recovered);
    return true;
}

struct replica *replica_start(struct server *server, const struct server_probe *probe, char *text,
                              size_t text_size)
{
    struct replica *r = memory_take_zeroed(1, sizeof *r);
    const struct server_config *config = &server->config;
    uint64_t new_node_id = 0;

    r->server = server;
    r->io = server->io;
    r->log = server->log;
    r->probe = probe;
    r->seq_offset = 1;
    r->deadline_ns = UINT64_MAX;
    r->tick.fired = tick_fired;
    r->sweep.fired = requests_sweep_fired;
    r->health.fired = health_fired;
    log_window_init(&r->window);
    requests_init(r);
    while (new_node_id == 0) {
        io_random(r->io, &new_node_id, sizeof new_node_id);
    }

    struct store_options options = {
        .dir = config->data_dir,
        .segment_bytes = config->segment_bytes,
        .log = r->log,
        .durable = store_durable,
        .failed = store_failed,
        .room = store_room,
        .context = r,
    };

    if (store_open(r->io, &options, new_node_id, &r->store, &r->recovered, text, text_size) !=
            STORE_OK ||
        !recover(r, text, text_size)) {
        replica_free(r);
        return NULL;
    }

    struct member_address self = {.id = r->recovered.identity.node_id,
                                  .client = config->address,
                                  .peer_port = config->peer_port};
    struct peers_events events = replica_peers_events;

    events.context = r;

    int error = peers_start(&r->peers, r->io, r->log, &events, &self, config->election_timeout_ns);

    if (error < 0) {
        snprintf(text, text_size,
                 "cannot listen for peers on %s port %u: %s; choose another "
                 "with --peer-port",
                 config->address.host, (unsigned)config->peer_port, strerror(-error));
        replica_free(r);
        return NULL;
    }
    io_set_turn(r->io, replica_turn, r);
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

void replica_bootstrap(struct replica *r)
{
    raft_id self = r->recovered.identity.node_id;
    uint64_t cluster_id = founded_cluster(self);
    struct raft_configuration alone = {.member_count = 1,
                                       .members = {{.id = self, .incoming = true}}};

    if (!replica_joined(r, cluster_id)) {
        return;
    }

    struct membership *m = membership_next(NULL, &alone, &r->peers.self);
    struct entry *e = membership_encode(m);
    struct raft_entry entry = {
        .term = 1, .kind = RAFT_CONFIGURATION, .configuration = &m->configuration};

    e->index = 1;
    e->term = 1;
    raft_restore_vote(r->raft, 1, self);
    CHECK(raft_restore_entry(r->raft, &entry) == RAFT_OK);
    append_entry(r, e);
    r->durable_index = 1;

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

bool replica_joined(struct replica *r, uint64_t cluster_id)
{
    if (r->recovered.identity.cluster_id == cluster_id) {
        return true;
    }
    CHECK(r->recovered.identity.cluster_id == 0);
    if (store_set_cluster(r->store, cluster_id) != STORE_OK) {
        replica_fail(r, "the cluster's id could not be stored in the data directory");
        return false;
    }
    r->recovered.identity.cluster_id = cluster_id;
    kv_free(r->kv);
    r->kv = kv_new(cluster_id);
    return true;
}

void replica_run(struct replica *r)
{
    struct peers_source source = {.raft = r->raft, .window = &r->window, .store = r->store};
    struct raft_event event = {.kind = RAFT_TICK, .now_ns = io_now_ns(r->io)};

    if (r->is_running || r->is_ended) {
        return;
    }
    r->is_running = true;
    peers_open(&r->peers, r->recovered.identity.cluster_id, &source);
    peers_set_committed(&r->peers, r->committed);
    note_configuration(r);
    health_start(r);
    replica_step(r, &event, NULL);
    replica_wake(r);
}

void replica_end(struct replica *r)
{
    r->is_ended = true;
    r->is_running = false;
    requests_end(r);
}

void replica_free(struct replica *r)
{
    r->is_ended = true;
    if (r->store != NULL) {
        store_close(r->store);
    }
    if (r->peers.io != NULL) {
        peers_deinit(&r->peers);
    }
    io_timer_stop(r->io, &r->tick);
    io_timer_stop(r->io, &r->sweep);
    io_timer_stop(r->io, &r->health);
    requests_deinit(r);
    log_window_deinit(&r->window);
    members_deinit(&r->members);
    membership_free(r->committed);
    if (r->kv != NULL) {
        kv_free(r->kv);
    }
    buffer_deinit(&r->scratch);
    free(r->arguments);
    free(r->marks);
    free(r->held);
    free(r->raft_memory);
    free(r);
}
