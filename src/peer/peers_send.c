/* peers_send.c - what a turn sends to the other nodes. */
#include "base/mutant.h"
#include "peer/peers.h"

enum { CONTROL_BACKLOG_BYTES = 256 * 1024 };

/* Behind a message, so they cost no packet of their own. */
static void send_figures(struct peer *peer)
{
    struct peers *p = peer->peers;

    if (peer->figures_sent != p->figures_number && !MUTANT(figures_stay_here)) {
        wire_put_figures(&peer->dial[WIRE_CONTROL].link.out, &p->figures);
        peer->figures_sent = p->figures_number;
    }
}

void peers_send(struct peers *p, const struct raft_message *m)
{
    struct peer *peer = peers_find(p, m->to);
    enum wire_channel channel = MUTANT(heartbeats_behind_entries) ? WIRE_BULK : WIRE_CONTROL;

    if (peer == NULL) {
        return;
    }
    if (m->kind == RAFT_APPEND_ENTRIES) {
        sender_ask(peer, m);
    } else if (peer->dial[channel].phase == DIAL_UP &&
               link_backlog_bytes(&peer->dial[channel].link) < CONTROL_BACKLOG_BYTES) {
        /* A peer that does not read gets nothing more; the core tolerates lost messages. */
        struct wire_message w = {.message = *m,
                                 .applied_index = p->applied_index,
                                 .disk = p->disk,
                                 .data_bytes_max = p->data_bytes_max,
                                 .stored_us = p->stored_us};

        wire_put_message(&peer->dial[channel].link.out, &w);
        if (channel == WIRE_CONTROL) {
            send_figures(peer);
        }
    }
}

/* The buffer for small messages to that node; NULL: it is not connected, or does not read. They
 * are sent at the end of the turn, with the core's messages to it. */
static struct buffer *control_to(struct peers *p, raft_id id)
{
    struct peer *peer = peers_find(p, id);
    struct link *link = peer == NULL ? NULL : &peer->dial[WIRE_CONTROL].link;
    bool is_up = peer != NULL && peer->dial[WIRE_CONTROL].phase == DIAL_UP;

    return is_up && link_backlog_bytes(link) < CONTROL_BACKLOG_BYTES ? &link->out : NULL;
}

void peers_send_digest(struct peers *p, raft_id to, const struct wire_digest *d)
{
    struct buffer *out = control_to(p, to);

    if (out != NULL) {
        wire_put_digest(out, d);
    }
}

void peers_send_damaged(struct peers *p, raft_id to, const struct wire_damaged *d)
{
    struct buffer *out = control_to(p, to);

    if (out != NULL) {
        wire_put_damaged(out, d);
    }
}

void peers_send_read_index(struct peers *p, raft_id id, const struct wire_read_index *w)
{
    struct buffer *out = control_to(p, id);

    if (out != NULL) {
        wire_put_read_index(out, w);
    }
}

void peers_send_read_index_reply(struct peers *p, raft_id id, const struct wire_read_index_reply *w)
{
    struct buffer *out = control_to(p, id);

    if (out != NULL) {
        wire_put_read_index_reply(out, w);
    }
}

uint64_t peers_outgoing_bytes(const struct peers *p)
{
    uint64_t bytes = 0;

    if (p->io == NULL) {
        return 0; /* They are not started while the node loads. */
    }
    list_for_each(node, &p->all)
    {
        const struct peer *peer = container_of(node, struct peer, link);

        bytes += link_backlog_bytes(&peer->dial[WIRE_CONTROL].link) +
                 link_backlog_bytes(&peer->dial[WIRE_BULK].link);
    }
    list_for_each(node, &p->inbounds)
    {
        bytes += link_backlog_bytes(&container_of(node, struct inbound, node)->link);
    }
    return bytes;
}

static void limit_answers(struct inbound *in)
{
    const struct peers *p = in->peers;

    if (link_backlog_bytes(&in->link) > p->answers_bytes_max && !in->link.is_closing) {
        log_write(p->log, LOG_WARN, "a peer does not read its answers: its connection is ended",
                  "peer=%016llx", (unsigned long long)in->from);
        link_close(&in->link);
    }
}

/* Of both kinds of connections. */
static void resume_reading(struct peers *p)
{
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        link_resume(&peer->dial[WIRE_CONTROL].link);
        link_resume(&peer->dial[WIRE_BULK].link);
    }
    list_for_each(node, &p->inbounds)
    {
        link_resume(&container_of(node, struct inbound, node)->link);
    }
}

void peers_flush(struct peers *p)
{
    resume_reading(p);
    list_for_each(node, &p->all)
    {
        struct peer *peer = container_of(node, struct peer, link);

        if (peer->dial[WIRE_CONTROL].phase == DIAL_UP) {
            peers_send_holds(peer);
            link_flush(&peer->dial[WIRE_CONTROL].link);
        }
        if (peer->dial[WIRE_BULK].phase == DIAL_UP) {
            sender_pump(peer);
            link_flush(&peer->dial[WIRE_BULK].link);
            if (sender_goes_on(peer)) {
                io_turn_soon(p->io);
            }
        }
    }
}

void peers_flush_answers(struct peers *p)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        link_flush(&in->link);
        limit_answers(in);
        /* It dials again and hears that it was removed. Its commands are answered, and those
         * that it sends before it hears are refused for certain. */
        if (in->is_leaving && (in->channel == WIRE_CONTROL || MUTANT(removed_node_cut_off))) {
            link_close(&in->link);
        }
    }
}
