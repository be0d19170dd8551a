/* forwarding.c - how forwarded commands and their answers travel, and how long a command may. A
 * command goes out on the bulk connection that its node has dialed to the leader, and the answer
 * comes back on the same connection. So answers never wait behind entries that the leader sends,
 * and come in the order in which the commands were executed. If the connection breaks, no
 * further answers come, and everything under way on it is in doubt.
 *
 * A node may give a forwarded command up and answer its client INDOUBT while the command is
 * still in the network's buffers or in the leader's queue. To keep it from being executed long
 * after that, the leader sends its time (CLOCK) repeatedly. The forwarding node answers with
 * that time and says which of its commands it still waits for (HOLDS). The leader begins no
 * command later than hold_max_ns after the newest time answered in this way. A HOLDS sent after
 * a command was given up says so; any earlier HOLDS carries an earlier time. Clocks of different
 * nodes are never compared. Both messages use the control connection, where nothing large delays
 * them. */
#include "peer/peers.h"

#include "base/mutant.h"

enum { CLOCK_BACKLOG_BYTES = 256 * 1024 };

static struct dial *bulk_to(struct peers *p, raft_id id)
{
    struct peer *peer = peers_find(p, id);
    struct dial *bulk = peer == NULL ? NULL : &peer->dial[WIRE_BULK];

    return bulk != NULL && bulk->phase == DIAL_UP && !bulk->link.is_closing ? bulk : NULL;
}

bool peers_may_answer(struct peers *p, raft_id id)
{
    return bulk_to(p, id) != NULL;
}

struct buffer *peers_forward(struct peers *p, raft_id id)
{
    struct dial *bulk = bulk_to(p, id);

    return bulk != NULL && bulk->peer->clock_heard_ns > 0 ? &bulk->link.out : NULL;
}

struct buffer *peers_fetch(struct peers *p, raft_id id)
{
    struct dial *bulk = bulk_to(p, id);

    return bulk != NULL ? &bulk->link.out : NULL;
}

bool peers_part_is_arriving(struct peers *p, raft_id id)
{
    struct dial *bulk = bulk_to(p, id);

    return bulk != NULL && link_is_amid(&bulk->link, WIRE_PART);
}

static struct inbound *find_connection(struct peers *p, uint64_t connection)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in->serial == connection && !in->link.is_closing) {
            return in;
        }
    }
    return NULL;
}

struct buffer *peers_answer(struct peers *p, uint64_t connection)
{
    struct inbound *in = find_connection(p, connection);

    return in == NULL ? NULL : &in->link.out;
}

/* --- until when ------------------------------------------------------------------------ */

uint64_t peers_time_there(struct peers *p, raft_id id, uint64_t at_ns)
{
    const struct peer *peer = peers_find(p, id);

    if (peer == NULL || peer->clock_heard_ns == 0) {
        return 0;
    }
    /* The leader read its clock before the message arrived here, so the estimate is never too
     * late. */
    return at_ns <= peer->clock_heard_ns ? 1 : peer->clock_ns + (at_ns - peer->clock_heard_ns);
}

/* This process may have been stopped since io_now_ns() was updated. */
uint64_t peers_time_now(const struct peers *p)
{
    return io_now_ns(p->io) + io_spent_ns(p->io);
}

void peers_put_time(const struct peers *p, struct buffer *out)
{
    bool knows = p->events.log_time_us != NULL;
    struct wire_clock clock = {.clock_ns = io_now_ns(p->io),
                               .log_us = knows ? p->events.log_time_us(p->events.context) : 0};

    wire_put_clock(out, &clock);
}

void peers_send_time(struct peers *p)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        /* A node that does not read what it is sent does not need the time. */
        if (in->is_greeted && in->channel == WIRE_CONTROL &&
            link_backlog_bytes(&in->link) < CLOCK_BACKLOG_BYTES) {
            peers_put_time(p, &in->link.out);
        }
    }
}

void peers_note_time(struct peer *peer, const struct wire_clock *clock)
{
    const struct peers_events *events = &peer->peers->events;

    peer->clock_ns = clock->clock_ns;
    peer->clock_heard_ns = io_now_ns(peer->peers->io);
    peer->owes_holds = true;
    if (events->heard_time != NULL && clock->log_us != 0) {
        events->heard_time(events->context, peer->id, clock->log_us);
    }
}

void peers_send_holds(struct peer *peer)
{
    struct peers *p = peer->peers;
    bool has_all = p->held_by != peer->id;
    struct wire_holds h = {.clock_ns = peer->clock_ns,
                           .correlation = has_all ? p->held_from_all : p->held_from};

    if (peer->owes_holds && peer->clock_heard_ns > 0) {
        wire_put_holds(&peer->dial[WIRE_CONTROL].link.out, &h);
        peer->owes_holds = false;
    }
}

void peers_set_holds(struct peers *p, raft_id leader, uint64_t from, uint64_t from_all)
{
    p->held_by = leader;
    p->held_from = from;
    p->held_from_all = from_all;
}

bool peers_take_holds_changed(struct peers *p)
{
    bool has_changed = p->holds_changed;

    p->holds_changed = false;
    return has_changed;
}

void peers_note_holds(struct inbound *in, const struct wire_holds *h)
{
    uint64_t now_ns = io_now_ns(in->peers->io);

    in->holds = *h;
    if (in->holds.clock_ns > now_ns) {
        in->holds.clock_ns = now_ns; /* Counts from now, although no CLOCK was answered yet. */
    }
    in->peers->holds_changed = true;
}

/* The last HOLDS of the process that has sent commands on that connection. */
static struct wire_holds holds_of(const struct peers *p, const struct inbound *bulk)
{
    const struct inbound *control = peers_inbound(p, bulk->from, WIRE_CONTROL);

    return control != NULL && control->incarnation == bulk->incarnation ? control->holds
                                                                        : (struct wire_holds){0};
}

enum peers_held peers_is_held(struct peers *p, uint64_t connection, uint64_t correlation,
                              uint64_t now_ns)
{
    const struct inbound *bulk = find_connection(p, connection);

    if (bulk == NULL || bulk->is_leaving) {
        return PEERS_GIVEN_UP; /* A node that is leaving sends no HOLDS any more. */
    }
    MUTANT_DO(forwards_taken_late, return PEERS_HELD);

    struct wire_holds holds = holds_of(p, bulk);

    if (correlation < holds.correlation && !MUTANT(given_up_is_held)) {
        return PEERS_GIVEN_UP;
    }
    return now_ns <= holds.clock_ns + p->hold_max_ns ? PEERS_HELD : PEERS_SILENT;
}
