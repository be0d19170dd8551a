/* peers.c - the list of peers, and the connections that come in. */
#include "peer/peers.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"

enum {
    ANSWERS_BYTES_MAX = 1024 * 1024 * 1024,
    PEERS_MAX = 2 * RAFT_MEMBERS_MAX, /* Members, and others that have dialed this node. */
};

static const uint64_t PATIENCE_NS = PEERS_PATIENCE_MS * 1000 * 1000ull;

/* After a partition TCP retransmits ever more rarely, so a connection that survived it may stay
 * silent as long again. A new connection is faster. */
enum { SEND_ELECTION_TIMEOUTS = 10, SEND_TIMEOUT_MS_MAX = 60 * 1000 };

/* --- the table ----------------------------------------------------------------------- */

struct peer *peers_find(const struct peers *p, raft_id id)
{
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        if (peer->id == id && !peer->is_leaving) {
            return peer;
        }
    }
    return NULL;
}

struct inbound *peers_inbound(const struct peers *p, raft_id from, enum wire_channel channel)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in->is_greeted && !in->link.is_closing && in->from == from && in->channel == channel) {
            return in;
        }
    }
    return NULL;
}

bool peers_is_connected(const struct peers *p, raft_id id)
{
    const struct peer *peer = peers_find(p, id);

    return peer != NULL && peer->dial[WIRE_CONTROL].phase == DIAL_UP;
}

void peer_free_if_unused(struct peer *peer)
{
    if (peer->is_leaving && dial_is_idle(&peer->dial[WIRE_CONTROL]) &&
        dial_is_idle(&peer->dial[WIRE_BULK]) && !peer->sender.is_reading) {
        list_remove(&peer->link);
        link_deinit(&peer->dial[WIRE_CONTROL].link);
        link_deinit(&peer->dial[WIRE_BULK].link);
        free(peer);
    }
}

/* --- the timer ------------------------------------------------------------------------ */

static void inbound_tick(struct inbound *in, uint64_t now_ns, uint64_t *next_ns)
{
    uint64_t due_ns = in->since_ns + PATIENCE_NS;

    if ((in->is_greeted && !in->is_leaving) || in->link.is_closing) {
        return;
    }
    if (now_ns >= due_ns) {
        link_close(&in->link);
    } else if (due_ns < *next_ns) {
        *next_ns = due_ns;
    }
}

static void timer_fired(struct io_timer *timer)
{
    struct peers *p = container_of(timer, struct peers, timer);
    uint64_t now_ns = io_now_ns(p->io);
    uint64_t next_ns = UINT64_MAX;

    p->timer_ns = UINT64_MAX;
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        dial_tick(&peer->dial[WIRE_CONTROL], now_ns, &next_ns);
        dial_tick(&peer->dial[WIRE_BULK], now_ns, &next_ns);
    }
    list_for_each(node, &p->inbounds)
    {
        inbound_tick(container_of(node, struct inbound, node), now_ns, &next_ns);
    }
    verify_tick(p, now_ns, &next_ns);
    if (next_ns != UINT64_MAX) {
        peers_arm_timer(p, next_ns);
    }
}

/* Only ever moves the timer earlier: otherwise a flood of connections could postpone it for
 * ever, and nobody would be dialed again. */
void peers_arm_timer(struct peers *p, uint64_t at_ns)
{
    if (!p->is_ended && at_ns < p->timer_ns) {
        p->timer_ns = at_ns;
        io_timer_start(p->io, &p->timer, at_ns);
    }
}

static struct peer *add_peer(struct peers *p, const struct member_address *address)
{
    struct peer *peer = memory_take_zeroed(1, sizeof *peer);

    peer->peers = p;
    peer->id = address->id;
    peer->address = *address;
    peer->lost_ns = 0;
    peer->search_ns = UINT64_MAX;
    sender_reset(peer);
    dial_init(&peer->dial[WIRE_CONTROL], peer, WIRE_CONTROL);
    dial_init(&peer->dial[WIRE_BULK], peer, WIRE_BULK);
    list_append(&p->all, &peer->link);
    dial_start(&peer->dial[WIRE_CONTROL]);
    dial_start(&peer->dial[WIRE_BULK]);
    peers_arm_timer(p, io_now_ns(p->io) + DIAL_RETRY_MS * 1000 * 1000ull);
    return peer;
}

