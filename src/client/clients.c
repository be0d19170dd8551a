/* clients.c - who is connected: accepting and refusing, turns of clients that may go on, and the
 * end of a connection.
 *
 * A connection may end while its commands are under way. They can't be cancelled, so the struct
 * stays until the last one is answered, and the replies are dropped. */
#include "client/clients.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "client/client.h"
#include "kv/kv.h"
#include "replica/replica.h"

enum {
    SWEEP_INTERVAL_NS = 500000000, /* Half a second. */
    SWEEP_CLIENTS_MIN = 512,       /* Clients checked in one sweep, at least. */
    SWEEP_PART = 8,                /* Or this fraction of all. */
};

static const uint64_t linger_ns = 1000000000ull;
static const uint64_t farewell_ns = 10000000000ull; /* Time to read the last replies. */
static const uint64_t drain_ns = 2000000000ull;     /* Time for the other side to end after that. */

/* --- the end of a connection --------------------------------------------------------- */

static void free_client(struct client *c)
{
    if (c->id != 0) {
        chains_remove(&c->clients->by_id, &c->id_chain);
    }
    list_remove(&c->link);
    list_remove(&c->reserve_link);
    resp_parser_deinit(&c->parser);
    transaction_deinit(&c->transaction);
    buffer_deinit(&c->input);
    buffer_deinit(&c->out);
    buffer_deinit(&c->sending);
    free(c->user_name);
    free(c->name);
    free(c->library_name);
    free(c->library_version);
    free(c->once_client);
    free(c);
}

void client_free_if_over(struct client *c)
{
    if (c->end == CLIENT_CLOSED && c->slot_count == 0) {
        free_client(c);
    }
}

static void on_closed(struct io_stream *stream)
{
    struct client *c = client_of_stream(stream);

    CHECK(c->end == CLIENT_CLOSING);
    c->end = CLIENT_CLOSED;
    client_free_if_over(c);
}

void client_close(struct client *c, const char *why)
{
    struct clients *clients = c->clients;

    if (c->end >= CLIENT_CLOSING) {
        return;
    }
    log_write(clients->log, LOG_DEBUG, "client left", "client=%llu peer=%s why=" LOG_Q,
              (unsigned long long)c->id, c->peer, why);
    client_leave(c);
    audience_leave(c);
    c->end = CLIENT_CLOSING;
    list_remove(&c->ready_link);
    list_remove(&c->dirty_link);
    list_remove(&c->monitor_link);
    client_forget_memory(c);
    client_abandon(c);
    io_stream_close(clients->io, &c->stream);
}

void client_turn_away(struct client *c, const char *text)
{
    struct resp_writer w = {.out = &c->out, .version = c->version};

    resp_error(&w, text);
    c->clients->stats.refused_count++;
    c->end = CLIENT_LINGERS;
    client_make_dirty(c);
}

/* --- turns --------------------------------------------------------------------------- */

void client_make_ready(struct client *c)
{
    c->wait = CLIENT_RUNS;
    list_remove(&c->ready_link);
    list_append(&c->clients->ready, &c->ready_link);
}

void client_make_dirty(struct client *c)
{
    if (c->end < CLIENT_CLOSING && list_is_empty(&c->dirty_link)) {
        list_append(&c->clients->dirty, &c->dirty_link);
    }
}

/* Moves all of `from` to the end of `to`. */
static void move_all(struct list *to, struct list *from)
{
    while (!list_is_empty(from)) {
        struct list *node = list_first(from);

        list_remove(node);
        list_append(to, node);
    }
}

/* Runs the clients that wait for the replica, longest wait first. One that finds no room comes
 * last next time. */
static void run_congested(struct clients *c, struct time_share *share)
{
    c->is_relieved = replica_has_room_again(c->replica);
    while (c->is_relieved && !list_is_empty(&c->congested) && !replica_is_congested(c->replica)) {
        struct client *client = container_of(list_first(&c->congested), struct client, ready_link);

        list_remove(&client->ready_link);
        client->wait = CLIENT_RUNS;
        client_run(client);
        if (time_share_look(share)) {
            break;
        }
    }
    c->is_relieved = false;
}

/* Runs the ready clients in turn, at least one, as long as there is time. The next turn begins
 * with those left over. */
static void run_ready(struct clients *c, struct time_share *share)
{
    struct list now;

    list_init(&now);
    move_all(&now, &c->ready);
    while (!list_is_empty(&now)) {
        struct list *node = list_first(&now);

        list_remove(node);
        client_run(container_of(node, struct client, ready_link));
        if (time_share_look(share)) {
            break;
        }
    }
    move_all(&now, &c->ready);
    move_all(&c->ready, &now);
}

