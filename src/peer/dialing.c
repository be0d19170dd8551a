/* dialing.c - one outgoing connection: the greeting, in which both sides prove that they have
 * the key of the cluster, in the newest version of the protocol that both speak; and further
 * attempts when it breaks. */
#include "peer/hello.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mutant.h"
#include "cluster/address.h"

static const uint64_t RETRY_NS = DIAL_RETRY_MS * 1000 * 1000ull;
static const uint64_t RETRY_MAX_NS = DIAL_RETRY_MS_MAX * 1000 * 1000ull;
static const uint64_t REMOVED_RETRY_NS = 5000 * 1000 * 1000ull;
static const uint64_t PATIENCE_NS = PEERS_PATIENCE_MS * 1000 * 1000ull;
/* Used while a member is searched for, because there are other places to try. */
static const uint64_t SEARCH_PATIENCE_NS = 500 * 1000 * 1000ull;

bool dial_is_idle(const struct dial *d)
{
    return d->phase == DIAL_IDLE && !d->link.is_open;
}

/* How long to wait before the next attempt. Part of it is random, so that nodes that were cut
 * off together do not all come back at the same moment. */
static uint64_t next_wait_ns(struct dial *d)
{
    uint64_t chance;

    if (d->refused == WIRE_REMOVED || d->refused == WIRE_EARLIER_EPOCH) {
        return REMOVED_RETRY_NS; /* That is final, so there is no hurry to hear it again. */
    }
    if (addresses_is_searching(d)) {
        return RETRY_NS;
    }
    d->wait_ns = d->wait_ns == 0 || MUTANT(never_backs_off) ? RETRY_NS : 2 * d->wait_ns;
    if (d->wait_ns > RETRY_MAX_NS) {
        d->wait_ns = RETRY_MAX_NS;
    }
    io_random(d->peer->peers->io, &chance, sizeof chance);
    return d->wait_ns / 2 + chance % (d->wait_ns / 2);
}

static void dial_idle(struct dial *d)
{
    struct peers *p = d->peer->peers;
    uint64_t wait_ns = 0;

    addresses_lost(d);
    if (d->is_stepping_down) {
        d->is_stepping_down = false;
        d->keeps_target = true;
    } else {
        wait_ns = next_wait_ns(d);
        d->version = p->version; /* After a restart it may be another program. */
    }
    d->phase = DIAL_IDLE;
    d->idle_ns = io_now_ns(p->io);
    d->retry_ns = d->idle_ns + wait_ns;
    peers_arm_timer(p, d->retry_ns);
    peer_free_if_unused(d->peer);
}

void dial_hasten(struct dial *d)
{
    uint64_t soon_ns = d->idle_ns + RETRY_NS;

    d->wait_ns = 0;
    if (dial_is_idle(d) && soon_ns < d->retry_ns && !MUTANT(never_hastens)) {
        d->retry_ns = soon_ns;
        peers_arm_timer(d->peer->peers, soon_ns);
    }
}

static void dial_closed(struct link *link)
{
    struct dial *d = link->context;
    struct peer *peer = d->peer;
    bool was_up = d->phase == DIAL_UP;

    if (d->channel == WIRE_CONTROL) {
        peer->clock_heard_ns = 0;
    } else {
        sender_reset(peer);
        peer->peers->events.forwards_lost(peer->peers->events.context, peer->id);
    }
    if (was_up && !peer->is_leaving) {
        peer->peers->events.lost(peer->peers->events.context, peer->id);
    }
    dial_idle(d);
}

static void dial_welcomed(struct dial *d)
{
    struct peers *p = d->peer->peers;

    d->phase = DIAL_UP;
    d->peer->has_proven = true;
    d->refused = 0;
    d->wait_ns = 0;
    dial_hasten(&d->peer->dial[d->channel == WIRE_BULK ? WIRE_CONTROL : WIRE_BULK]);
    d->link.body_max = WIRE_BODY_BYTES_MAX;
    wire_put_about(&d->link.out, RAKIT_VERSION);
    link_flush(&d->link);
    addresses_found(d);
    log_write(p->log, LOG_DEBUG, "connected to peer", "peer=%016llx channel=%s protocol=%u",
              (unsigned long long)d->peer->id, d->channel == WIRE_BULK ? "bulk" : "control",
              (unsigned)d->version);
}

/* Whether a node found by guessing proves to be of another cluster that has the same key. */
static bool is_foreign(const struct dial *d, enum wire_refusal refusal)
{
    return refusal == WIRE_OTHER_CLUSTER && d->peer->logged.peer_port == 0 &&
           !MUTANT(foreign_node_kept);
}