static void readdress(struct peer *peer, const struct member_address *address)
{
    addresses_renewed(peer);
    if (member_address_same_place(&peer->address, address)) {
        peer->address = *address;
        /* It is reached, so it need not be looked for elsewhere. */
        if (peer->dial[WIRE_CONTROL].was_search) {
            dial_drop(&peer->dial[WIRE_CONTROL]);
        }
        return;
    }
    peer->reported = peer->address;
    peer->address = *address;
    dial_drop(&peer->dial[WIRE_CONTROL]);
    dial_drop(&peer->dial[WIRE_BULK]);
}

void peer_forget(struct peer *peer)
{
    peer->is_leaving = true;
    sender_reset(peer);
    /* What was sent last (with luck, the commit of its removal) is still flushed. */
    link_flush(&peer->dial[WIRE_CONTROL].link);
    link_flush(&peer->dial[WIRE_BULK].link);
    dial_drop(&peer->dial[WIRE_CONTROL]);
    dial_drop(&peer->dial[WIRE_BULK]);
    peer_free_if_unused(peer);
}

void peers_set_members(struct peers *p, const struct membership *m)
{
    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        const struct member_address *address = &m->addresses[i];

        if (address->id == p->self.id) {
            p->self_logged = *address;
            continue;
        }

        struct peer *peer = peers_find(p, address->id);

        if (peer == NULL) {
            add_peer(p, address)->logged = *address;
        } else if (member_address_equal(&peer->logged, address)) {
            peer->logged = *address; /* It may have another name. */
        } else {
            peer->logged = *address;
            /* A node that catches up finds outdated addresses in the log; the address where a
             * member is reached is right. */
            if ((peer->dial[WIRE_CONTROL].phase != DIAL_UP || MUTANT(logged_beats_reached)) &&
                !MUTANT(newer_log_ignored)) {
                readdress(peer, address);
            }
        }
    }
}

/* --- accepting ----------------------------------------------------------------------- */

static void inbound_closed(struct link *link)
{
    struct inbound *in = link->context;
    struct peers *p = in->peers;

    p->holds_changed = true;
    if (in->is_greeted) {
        p->events.lost(p->events.context, in->from);
    }
    list_remove(&in->node);
    pieces_drop(&in->pieces);
    link_deinit(link);
    free(in);
}

static uint32_t count_peers(const struct peers *p)
{
    uint32_t count = 0;

    list_for_each(node, &p->all)
    {
        count++;
    }
    return count;
}

/* A node reports its own address. If a leader is about to add this node, that is the only way to
 * know the leader. */
void peers_learn(struct peers *p, const struct member_address *address)
{
    struct peer *peer = peers_find(p, address->id);

    if (!addresses_is_usable(p, address->id, address)) {
        return; /* It remains welcome: its address, if it is a good one, will come with the log. */
    }
    if (peer == NULL && count_peers(p) < PEERS_MAX) {
        add_peer(p, address);
    } else if (peer != NULL && !MUTANT(greeted_address_ignored)) {
        readdress(peer, address);
        /* It is alive, so do not wait for the next attempt. */
        for (int channel = WIRE_CONTROL; channel <= WIRE_BULK; channel++) {
            if (dial_is_idle(&peer->dial[channel])) {
                dial_start(&peer->dial[channel]);
            }
        }
    }
}

/* The address that the process at the other end has announced. */
static struct member_address address_of(const struct inbound *in)
{
    struct wire_hello hello;

    CHECK(wire_get_hello(in->greeting.hello, &hello));
    return (struct member_address){
        .id = hello.from, .client = hello.address, .peer_port = hello.peer_port};
}

enum peers_word peers_word_of(const struct peers *p, const struct member_address *address)
{
    const struct inbound *control = peers_inbound(p, address->id, WIRE_CONTROL);
    const struct inbound *in = control != NULL ? control : peers_inbound(p, address->id, WIRE_BULK);
    bool is_own = address->id == p->self.id;

    if (!is_own && in == NULL) {
        return PEERS_NO_WORD;
    }

    struct member_address said = is_own ? p->self : address_of(in);

    return member_address_equal(&said, address) ? PEERS_LIVES_THERE : PEERS_LIVES_ELSEWHERE;
}

/* Whether the message is from the greeted node itself, and for this one. */
static bool is_between_us(const struct inbound *in, const struct wire_message *w)
{
    const struct raft_message *m = &w->message;

    return m->from == in->from && (m->to == in->peers->self.id || MUTANT(message_to_another_taken));
}

