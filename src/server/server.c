/* server.c - starts and ends one node: decides how it starts, and logs that. */
#include "server/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "cluster/address.h"
#include "replica/replica.h"
#include "server/commands.h"
#include "server/contact.h"
#include "store/store.h"
#include "users/denials.h"

/* A member that is out of reach for this long counts as missing. */
static const uint64_t MISSING_NS = 5 * 1000 * 1000 * 1000ull;
static const uint64_t STOP_PATIENCE_NS = 4 * 1000 * 1000 * 1000ull;

/* --- starting ------------------------------------------------------------------------ */

static void make_run_id(struct server *s)
{
    unsigned char bytes[20];

    io_random(s->io, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(s->run_id + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* The server has ended, for whatever reason: reports it to the host, once. */
static void end(struct server *s, int exit_status)
{
    if (s->is_stopped) {
        return;
    }
    s->is_stopped = true;
    if (s->stop_timer.fired != NULL) {
        io_timer_stop(s->io, &s->stop_timer);
    }
    s->stopped(s, exit_status);
}

static void give_up(struct server *s, const char *text)
{
    log_write(s->log, LOG_ERROR, "the node stops", "reason=" LOG_Q, text);
    end(s, 1);
}

/* Removes what this start has created in the directory. */
static void undo_start(struct server *s)
{
    if (replica_recovered(s->replica)->is_new) {
        store_discard(replica_store(s->replica));
    }
}

static struct contact_node look_at_node(void *context)
{
    const struct server *s = context;
    struct io_address leader;

    return (struct contact_node){
        .cluster_id = replica_cluster_id(s->replica),
        .epoch = replica_epoch(s->replica),
        .has_log = replica_has_log(s->replica),
        .is_over = s->is_stopping || s->is_stopped || replica_is_removed(s->replica),
        .knows_leader = replica_leader_address(s->replica, &leader),
        .misses_member = addresses_are_missing(&s->peers, MISSING_NS),
    };
}

static void key_came(void *context, const struct store_key *key)
{
    struct server *s = context;

    s->key = *key;
    peers_show_key(&s->peers, &s->key);
}

static bool added(void *context, const struct join_cluster *cluster, const char *members)
{
    struct server *s = context;

    if (s->key_cluster_id != 0 && s->key_cluster_id != cluster->id) {
        give_up(s, "the key is of another cluster than the contact: name a file with the key of "
                   "the contact's (--cluster-key). This node was added to that cluster as a "
                   "learner: start it again with the right key, or remove it (RAFT REMOVE)");
        return false;
    }
    if (!replica_joined(s->replica, cluster->id, cluster->epoch, &s->key)) {
        return false;
    }
    log_write(s->log, LOG_INFO, "joined as a learner", "cluster=%016" PRIx64 " members=%s",
              cluster->id, members);
    replica_run(s->replica);
    return true;
}

static void contact_met(void *context, const struct member_address *contact)
{
    struct server *s = context;

    if (!MUTANT(contact_port_guessed)) {
        addresses_set_contact(&s->peers, &contact->client, contact->peer_port);
        addresses_learn(&s->peers, contact->id, contact);
    }
}

static void contact_says_removed(void *context)
{
    struct server *s = context;

    replica_note_removed(s->replica);
}

static void contact_failed(void *context, bool is_certain, const char *text)
{
    struct server *s = context;

    if (is_certain) {
        undo_start(s);
    }
    give_up(s, text);
}

/* A node that must join first has nothing but a contact. */
static bool is_newcomer(const struct server *s)
{
    return s->config.has_contact && replica_cluster_id(s->replica) == 0;
}

static void start_contact(struct server *s)
{
    struct contact_options options = {
        .io = s->io,
        .log = s->log,
        .address = s->config.contact,
        .self = *replica_self(s->replica),
        .is_learner = s->config.is_learner,
        .replaces = s->config.replaces,
        .wants_key = !s->has_key,
        .tls = tls_for_contact(&s->tls),
        .events = {.context = s,
                   .look = look_at_node,
                   .has_key = key_came,
                   .added = added,
                   .met = contact_met,
                   .removed = contact_says_removed,
                   .failed = contact_failed},
    };

    if (s->has_key && is_newcomer(s)) {
        peers_show_key(&s->peers, &s->key); /* For members that will add this node. */
    }
    s->contact = contact_start(&options);
}

static void say_hello(struct server *s)
{
    const struct store_recovered *found = replica_recovered(s->replica);
    unsigned port = s->config.address.port;
    unsigned peer_port = s->config.peer_port;

    if (is_newcomer(s)) {
        log_write(s->log, LOG_INFO, "listening, and joining through the contact",
                  "clients=%s:%u peers=%u contact=%s:%u node=%016" PRIx64 " data=" LOG_Q,
                  s->config.address.host, port, peer_port, s->config.contact.host,
                  (unsigned)s->config.contact.port, found->identity.node_id, s->config.data_dir);
        return;
    }

    char cluster[17] = "new";

    if (found->identity.cluster_id != 0) {
        snprintf(cluster, sizeof cluster, "%016" PRIx64, found->identity.cluster_id);
    }
    log_write(s->log, LOG_INFO, "listening",
              "clients=%s:%u peers=%u node=%016" PRIx64 " cluster=%s data=" LOG_Q
              " recovered_entries=%" PRIu64 " applied=%" PRIu64 " term=%" PRIu64
              " log_bytes=%" PRIu64 " torn_bytes=%" PRIu64 " took_ms=%" PRIu64,
              s->config.address.host, port, peer_port, found->identity.node_id, cluster,
              s->config.data_dir, found->last_index, replica_applied_index(s->replica),
              found->current_term, found->log_bytes, found->torn_bytes,
              (io_now_ns(s->io) - s->started_ns) / 1000000);
}

static void warn_of_protected_mode(const struct server *s)
{
    const char *event =
        server_config_serves_nobody(&s->config)
            ? "nobody can use this node: it does not listen on loopback, and protected mode serves "
              "loopback only; --protected-mode no serves everybody who can reach it"
            : "protected mode: only clients over loopback are served, and no other node can join "
              "through this one; --protected-mode no serves everybody who can reach it";

    if (server_config_serves_few(&s->config)) {
        log_write(s->log, LOG_WARN, event, "clients=%s:%u", s->config.address.host,
                  (unsigned)s->config.address.port);
    }
}

static void found_cluster(struct server *s)
{
    if (!s->has_key) {
        io_random(s->io, s->key.bytes, sizeof s->key.bytes);
    }
    replica_bootstrap(s->replica, &s->key);
    log_write(s->log, LOG_INFO, "made a new cluster", "cluster=%016" PRIx64 " advice=" LOG_Q,
              replica_cluster_id(s->replica),
              "if this node belongs to a cluster already, stop it: it was started in the wrong "
              "directory");
}

/* Decides how this node starts. */
static void begin(struct server *s)
{
    struct replica *r = s->replica;
    bool is_added = replica_cluster_id(r) != 0 && !replica_is_founder(r);

    if (replica_has_log(r) || replica_lacks_entries(r) || is_added) {
        replica_run(r); /* It was added but has not heard from a leader, which will find it. */
        if (s->config.has_contact && s->contact == NULL) {
            start_contact(s);
        }
    } else if (is_newcomer(s)) {
        start_contact(s);
    } else {
        found_cluster(s);
    }
}

/* Until the contact reports its peer port: in most clusters the distance of the two ports is the
 * same for all nodes. */
static uint16_t guessed_peer_port(const struct server_config *c)
{
    return (uint16_t)(c->contact.port + c->peer_port - c->address.port);
}

static bool start_peers(struct server *s, char *text, size_t text_size)
{
    const struct server_config *c = &s->config;
    struct peers_events events = replica_peers_events(s->replica);
    struct peers_options options = {
        .self = *replica_self(s->replica),
        .host = c->address,
        .election_timeout_ns = c->election_timeout_ns,
        .version = c->peer_protocol,
        .level = c->feature_level,
        .piece_bytes = c->piece_bytes,
        .tls = tls_for_peers(&s->tls),
    };
    int error = peers_start(&s->peers, s->io, replica_log(s->replica), &events, &options);

    if (error < 0) {
        snprintf(text, text_size, "cannot listen for peers on %s port %u (--peer-port): %s",
                 c->address.host, (unsigned)c->peer_port, address_listen_fault(error));
        return false;
    }
    if (c->has_contact) {
        addresses_set_contact(&s->peers, &c->contact, guessed_peer_port(c));
    }
    return true;
}

/* Everything is loaded: the node becomes a member of its cluster, or founds one of its own. */
static bool take_part(struct server *s, char *text, size_t text_size)
{
    bool is_first = s->peers.io == NULL; /* Otherwise the replica has restarted. */

    if (is_first && !start_peers(s, text, text_size)) {
        return false;
    }
    s->is_loading = false;
    if (is_first) {
        say_hello(s);
        warn_of_protected_mode(s);
    } else {
        log_write(s->log, LOG_INFO, "the node has started again", "applied=%" PRIu64,
                  replica_applied_index(s->replica));
    }
    begin(s);
    if (s->runs != NULL) {
        s->runs(s);
    }
    return true;
}

/* Loads for as long as a turn may take. */
static bool load(struct server *s, char *text, size_t text_size)
{
    switch (replica_load(s->replica, text, text_size)) {
    case REPLICA_LOADS:
        MUTANT_DO(takes_part_while_loading, return take_part(s, text, text_size));
        return true;
    case REPLICA_LOADED:
        return take_part(s, text, text_size);
    case REPLICA_DAMAGED:
        s->wants_restart = true;
        io_turn_soon(s->io);
        return true;
    case REPLICA_UNLOADABLE:
        break;
    }
    return false;
}

static void go_on_loading(struct server *s)
{
    char text[1024] = "";

    if (s->is_loading && !s->is_stopped && !load(s, text, sizeof text)) {
        give_up(s, text);
    }
}

static bool read_key(struct server *s, char *text, size_t text_size)
{
    const char *path = s->config.cluster_key_file;

    s->has_key = path != NULL;
    return path == NULL ||
           store_read_key(s->io, path, &s->key, &s->key_cluster_id, text, text_size) == STORE_OK;
}

static struct replica_options replica_options(struct server *s)
{
    const struct server_config *c = &s->config;

    return (struct replica_options){
        .io = s->io,
        .log = s->log,
        .probe = s->probe,
        .commands = &s->commands,
        .denials = s->denials,
        .data_dir = c->data_dir,
        .is_new_cluster = c->is_new_cluster,
        .key = s->has_key ? &s->key : NULL,
        .is_joining = c->has_contact,
        .peers = &s->peers,
        .announced = server_config_announced(c),
        .peer_port = c->peer_port,
        .name = c->name,
        .feature_level = c->feature_level,
        .election_timeout_ns = c->election_timeout_ns,
        .heartbeat_interval_ns = c->heartbeat_interval_ns,
        .request_timeout_ns = c->request_timeout_ns,
        .segment_bytes = c->segment_bytes,
        .digest_interval = c->digest_interval,
        .check_after_ns = c->check_after_ns,
        .load_turn_ns = c->load_turn_ns,
        .log_memory_bytes = c->log_memory_bytes,
        .log_tail_bytes = c->log_tail_bytes,
        .snapshot_after_bytes = c->snapshot_after_bytes,
        .snapshot_after_entries = c->snapshot_after_entries,
        .snapshot_rate_bytes = c->snapshot_rate_bytes,
        .scrub_period_ns = c->scrub_period_ns,
        .scrub_rate_bytes = c->scrub_rate_bytes,
        .feed_bytes = c->feed_bytes,
        .in_flight_bytes_max = c->in_flight_bytes_max,
        .reply_bytes_max = c->client_output_bytes_max,
        .memory_bytes_max = c->memory_bytes_max,
        .disk_bytes_max = c->disk_bytes_max,
        .piece_bytes = c->piece_bytes,
    };
}

/* The key of a member of the old cluster would let those in whom the new one must keep out. */
static bool restore(struct server *s, char *text, size_t text_size)
{
    const struct server_config *c = &s->config;
    struct from_backup_options options = {
        .io = s->io,
        .log = s->log,
        .commands = &s->commands,
        .file = c->restore_file,
        .point = c->restore_point,
        .data_dir = c->data_dir,
        .key = s->has_key ? &s->key : NULL,
        .announced = server_config_announced(c),
        .peer_port = c->peer_port,
        .name = c->name,
        .feature_level = c->feature_level,
        .segment_bytes = c->segment_bytes,
    };

    if (c->restore_file == NULL) {
        return true;
    }
    if (s->key_cluster_id != 0) {
        snprintf(text, text_size,
                 "the key in %s is of another cluster: --restore makes a new one. Leave "
                 "--cluster-key out, or name a file of 32 random bytes",
                 c->cluster_key_file);
        return false;
    }
    return from_backup(&options, text, text_size);
}

static void replica_runs(void *context)
{
    struct server *s = context;
    struct peers_source source = replica_source(s->replica);

    peers_open(&s->peers, replica_cluster_id(s->replica), replica_epoch(s->replica),
               replica_cluster_key(s->replica), &source);
}

static void replica_failed(void *context)
{
    end(context, 1);
}

static void replica_wants_restart(void *context)
{
    struct server *s = context;

    s->wants_restart = true;
    io_turn_soon(s->io);
}

static bool start_replica(struct server *s, char *text, size_t text_size)
{
    struct replica_events events = {.context = s,
                                    .runs = replica_runs,
                                    .failed = replica_failed,
                                    .restart = replica_wants_restart};

    if (read_key(s, text, text_size) && restore(s, text, text_size)) {
        struct replica_options options = replica_options(s);

        s->replica = replica_start(&options, &events, text, text_size);
    }
    if (s->replica != NULL) {
        tls_set_log(&s->tls, replica_log(s->replica));
    }
    return s->replica != NULL;
}

static void end_peers(struct server *s)
{
    if (s->peers.io != NULL) { /* Otherwise they were never started. */
        peers_deinit(&s->peers);
    }
}

/* The replica starts again from its directory. Both ports stay, and clients stay connected: until
 * all is loaded, they are answered LOADING. Other nodes see the end of a process, and then a new
 * one. */
static void restart_replica(struct server *s)
{
    char text[1024] = "";
    struct replica_options options = replica_options(s);
    struct replica *next = replica_restart(s->replica, &options, text, sizeof text);

    s->wants_restart = false;
    s->is_loading = true;
    if (next != NULL) {
        s->replica = next;
        doors_set_replica(&s->doors, next);
        tls_set_log(&s->tls, replica_log(next));
    }

    if (s->peers.io != NULL) { /* Otherwise it was still loading. */
        struct peers_events events = replica_peers_events(s->replica);

        peers_close(&s->peers, replica_log(s->replica), &events);
    }
    if (next == NULL) {
        doors_shut(&s->doors);
        give_up(s, text);
    }
}

static void stop_now(struct server *s, int exit_status);
static void stop_if_settled(struct server *s);

static void restart_if_asked(struct server *s)
{
    if (!s->wants_restart || s->is_stopped) {
        return;
    }
    if (s->is_stopping) {
        stop_now(s, 0); /* The replica has ended already. */
    } else {
        restart_replica(s);
    }
}

/* Commands are taken, processed, and answered as far as they are done: one write to the disk,
 * one to each peer, and one to each client. */
static void turn(void *context)
{
    struct server *s = context;

    restart_if_asked(s);
    go_on_loading(s);
    doors_run(&s->doors);
    if (!s->is_loading) {
        replica_place(s->replica);
        peers_flush(&s->peers);
        replica_execute(s->replica);
        peers_flush_answers(&s->peers);
    }
    doors_send(&s->doors);
    if (!s->is_loading) {
        replica_note_sent(s->replica);
    }
    stop_if_settled(s);
}

struct server *server_start(struct io *io, const struct server_config *config,
                            const struct log *log, const struct server_probe *probe,
                            void (*stopped)(struct server *server, int exit_status), void *context,
                            char *text, size_t text_size)
{
    struct server *s = memory_take_zeroed(1, sizeof *s);

    s->io = io;
    s->log = log;
    s->config = *config;
    server_config_fit_memory(&s->config);
    server_config_fit_disk(&s->config);
    if (s->config.clients_max_possible == 0) {
        s->config.clients_max_possible = s->config.clients_max;
    }
    s->stopped = stopped;
    s->stop = server_stop;
    s->context = context;
    s->probe = probe;
    s->started_ns = io_now_ns(io);
    make_run_id(s);
    commands_add_all(&s->commands);
    s->denials = denials_new();
    if (s->config.more_commands != NULL) {
        command_table_add(&s->commands, s->config.more_commands);
    }
    log_write(log, LOG_INFO, "starting", "data=" LOG_Q, config->data_dir);
    io_set_turn(io, turn, s);
    if (!tls_start(&s->tls, io, &s->config, log, text, text_size) ||
        !start_replica(s, text, text_size)) {
        io_set_turn(io, NULL, NULL);
        tls_end(&s->tls);
        denials_free(s->denials);
        free(s);
        return NULL;
    }
    s->is_loading = true;
    if (!doors_open(&s->doors, s, text, text_size) || !load(s, text, text_size)) {
        io_set_turn(io, NULL, NULL);
        doors_free(&s->doors);
        undo_start(s);
        tls_end(&s->tls);
        replica_free(s->replica);
        end_peers(s);
        denials_free(s->denials);
        free(s);
        return NULL;
    }
    return s;
}

/* --- ending -------------------------------------------------------------------------- */

static void stop_now(struct server *s, int exit_status)
{
    if (!s->is_stopped) {
        log_write(s->log, LOG_INFO, "stopped", "node=%016" PRIx64, replica_node_id(s->replica));
        end(s, exit_status);
    }
}

static void stop_if_settled(struct server *s)
{
    if (s->is_stopping && replica_is_settled(s->replica) && doors_are_idle(&s->doors)) {
        stop_now(s, 0);
    }
}

static void stop_timer_fired(struct io_timer *timer)
{
    struct server *s = container_of(timer, struct server, stop_timer);

    log_write(s->log, LOG_WARN, "stopping with commands under way", "%s", "");
    stop_now(s, 0);
}

void server_stop(struct server *s)
{
    if (s->is_stopping) {
        return;
    }
    s->is_stopping = true;
    log_write(s->log, LOG_INFO, "stopping", "%s", "");
    if (s->is_loading) {
        stop_now(s, 0); /* No other node knows it yet. */
        return;
    }
    doors_refuse(&s->doors);
    replica_hand_over(s->replica);
    s->stop_timer.fired = stop_timer_fired;
    io_timer_start(s->io, &s->stop_timer, io_now_ns(s->io) + STOP_PATIENCE_NS);
}

void server_free(struct server *s)
{
    if (s->stop_timer.fired != NULL) {
        io_timer_stop(s->io, &s->stop_timer);
    }
    contact_free(s->contact);
    tls_end(&s->tls);
    replica_end(s->replica);
    doors_free(&s->doors);
    replica_free(s->replica);
    end_peers(s);
    denials_free(s->denials);
    free(s);
}