static void dial_refused(struct dial *d, enum wire_refusal refusal)
{
    struct peers *p = d->peer->peers;
    /* A node at the address of a removed one finds that one's id in the log that it is sent,
     * dials it, and reaches itself. */
    bool is_own = member_address_same_place(&d->peer->address, &p->self);
    enum log_level level = is_own ? LOG_DEBUG : LOG_WARN;

    link_close(&d->link);
    if (refusal == WIRE_OTHER_VERSION && d->version > WIRE_VERSION_MIN &&
        !MUTANT(never_steps_down)) {
        d->version--; /* Maybe the other node is just older. */
        d->is_stepping_down = true;
        return;
    }
    if (is_foreign(d, refusal)) {
        peer_forget(d->peer);
        return;
    }
    if (d->was_search && refusal <= WIRE_OTHER_NODE) {
        return; /* The member is not at this address, which was a guess. */
    }
    if (refusal != d->refused && refusal != WIRE_NOT_READY && refusal != WIRE_REMOVED) {
        log_write(p->log, level, "peer refused the connection", "peer=%016llx reason=" LOG_Q,
                  (unsigned long long)d->peer->id, wire_refusal_text(refusal));
    }
    if (refusal == WIRE_NOT_READY) {
        d->wait_ns = 0; /* The node is alive and will be ready soon. */
    }
    d->refused = refusal;
    p->events.refused(p->events.context, d->peer->id, refusal);
}

/* --- the greeting -------------------------------------------------------------------- */

static void note_unproven(struct dial *d)
{
    struct peers *p = d->peer->peers;
    uint64_t count;

    if (d->was_search) {
        return; /* The address was a guess. */
    }
    d->is_unproven = true;
    if (complaints_is_due(&p->complaints, d->peer->id, io_now_ns(p->io), &count)) {
        log_write(p->log, LOG_WARN, "a peer does not have the key of this cluster",
                  "peer=%016llx address=%s:%u peers=%u count=%llu", (unsigned long long)d->peer->id,
                  d->target.client.host, (unsigned)d->target.client.port,
                  (unsigned)d->target.peer_port, (unsigned long long)count);
    }
}

/* It gets no entries, because it could not execute what may be in the log. */
static void note_older_level(struct dial *d, uint32_t level)
{
    struct peers *p = d->peer->peers;
    uint64_t count;

    if (complaints_is_due(&p->complaints, d->peer->id, io_now_ns(p->io), &count)) {
        log_write(p->log, LOG_WARN, "a member does not know the feature level of the cluster",
                  "peer=%016llx level=%u cluster_level=%u count=%llu advice=" LOG_Q,
                  (unsigned long long)d->peer->id, (unsigned)level, (unsigned)p->cluster_level,
                  (unsigned long long)count, "install a newer version there");
    }
}

/* The listener must prove first that it belongs to the cluster; then this node does. */
static void dial_challenged(struct dial *d, struct slice body)
{
    unsigned char proof[PROOF_BYTES];
    raft_id listener = 0;
    uint32_t level = 0;
    enum hello_answer answer =
        hello_check(d->peer->peers, &d->hello, body, &listener, &level, proof);

    if (answer == HELLO_MALFORMED) {
        link_close(&d->link);
    } else if (answer == HELLO_UNPROVEN) {
        note_unproven(d);
        if (!MUTANT(other_key_unreported)) {
            /* The operator of that node should know, too. */
            wire_put_refuse(&d->link.out, WIRE_OTHER_KEY);
            link_flush(&d->link);
        }
        link_close(&d->link);
    } else if (listener != d->peer->id && !MUTANT(other_listener_taken)) {
        addresses_met(d->peer->peers, listener, &d->target);
        dial_refused(d, WIRE_OTHER_NODE);
    } else if (level < d->peer->peers->cluster_level && !MUTANT(older_level_fed)) {
        note_older_level(d, level);
        link_close(&d->link);
    } else {
        d->level = level;
        d->phase = DIAL_PROVEN;
        wire_put_proof(&d->link.out, proof);
        link_flush(&d->link);
    }
}

/* From a node that has proved nothing, only harmless refusals are believed: it is dialed again. */
static bool is_believed(const struct dial *d, enum wire_refusal refusal)
{
    return d->phase == DIAL_PROVEN ||
           (d->phase == DIAL_GREETING && (refusal == WIRE_OTHER_VERSION ||
                                          refusal == WIRE_NOT_READY || MUTANT(refusal_unproven)));
}

static void frame_in_greeting(struct dial *d, const struct wire_frame *frame)
{
    enum wire_refusal refusal;

    if (frame->type == WIRE_CHALLENGE && d->phase == DIAL_GREETING) {
        dial_challenged(d, frame->body);
    } else if (frame->type == WIRE_WELCOME &&
               (d->phase == DIAL_PROVEN ||
                (d->phase == DIAL_GREETING && MUTANT(welcome_unproven)))) {
        dial_welcomed(d);
    } else if (frame->type == WIRE_REFUSE && wire_get_refuse(frame->body, &refusal) &&
               is_believed(d, refusal)) {
        dial_refused(d, refusal);
    } else {
        link_close(&d->link);
    }
}