/* The connection is closed, and the node will dial again. */
static void note_malformed(struct inbound *in, enum wire_type type)
{
    struct peers *p = in->peers;
    uint64_t count;

    if (complaints_is_due(&p->complaints, in->from, io_now_ns(p->io), &count)) {
        log_write(p->log, LOG_WARN, "peer sent a malformed frame",
                  "peer=%016llx type=%d count=%llu", (unsigned long long)in->from, (int)type,
                  (unsigned long long)count);
    }
    link_close(&in->link);
}

static void note_peer(struct peers *p, const struct wire_message *m)
{
    struct peer *peer = peers_find(p, m->message.from);

    if (peer != NULL) {
        peer->heard_ns = io_now_ns(p->io);
        peer->applied_index = m->applied_index;
        peer->disk = m->disk;
        peer->data_bytes_max = m->data_bytes_max;
        peer->stored_us = m->stored_us;
        peer->term = m->message.term;
    }
}

/* Its payload has come in pieces. */
static void receive_large_entry(struct inbound *in, const struct wire_message *m, struct slice rest)
{
    struct peers *p = in->peers;
    struct entry *e = pieces_finish(&in->pieces, wire_large_entry_size(rest));

    if (e == NULL || !wire_get_large_entry(rest, e)) {
        entry_release(e);
        note_malformed(in, WIRE_APPEND);
        return;
    }
    p->pieced_count++;
    note_peer(p, m);
    p->events.message(p->events.context, m, &e);
}

static bool receive_piece(struct inbound *in, const struct wire_frame *frame)
{
    struct wire_piece piece;

    return wire_get_piece(frame, &piece) && pieces_take(&in->pieces, &piece);
}

/* An empty command stands for the one that has come in pieces. */
static bool receive_forward(struct inbound *in, const struct wire_frame *frame)
{
    struct peers *p = in->peers;
    struct wire_forward f;

    if (!wire_get_forward(frame, &f)) {
        return false;
    }
    if (f.command.size == 0 && in->pieces.entry != NULL) {
        f.whole = pieces_finish(&in->pieces, in->pieces.entry->size);
        if (f.whole == NULL) {
            return false;
        }
        p->pieced_count++;
        f.whole->kind = RAFT_COMMAND;
        f.command = entry_payload(f.whole);
    }
    p->events.forward(p->events.context, in->from, in->serial, &f);
    entry_release(f.whole);
    return true;
}

static void receive_entries(struct inbound *in, const struct wire_frame *frame)
{
    struct peers *p = in->peers;
    struct wire_message m;
    struct slice rest;

    if (!wire_get_entries(frame, &m, &rest) || !is_between_us(in, &m)) {
        note_malformed(in, WIRE_APPEND);
        return;
    }

    if (m.message.append_entries.entry_count == 1 && wire_large_entry_size(rest) > 0) {
        receive_large_entry(in, &m, rest);
        return;
    }
    pieces_drop(&in->pieces);

    uint32_t announced_count = m.message.append_entries.entry_count;
    struct entry **entries = memory_take(announced_count * sizeof *entries);
    uint32_t count = 0;

    while (count < announced_count && (entries[count] = wire_next_entry(&rest)) != NULL) {
        count++;
    }
    if (count == announced_count && rest.size == 0) {
        note_peer(p, &m);
        p->events.message(p->events.context, &m, entries);
    } else {
        note_malformed(in, WIRE_APPEND);
        for (uint32_t i = 0; i < count; i++) {
            entry_release(entries[i]);
        }
    }
    free(entries);
}

static void note_figures(struct peers *p, raft_id id, const struct figures *f)
{
    struct peer *peer = peers_find(p, id);

    if (peer != NULL) {
        peer->figures = *f;
        peer->figures_ns = io_now_ns(p->io);
    }
}

static void note_program(struct peers *p, raft_id id, const char *program)
{
    struct peer *peer = peers_find(p, id);

    if (peer != NULL) {
        memcpy(peer->program, program, strlen(program) + 1);
    }
}