void clients_run(struct clients *c)
{
    struct time_share share;

    topology_look(c);
    sentinel_look(c);
    waits_look(c);
    logins_look(c);
    time_share_begin(&share, c->io, c->options.probe, CLIENTS_TURN_NS);
    run_congested(c, &share);
    run_ready(c, &share);
}

void clients_send(struct clients *c)
{
    waits_look(c); /* More may be applied now. */
    rights_look(c);
    clients_deliver(c);
    while (!list_is_empty(&c->dirty)) {
        struct list *node = list_first(&c->dirty);

        list_remove(node);
        client_send(container_of(node, struct client, dirty_link));
    }
    if (!c->options.is_sentinel) {
        replica_note_client_bytes(c->replica, c->unread_bytes + c->input_bytes + c->topics.bytes +
                                                  c->tracking.bytes +
                                                  pushes_memory_bytes(&c->pushes));
    }
    /* Otherwise nothing would run clients that had no time, or that an answer of this turn
     * allows to continue. */
    if ((!list_is_empty(&c->ready) ||
         (!list_is_empty(&c->congested) && replica_has_room_again(c->replica))) &&
        !MUTANT(ready_left_waiting)) {
        io_turn_soon(c->io);
    }
}

bool clients_are_idle(const struct clients *c)
{
    list_for_each(node, &c->all)
    {
        const struct client *client = container_of(node, struct client, link);

        if (client->slot_count > 0 || (client->end < CLIENT_CLOSING &&
                                       (client->is_sending || buffer_size(&client->out) > 0))) {
            return false;
        }
    }
    return true;
}

/* --- sweeping ------------------------------------------------------------------------ */

static void give_memory_back(struct client *c)
{
    if (buffer_size(&c->input) == 0) {
        buffer_deinit(&c->input);
        client_note_input(c);
        c->read_bytes = CLIENT_READ_BYTES;
    }
    if (buffer_size(&c->out) == 0) {
        buffer_deinit(&c->out);
    }
    if (!c->is_sending) {
        buffer_deinit(&c->sending);
    }
}

static void sweep_one(struct client *c, uint64_t now_ns)
{
    uint64_t silent_ns = now_ns - c->active_ns;
    uint64_t idle_ns = c->clients->options.idle_ns;

    if (c->end >= CLIENT_CLOSING) {
        return;
    }
    if (c->end == CLIENT_LINGERS && silent_ns >= linger_ns) {
        client_close(c, "it was turned away");
    } else if (c->end == CLIENT_ENDS_AFTER_REPLIES && silent_ns >= farewell_ns &&
               c->slot_count == 0) {
        c->clients->stats.closed_slow_count++;
        client_close(c, "it does not read its last replies");
    } else if (c->end == CLIENT_DRAINS && silent_ns >= drain_ns) {
        client_close(c, "it does not end its side");
    } else if (idle_ns > 0 && silent_ns >= idle_ns && c->slot_count == 0 && !c->never_evict &&
               !audience_has(c)) {
        client_close(c, "it was idle for too long");
    } else if (silent_ns >= SWEEP_INTERVAL_NS) {
        give_memory_back(c);
    }
}

static void start_sweep(struct clients *c)
{
    c->is_sweeping = !list_is_empty(&c->all);
    if (c->is_sweeping) {
        io_timer_start(c->io, &c->sweep_timer, io_now_ns(c->io) + SWEEP_INTERVAL_NS);
    }
}

static void measure_rate(struct clients *c, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - c->rate_from_ns;

    if (passed_ns >= SWEEP_INTERVAL_NS) {
        c->commands_a_second =
            (c->stats.commands_count - c->rate_from_count) * 1000000 / (passed_ns / 1000);
        c->rate_from_ns = now_ns;
        c->rate_from_count = c->stats.commands_count;
    }
}

/* Checks a part of the clients each time, so that thousands of them cause no pause. */
static void on_sweep(struct io_timer *timer)
{
    struct clients *c = container_of(timer, struct clients, sweep_timer);
    uint64_t now_ns = io_now_ns(c->io);
    uint64_t part = (c->stats.connected_count + c->lingering_count) / SWEEP_PART;
    uint64_t left = part > SWEEP_CLIENTS_MIN ? part : SWEEP_CLIENTS_MIN;
    struct list seen;

    measure_rate(c, now_ns);
    clients_sweep_reserve(c, now_ns);
    trackers_sweep(c);
    list_init(&seen);
    while (left > 0 && !list_is_empty(&c->all)) {
        struct list *node = list_first(&c->all);

        list_remove(node);
        list_append(&seen, node);
        sweep_one(container_of(node, struct client, link), now_ns);
        left--;
    }
    move_all(&c->all, &seen);
    start_sweep(c);
}