static void frame_when_up(struct dial *d, const struct wire_frame *frame)
{
    struct peers *p = d->peer->peers;
    struct wire_answer answer;
    struct wire_part part;
    struct wire_clock clock;

    if (!wire_is_in_place(frame, false, d->channel)) {
        link_close(&d->link);
    } else if (frame->type == WIRE_ANSWER && wire_get_answer(frame, &answer)) {
        p->events.answer(p->events.context, d->peer->id, &answer);
    } else if (frame->type == WIRE_PART && wire_get_part(frame, &part)) {
        p->events.part(p->events.context, d->peer->id, &part);
    } else if (frame->type == WIRE_CLOCK && wire_get_clock(frame->body, &clock)) {
        peers_note_time(d->peer, &clock);
    } else {
        link_close(&d->link);
    }
}

static void dial_frame(struct link *link, const struct wire_frame *frame)
{
    struct dial *d = link->context;

    if (d->phase == DIAL_UP && frame->kind == NULL) {
        return; /* A kind from a later version, which can do without it. */
    }
    if (!wire_has_group(frame)) {
        link_close(link);
    } else if (d->phase != DIAL_UP) {
        frame_in_greeting(d, frame);
    } else {
        frame_when_up(d, frame);
    }
}

/* Logs a name that can't be resolved. Other failures may be temporary, but a wrong name remains
 * wrong, and nobody would notice. */
static void note_resolution(struct dial *d, int status)
{
    int error = status == -ENXIO || status == -EAGAIN ? status : 0;
    const struct io_address *address = &d->target.client;

    if (error != 0 && error != d->resolve_error && d->channel == WIRE_CONTROL) {
        log_write(d->peer->peers->log, LOG_WARN, "cannot resolve the address of a peer",
                  "peer=%016llx address=%s:%u reason=" LOG_Q, (unsigned long long)d->peer->id,
                  address->host, (unsigned)address->port, address_fault(error));
    }
    d->resolve_error = error;
}

static void dial_connected(struct io_connect *connect, int status)
{
    struct dial *d = container_of(connect, struct dial, connect);
    struct peers *p = d->peer->peers;

    if (!d->was_search) {
        note_resolution(d, status);
        d->status = status;
    }
    if (status < 0) {
        dial_idle(d);
        return;
    }
    link_opened(&d->link);
    d->phase = DIAL_GREETING;
    d->since_ns = io_now_ns(p->io);
    if (d->peer->is_leaving) {
        link_close(&d->link);
        return;
    }
    hello_say(p, &d->link, d->peer->id, d->channel, d->version, &d->hello);
}

void dial_start(struct dial *d)
{
    struct peers *p = d->peer->peers;
    if (!d->keeps_target) {
        addresses_choose(d);
    }
    d->keeps_target = false;

    struct io_address address = d->target.client;

    address.port = d->target.peer_port;
    d->phase = DIAL_CONNECTING;
    d->is_unproven = d->is_unproven && d->was_search;
    d->since_ns = io_now_ns(p->io);
    d->connect.connected = dial_connected;
    d->connect.stream = &d->link.stream;
    io_connect(p->io, &d->connect, &d->link.stream, &address);
}

/* Closes the connection. It will be dialed again, unless the peer is leaving. */
void dial_drop(struct dial *d)
{
    if (d->phase == DIAL_CONNECTING) {
        io_connect_cancel(d->peer->peers->io, &d->connect);
    } else if (d->link.is_open) {
        link_close(&d->link);
    }
}

void dial_tick(struct dial *d, uint64_t now_ns, uint64_t *next_ns)
{
    uint64_t due_ns = UINT64_MAX;

    if (d->phase == DIAL_IDLE && !d->link.is_open && !d->peer->is_leaving) {
        if (now_ns >= d->retry_ns) {
            dial_start(d);
        } else {
            due_ns = d->retry_ns;
        }
    }
    if (d->phase == DIAL_CONNECTING || d->phase == DIAL_GREETING || d->phase == DIAL_PROVEN) {
        uint64_t patience_ns = d->was_search ? SEARCH_PATIENCE_NS : PATIENCE_NS;

        due_ns = d->since_ns + patience_ns;
        if (now_ns >= due_ns) {
            dial_drop(d);
            due_ns = now_ns + patience_ns;
        }
    }
    if (due_ns < *next_ns) {
        *next_ns = due_ns;
    }
}

void dial_init(struct dial *d, struct peer *peer, enum wire_channel channel)
{
    d->peer = peer;
    d->channel = channel;
    d->version = peer->peers->version;
    link_init(&d->link, peer->peers->io, dial_frame, dial_closed, d);
    peers_prepare(peer->peers, &d->link);
}
