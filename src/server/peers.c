/* peers.c - who is connected to whom, and who is let in. */
#include "server/peers.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"

enum {
    PEERS_MAX = 2 * RAFT_MEMBERS_MAX, /* Members, and others that have come by themselves. */
    STRANGERS_MAX = 64, /* Incoming connections that have not introduced themselves. */
    INBOUNDS_MAX = 256, /* Those that have. */
};

static const uint64_t PATIENCE_NS = PEERS_PATIENCE_MS * 1000 * 1000ull;

/* After a partition TCP repeats itself ever more rarely, and a connection that survived it
 * may be mute for as long again. A new one is made sooner. */
enum { UNTAKEN_ELECTION_TIMEOUTS = 10, UNTAKEN_MS_MAX = 60 * 1000 };

/* The number of no command: whoever gets an answer to it has forgotten what it was. */
static const uint64_t NO_COMMAND = UINT64_MAX;

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
    if (next_ns != UINT64_MAX) {
        peers_arm_timer(p, next_ns);
    }
}

/* Never later than it is armed for: else a flood of connections could put it off for
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
        /* It is there: no need to look elsewhere. */
        if (peer->dial[WIRE_CONTROL].was_search) {
            dial_drop(&peer->dial[WIRE_CONTROL]);
        }
        return;
    }
    peer->told = peer->address;
    peer->address = *address;
    dial_drop(&peer->dial[WIRE_CONTROL]);
    dial_drop(&peer->dial[WIRE_BULK]);
}

static void forget_peer(struct peer *peer)
{
    peer->is_leaving = true;
    sender_reset(peer);
    /* What was said last (the commit of its removal, with luck) still leaves. */
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
        } else if (!member_address_equal(&peer->logged, address)) {
            peer->logged = *address;
            /* Who catches up reads of addresses that are long out of date: where a member
             * is reached, it lives. */
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
    link_deinit(link);
    free(in);
}

static void refuse(struct inbound *in, enum wire_refusal refusal)
{
    wire_put_refuse(&in->link.out, refusal);
    link_flush(&in->link);
    link_close(&in->link);
}

static struct inbound *find_inbound(struct peers *p, const struct inbound *but, raft_id from,
                                    enum wire_channel channel)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in != but && in->is_greeted && in->from == from && in->channel == channel) {
            return in;
        }
    }
    return NULL;
}

/* A connection of another process with the id of that dialer. */
static struct inbound *find_namesake(struct peers *p, const struct wire_hello *hello)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in->is_greeted && !in->link.is_closing && in->from == hello->from &&
            in->incarnation != hello->incarnation) {
            return in;
        }
    }
    return NULL;
}

/* However long it has been silent (followers have nothing to say to each other), it may
 * live. Where that process has ended, its machine answers these bytes with a reset. */
static void ask_for_life(struct inbound *in)
{
    wire_end_answer(&in->link.out, wire_begin_answer(&in->link.out, NO_COMMAND), WIRE_NOT_LEADER,
                    0);
    link_flush(&in->link);
}

static uint32_t count_greeted(const struct peers *p)
{
    uint32_t count = 0;

    list_for_each(node, &p->inbounds)
    {
        count += container_of(node, struct inbound, node)->is_greeted ? 1 : 0;
    }
    return count;
}

/* The first reason to refuse that dialer, or 0. */
static enum wire_refusal judge(struct inbound *in, const struct wire_hello *hello)
{
    struct peers *p = in->peers;

    if ((hello->version < WIRE_VERSION_MIN || hello->version > p->version) &&
        !MUTANT(other_version_accepted)) {
        return WIRE_OTHER_VERSION;
    }
    if (p->cluster_id == 0) {
        return WIRE_NOT_READY;
    }
    if (hello->cluster_id != p->cluster_id && !MUTANT(other_cluster_accepted)) {
        return WIRE_OTHER_CLUSTER;
    }
    if (hello->to != p->self.id || hello->from == 0) {
        return WIRE_OTHER_NODE;
    }
    if (membership_was_removed(p->committed, hello->from) && !MUTANT(removed_node_accepted)) {
        return WIRE_REMOVED;
    }

    struct inbound *old = find_inbound(p, in, hello->from, hello->channel);
    struct inbound *namesake = MUTANT(copy_accepted) ? NULL : find_namesake(p, hello);