/* --- accepting ----------------------------------------------------------------------- */

struct resp_limits client_limits(const struct clients *clients)
{
    struct resp_limits limits = {
        .arguments_max = CLIENT_ARGUMENTS_MAX,
        .bulk_bytes_max = KV_VALUE_BYTES_MAX,
        .request_bytes_max = clients->options.input_bytes_max,
        .inline_bytes_max = CLIENT_INLINE_BYTES_MAX,
    };

    if (limits.bulk_bytes_max > limits.request_bytes_max) {
        limits.bulk_bytes_max = limits.request_bytes_max;
    }
    return limits;
}

static struct client *new_client(struct clients *clients)
{
    struct client *c = memory_take_zeroed(1, sizeof *c);
    struct resp_limits limits = client_limits(clients);

    c->stream = (struct io_stream){
        .room = client_room,
        .received = client_received,
        .sent = client_sent,
        .closed = on_closed,
    };
    c->clients = clients;
    list_init(&c->link);
    list_init(&c->reserve_link);
    list_init(&c->ready_link);
    list_init(&c->dirty_link);
    list_init(&c->monitor_link);
    subscriber_init(&c->subscriber);
    resp_parser_init(&c->parser, &limits);
    c->read_bytes = CLIENT_READ_BYTES;
    /* Nothing is known yet, so start with a cautious guess. */
    c->read_reply_bytes = CLIENT_READ_WINDOW_BYTES / 4;
    c->version = 2;
    c->redirects = clients->options.cluster_mode == CLUSTER_REDIRECTS;
    c->connected_ns = io_now_ns(clients->io);
    c->active_ns = c->connected_ns;
    return c;
}

static void admit(struct clients *clients, struct client *c)
{
    clients->stats.accepted_count++;
    clients->last_id++;
    c->id = clients->last_id;
    chains_add(&clients->by_id, &c->id_chain, c->id);
    io_stream_peer(clients->io, &c->stream, c->peer, sizeof c->peer);
    c->origin = io_stream_origin(clients->io, &c->stream);
    list_append(&clients->all, &c->link);
    log_write(clients->log, LOG_DEBUG, "client came", "client=%llu peer=%s",
              (unsigned long long)c->id, c->peer);
    client_place(c);
    if (!clients->is_sweeping) {
        start_sweep(clients);
    }
}

static void accept_client(struct clients *clients, struct io_listener *listener, struct io_tls *tls)
{
    struct client *c = new_client(clients);
    int status;

    c->stream.tls = tls;
    status = io_accept(clients->io, listener, &c->stream);
    if (status < 0) {
        log_write(clients->log, LOG_WARN, "a client could not be accepted", "error=" LOG_Q,
                  strerror(-status));
        free_client(c);
        return;
    }
    admit(clients, c);
}

static void on_accepted(struct io_listener *listener)
{
    accept_client(container_of(listener, struct clients, listener), listener, NULL);
}

static void on_tls_accepted(struct io_listener *listener)
{
    struct clients *clients = container_of(listener, struct clients, tls_listener);

    accept_client(clients, listener, clients->options.tls);
}

static void on_listener_closed(struct io_listener *listener)
{
    /* No reference to it is left. */
}

/* --- life ---------------------------------------------------------------------------- */

static int listen_to_clients(struct clients *c, uint16_t *ret_port)
{
    const struct clients_options *o = &c->options;
    struct io_address address = o->address;
    bool is_plain = o->tls == NULL || o->tls_port != o->address.port;
    int status = is_plain ? io_listen(c->io, &c->listener, &address, ret_port) : 0;

    c->has_listener = is_plain && status == 0;
    if (status < 0) {
        *ret_port = o->address.port;
    } else if (o->tls != NULL) {
        address.port = o->tls_port;
        *ret_port = o->tls_port;
        status = io_listen(c->io, &c->tls_listener, &address, NULL);
        c->has_tls_listener = status == 0;
    }
    c->is_listening = status == 0;
    return status;
}