/* Handles a frame; false if it is not understood or not allowed. */
static bool heed(struct inbound *in, const struct wire_frame *frame)
{
    struct peers *p = in->peers;
    struct wire_message m;
    struct wire_abandon abandon;
    struct wire_fetch fetch;
    struct wire_digest digest;
    struct wire_damaged damaged;
    struct wire_holds holds;
    struct wire_read_index question;
    struct wire_read_index_reply reply;
    char program[WIRE_PROGRAM_BYTES_MAX + 1];
    struct member_address where;
    struct figures figures;

    if (wire_is_message(frame->type) && wire_get_message(frame, &m) && is_between_us(in, &m)) {
        note_peer(p, &m);
        p->events.message(p->events.context, &m, NULL);
    } else if (frame->type == WIRE_APPEND) {
        receive_entries(in, frame);
    } else if (frame->type == WIRE_ABOUT && wire_get_about(frame->body, program)) {
        note_program(p, in->from, program);
    } else if (frame->type == WIRE_WHERE && wire_get_where(frame->body, &where)) {
        addresses_learn(p, in->from, &where);
    } else if (frame->type == WIRE_FIGURES && wire_get_figures(frame->body, &figures)) {
        note_figures(p, in->from, &figures);
    } else if (frame->type == WIRE_HOLDS && wire_get_holds(frame->body, &holds)) {
        peers_note_holds(in, &holds);
    } else if (frame->type == WIRE_READ_INDEX && wire_get_read_index(frame, &question)) {
        p->events.read_index(p->events.context, in->from, &question);
    } else if (frame->type == WIRE_READ_INDEX_REPLY && wire_get_read_index_reply(frame, &reply)) {
        p->events.read_index_reply(p->events.context, in->from, &reply);
    } else if (frame->type == WIRE_PIECE) {
        return receive_piece(in, frame);
    } else if (frame->type == WIRE_FORWARD) {
        return receive_forward(in, frame);
    } else if (frame->type == WIRE_ABANDON && wire_get_abandon(frame, &abandon)) {
        p->events.abandoned(p->events.context, in->serial, &abandon);
    } else if (frame->type == WIRE_FETCH && wire_get_fetch(frame, &fetch)) {
        p->events.fetch(p->events.context, in->serial, &fetch);
    } else if (frame->type == WIRE_DIGEST && wire_get_digest(frame, &digest)) {
        p->events.digest(p->events.context, in->from, &digest);
    } else if (frame->type == WIRE_DAMAGED && wire_get_damaged(frame, &damaged)) {
        p->events.damaged(p->events.context, in->from, &damaged);
    } else {
        return false;
    }
    return true;
}

static void inbound_frame(struct link *link, const struct wire_frame *frame)
{
    struct inbound *in = link->context;

    if (!in->is_greeted) {
        greeting_frame(in, frame);
    } else if (frame->kind == NULL && !MUTANT(unknown_kind_ends_connection)) {
        return; /* A kind from a later version, which can do without it. */
    } else if (!wire_has_group(frame) || !wire_is_in_place(frame, true, in->channel) ||
               !heed(in, frame)) {
        note_malformed(in, frame->type);
    }
}

static void make_room(struct peers *p)
{
    struct inbound *stranger = strangers_to_close(p);

    if (stranger != NULL) {
        link_close(&stranger->link);
    }
}

static void accepted(struct io_listener *listener)
{
    struct peers *p = container_of(listener, struct peers, listener);
    struct inbound *in = memory_take_zeroed(1, sizeof *in);

    in->peers = p;
    in->since_ns = io_now_ns(p->io);
    in->serial = ++p->accepted_count;
    link_init(&in->link, p->io, inbound_frame, inbound_closed, in);
    peers_prepare(p, &in->link);
    if (io_accept(p->io, listener, &in->link.stream) < 0) {
        free(in);
        return;
    }
    link_opened(&in->link);
    in->origin = io_stream_origin(p->io, &in->link.stream);
    list_append(&p->inbounds, &in->node);
    make_room(p);
    peers_arm_timer(p, in->since_ns + DIAL_RETRY_MS * 1000 * 1000ull);
}

static void listener_closed(struct io_listener *listener)
{
    container_of(listener, struct peers, listener)->is_listening = false;
}

/* --- life ---------------------------------------------------------------------------- */

int peers_start(struct peers *p, struct io *io, const struct log *log,
                const struct peers_events *events, const struct peers_options *options)
{
    uint64_t timeout_ms = options->election_timeout_ns / 1000000 * SEND_ELECTION_TIMEOUTS;

    CHECK(options->level > 0);
    CHECK(options->version >= WIRE_VERSION_MIN && options->version <= WIRE_VERSION_NEXT);

    *p = (struct peers){
        .io = io,
        .log = log,
        .events = *events,
        .self = options->self,
        .version = options->version,
        .level = options->level,
        .tls = options->tls,
        .send_timeout_ms =
            timeout_ms < SEND_TIMEOUT_MS_MAX ? (uint32_t)timeout_ms : SEND_TIMEOUT_MS_MAX,
        .answers_bytes_max = ANSWERS_BYTES_MAX,
        .piece_bytes = options->piece_bytes == 0 ? WIRE_PIECE_BYTES_MAX : options->piece_bytes,
        .hold_max_ns = options->election_timeout_ns / 8 * 7, /* Leaves a margin for clocks that
                                                              * differ a little. */
        .listener = {.accepted = accepted, .closed = listener_closed},
        .timer = {.fired = timer_fired},
        .timer_ns = UINT64_MAX,
    };
    list_init(&p->all);
    list_init(&p->inbounds);
    list_init(&p->verifies);
    io_random(io, &p->incarnation, sizeof p->incarnation);

    struct io_address address = options->host;

    address.port = p->self.peer_port;

    int error = io_listen(io, &p->listener, &address, &p->self.peer_port);

    p->is_listening = error == 0;
    return error;
}