    if (old == NULL && count_greeted(p) >= INBOUNDS_MAX) {
        return WIRE_NOT_READY;
    }
    if (namesake != NULL) {
        ask_for_life(namesake);
    }
    if (hello->from == p->self.id || namesake != NULL) {
        return WIRE_SAME_NODE;
    }
    if (old != NULL) {
        link_close(&old->link);
    }
    return 0;
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

static void greet(struct inbound *in, struct slice body)
{
    struct peers *p = in->peers;
    struct wire_hello hello;

    if (!wire_get_hello(body, &hello)) {
        link_close(&in->link);
        return;
    }

    enum wire_refusal refusal = judge(in, &hello);

    if (refusal != 0) {
        log_write(p->log, LOG_DEBUG, "refused a peer", "peer=%016llx code=%d",
                  (unsigned long long)hello.from, (int)refusal);
        refuse(in, refusal);
        return;
    }
    in->is_greeted = true;
    in->from = hello.from;
    in->incarnation = hello.incarnation;
    in->channel = hello.channel;
    in->version = hello.version;
    in->link.body_max = WIRE_BODY_BYTES_MAX;
    wire_end(&in->link.out, wire_begin(&in->link.out, WIRE_WELCOME));
    if (in->channel == WIRE_CONTROL && in->version >= WIRE_VERSION_UNTIL) {
        wire_put_clock(&in->link.out, io_now_ns(p->io));
    }
    link_flush(&in->link);

    /* It says itself where it lives now; a leader that adds us is known only so. */
    struct member_address address = {
        .id = hello.from, .client = hello.address, .peer_port = hello.peer_port};
    struct peer *peer = peers_find(p, hello.from);

    if (!addresses_is_usable(p, hello.from, &address)) {
        return; /* Let in all the same: the log has its address, if it has had a good one. */
    }
    if (peer == NULL && count_peers(p) < PEERS_MAX) {
        add_peer(p, &address);
    } else if (peer != NULL && !MUTANT(greeted_address_ignored)) {
        readdress(peer, &address);
        /* It lives: no need to wait for the next attempt. */
        for (int channel = WIRE_CONTROL; channel <= WIRE_BULK; channel++) {
            if (dial_is_idle(&peer->dial[channel])) {
                dial_start(&peer->dial[channel]);
            }
        }
    }
}

/* Only what the node that was greeted says itself, and says to this one; in the version of the
 * connection. */
static bool is_between_us(const struct inbound *in, const struct wire_message *w)
{
    const struct raft_message *m = &w->message;

    return m->from == in->from &&
           (m->to == in->peers->self.id || MUTANT(message_to_another_taken)) &&
           (w->disk == WIRE_DISK_UNTOLD || in->version >= WIRE_VERSION_DISK);
}

/* It is closed, and will dial again. */
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

static void receive_entries(struct inbound *in, struct slice body)
{
    struct peers *p = in->peers;
    struct wire_message m;
    struct slice rest;

    if (!wire_get_entries(body, &m, &rest) || !is_between_us(in, &m)) {
        note_malformed(in, WIRE_ENTRIES);
        return;
    }

    struct entry **entries = memory_take(m.message.entry_count * sizeof *entries);
    uint32_t count = 0;

    while (count < m.message.entry_count && (entries[count] = wire_next_entry(&rest)) != NULL) {
        count++;
    }
    if (count == m.message.entry_count && rest.size == 0) {
        p->events.message(p->events.context, &m, entries);
    } else {
        note_malformed(in, WIRE_ENTRIES);
        for (uint32_t i = 0; i < count; i++) {
            entry_release(entries[i]);
        }
    }
    free(entries);
}

static void note_peer(struct peers *p, const struct wire_message *m)
{
    struct peer *peer = peers_find(p, m->message.from);

    if (peer != NULL) {
        peer->heard_ns = io_now_ns(p->io);
        peer->applied_index = m->applied_index;
        peer->disk = m->disk;
        peer->term = m->message.term;
    }
}

static void note_program(struct peers *p, raft_id id, const char *program)
{
    struct peer *peer = peers_find(p, id);

    if (peer != NULL) {
        memcpy(peer->program, program, strlen(program) + 1);
    }
}

static void inbound_frame(struct link *link, enum wire_type type, struct slice body)
{
    struct inbound *in = link->context;
    struct peers *p = in->peers;
    struct wire_message m;
    struct wire_forward forward;
    struct wire_holds holds;
    char program[WIRE_PROGRAM_BYTES_MAX + 1];
    struct member_address where;

    if (!in->is_greeted) {
        if (type == WIRE_HELLO) {
            greet(in, body);
        } else {
            link_close(link);
        }
        return;
    }
    if (type == WIRE_MESSAGE && wire_get_message(body, &m) && is_between_us(in, &m)) {
        note_peer(p, &m);
        p->events.message(p->events.context, &m, NULL);
    } else if (type == WIRE_ENTRIES) {
        receive_entries(in, body);
    } else if (type == WIRE_ABOUT && in->version >= WIRE_VERSION_ABOUT &&
               wire_get_about(body, program)) {
        note_program(p, in->from, program);
    } else if (type == WIRE_WHERE && in->version >= WIRE_VERSION_WHERE &&
               wire_get_where(body, &where)) {
        addresses_told(p, in->from, &where);
    } else if (type == WIRE_HOLDS && in->channel == WIRE_CONTROL &&
               in->version >= WIRE_VERSION_UNTIL && wire_get_holds(body, &holds)) {
        peers_note_holds(in, &holds);
    } else if (type == WIRE_FORWARD && wire_get_forward(body, &forward)) {
        p->events.forward(p->events.context, in->from, in->serial, &forward);
    } else {
        note_malformed(in, type);
    }
}

/* Who says nothing holds a place only until others want it, or its time is over. */
static struct inbound *oldest_stranger(struct peers *p, uint32_t *ret_count)
{
    struct inbound *oldest = NULL;