int clients_start(const struct clients_options *options, struct clients **ret_clients,
                  uint16_t *ret_port)
{
    struct clients *c = memory_take_zeroed(1, sizeof *c);

    c->options = *options;
    c->io = options->io;
    c->log = options->log;
    c->replica = options->replica;
    c->listener.accepted = on_accepted;
    c->listener.closed = on_listener_closed;
    c->tls_listener.accepted = on_tls_accepted;
    c->tls_listener.closed = on_listener_closed;
    c->sweep_timer.fired = on_sweep;
    list_init(&c->all);
    list_init(&c->reserve);
    list_init(&c->ready);
    list_init(&c->congested);
    list_init(&c->dirty);
    list_init(&c->monitors);
    pause_init(c);
    waits_init(c);
    logins_init(c);
    topics_init(&c->topics, checksum(options->run_id, strlen(options->run_id)));
    pushes_init(&c->pushes);
    tracking_init(&c->tracking, c->topics.seed);

    int status = listen_to_clients(c, ret_port);

    if (status < 0) {
        free(c);
        return status;
    }
    *ret_clients = c;
    return 0;
}

struct io_listener *clients_listener(struct clients *c)
{
    return c->has_listener ? &c->listener : &c->tls_listener;
}

void clients_set_replica(struct clients *c, struct replica *replica)
{
    c->replica = replica; /* First: the other one is freed. */
    c->options.replica = replica;
    c->users_version = UINT64_MAX; /* Of another one: all clients are looked at again. */
    waits_end(c, NULL);            /* What they wait for was with the other one. */
    trackers_flush(c);             /* The state may have been wrong. */
}

void clients_limit(struct clients *c, uint32_t clients_max, uint64_t idle_ns)
{
    c->options.clients_max = clients_max;
    c->options.idle_ns = idle_ns;
}

struct client *clients_find(const struct clients *clients, uint64_t id)
{
    struct chain *chain = chains_find(&clients->by_id, id);
    struct client *c = chain == NULL ? NULL : container_of(chain, struct client, id_chain);

    return c != NULL && c->end < CLIENT_CLOSING ? c : NULL;
}

void clients_shut(struct clients *c)
{
    clients_refuse(c);
    list_for_each(node, &c->all)
    {
        client_close(container_of(node, struct client, link), "the node ends");
    }
}

void clients_refuse(struct clients *c)
{
    c->is_listening = false;
    if (c->has_listener) {
        c->has_listener = false;
        io_listener_close(c->io, &c->listener);
    }
    if (c->has_tls_listener) {
        c->has_tls_listener = false;
        io_listener_close(c->io, &c->tls_listener);
    }
    waits_end(c, NULL);
}

static void free_slots(struct client *c)
{
    while (c->first_slot != NULL) {
        struct reply_slot *slot = c->first_slot;

        c->first_slot = slot->next;
        entry_release(slot->request.entry);
        buffer_deinit(&slot->out);
        buffer_deinit(&slot->read_keys);
        free(slot);
    }
    c->slot_count = 0;
}

void clients_free(struct clients *c)
{
    io_timer_stop(c->io, &c->sweep_timer);
    io_timer_stop(c->io, &c->pause_timer);
    waits_free(c);
    logins_free(c);
    list_for_each(node, &c->all)
    {
        struct client *client = container_of(node, struct client, link);

        for (int kind = 0; kind < TOPIC_KINDS; kind++) {
            topics_leave(&c->topics, &client->subscriber, (enum topic_kind)kind);
        }
        free_slots(client);
        free_client(client);
    }
    clients_free_spare_slots(c);
    topics_deinit(&c->topics);
    pushes_deinit(&c->pushes);
    tracking_deinit(&c->tracking);
    call_counts_clear(&c->call_counts);
    free(c);
}

void clients_get_stats(const struct clients *c, struct clients_stats *ret_stats)
{
    *ret_stats = c->stats;
    ret_stats->unread_bytes = c->unread_bytes;
}

void clients_reset_stats(struct clients *c)
{
    c->stats = (struct clients_stats){.connected_count = c->stats.connected_count};
    c->rate_from_count = 0;
    call_counts_clear(&c->call_counts);
}

struct clients *call_clients(const struct command_call *call)
{
    return call_client(call)->clients;
}

void *call_context(const struct command_call *call)
{
    return call_clients(call)->options.context;
}

void call_end_connection(struct command_call *call)
{
    call_client(call)->end = CLIENT_ENDS_AFTER_REPLIES;
    client_make_dirty(call_client(call));
}