void peers_deinit(struct peers *p)
{
    p->is_ended = true;
    io_timer_stop(p->io, &p->timer);
    verify_deinit(p);
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        pieces_drop(&in->pieces);
        link_deinit(&in->link);
        free(in);
    }
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        sender_reset(peer);
        link_deinit(&peer->dial[WIRE_CONTROL].link);
        link_deinit(&peer->dial[WIRE_BULK].link);
        free(peer);
    }
}

void peers_show_key(struct peers *p, const struct store_key *key)
{
    p->key = *key;
    p->has_key = true;
}

void peers_open(struct peers *p, uint64_t cluster_id, uint64_t epoch, const struct store_key *key,
                const struct peers_source *source)
{
    CHECK(cluster_id != 0);
    p->cluster_id = cluster_id;
    p->epoch = epoch;
    peers_show_key(p, key);
    p->source = *source;
}

/* What was true of the replica that has ended. */
static void forget_replica(struct peers *p)
{
    p->cluster_id = 0;
    p->has_key = false;
    p->source = (struct peers_source){.raft = NULL};
    p->committed = NULL;
    p->self_logged = (struct member_address){.id = 0};
    p->cluster_level = 0;
    p->applied_index = 0;
    p->disk = 0;
    p->data_bytes_max = 0;
    peers_set_holds(p, 0, 0, 0);
}

void peers_close(struct peers *p, const struct log *log, const struct peers_events *events)
{
    p->log = log;
    p->events = *events;
    forget_replica(p);
    if (!MUTANT(restart_keeps_incarnation)) {
        io_random(p->io, &p->incarnation, sizeof p->incarnation);
    }
    verify_cancel_all(p);
    list_for_each(node, &p->inbounds)
    {
        link_close(&container_of(node, struct inbound, node)->link);
    }
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        peer->sender.is_reading = false; /* The store has dropped the read. */
        if (!peer->is_leaving) {
            peer_forget(peer);
        } else {
            peer_free_if_unused(peer);
        }
    }
}

void peers_set_applied(struct peers *p, raft_index applied_index)
{
    p->applied_index = applied_index;
}

void peers_set_disk(struct peers *p, enum wire_disk disk)
{
    p->disk = disk;
}

void peers_set_memory(struct peers *p, uint64_t data_bytes_max)
{
    p->data_bytes_max = data_bytes_max;
}

void peers_set_stored(struct peers *p, uint64_t stored_ns)
{
    p->stored_us = stored_ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(stored_ns / 1000);
}

void peers_set_figures(struct peers *p, const struct figures *f)
{
    p->figures = *f;
    p->figures_number++;
}

void peers_set_level(struct peers *p, uint32_t level)
{
    p->cluster_level = level;
}

uint32_t peers_level(const struct peers *p, raft_id id)
{
    const struct peer *peer = peers_find(p, id);

    return peer != NULL && peer->dial[WIRE_CONTROL].phase == DIAL_UP
               ? peer->dial[WIRE_CONTROL].level
               : 0;
}

void peers_set_committed(struct peers *p, const struct membership *committed)
{
    p->committed = committed;
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        if (!peer->is_leaving && membership_was_removed(committed, peer->id)) {
            peer_forget(peer);
        }
    }
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in->is_greeted && !in->is_leaving && membership_was_removed(committed, in->from)) {
            in->is_leaving = true;
            p->holds_changed = true;
            in->since_ns = io_now_ns(p->io);
            peers_arm_timer(p, in->since_ns + PATIENCE_NS);
        }
    }
}

bool peers_is_receiving(const struct peers *p, raft_id id, uint64_t since_ns)
{
    const struct inbound *bulk = peers_inbound(p, id, WIRE_BULK);

    return bulk != NULL && (bulk->pieces.entry != NULL || link_is_amid(&bulk->link, WIRE_APPEND)) &&
           bulk->link.heard_ns > since_ns;
}