    *ret_count = 0;
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (!in->is_greeted && !in->link.is_closing) {
            ++*ret_count;
            oldest = oldest == NULL ? in : oldest; /* The list is in order of age. */
        }
    }
    return oldest;
}

static void accepted(struct io_listener *listener)
{
    struct peers *p = container_of(listener, struct peers, listener);
    struct inbound *in = memory_take_zeroed(1, sizeof *in);
    uint32_t stranger_count;
    struct inbound *oldest = oldest_stranger(p, &stranger_count);

    in->peers = p;
    in->since_ns = io_now_ns(p->io);
    in->serial = ++p->accepted_count;
    link_init(&in->link, p->io, inbound_frame, inbound_closed, in);
    in->link.stream.untaken_max_ms = p->untaken_max_ms;
    if (io_accept(p->io, listener, &in->link.stream) < 0) {
        free(in);
        return;
    }
    link_opened(&in->link);
    list_append(&p->inbounds, &in->node);
    if (stranger_count >= STRANGERS_MAX) {
        link_close(&oldest->link);
    }
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
    uint64_t untaken_ms = options->election_timeout_ns / 1000000 * UNTAKEN_ELECTION_TIMEOUTS;

    CHECK(options->version >= WIRE_VERSION_MIN && options->version <= WIRE_VERSION);

    *p = (struct peers){
        .io = io,
        .log = log,
        .events = *events,
        .self = options->self,
        .version = options->version,
        .untaken_max_ms = untaken_ms < UNTAKEN_MS_MAX ? (uint32_t)untaken_ms : UNTAKEN_MS_MAX,
        .hold_max_ns = options->election_timeout_ns / 8 * 7, /* Clocks may differ a little. */
        .listener = {.accepted = accepted, .closed = listener_closed},
        .timer = {.fired = timer_fired},
        .timer_ns = UINT64_MAX,
    };
    list_init(&p->all);
    list_init(&p->inbounds);
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
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        link_deinit(&in->link);
        free(in);
    }
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        link_deinit(&peer->dial[WIRE_CONTROL].link);
        link_deinit(&peer->dial[WIRE_BULK].link);
        free(peer);
    }
}

void peers_open(struct peers *p, uint64_t cluster_id, const struct peers_source *source)
{
    p->cluster_id = cluster_id;
    p->source = *source;
}

void peers_set_committed(struct peers *p, const struct membership *committed)
{
    p->committed = committed;
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        if (!peer->is_leaving && membership_was_removed(committed, peer->id)) {
            forget_peer(peer);
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
    list_for_each(node, &p->inbounds)
    {
        const struct inbound *in = container_of(node, struct inbound, node);

        if (in->is_greeted && in->from == id && in->channel == WIRE_BULK &&
            link_is_amid(&in->link, WIRE_ENTRIES) && in->link.heard_ns > since_ns) {
            return true;
        }
    }
    return false;
}
