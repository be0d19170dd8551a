/* forwarding.c - the way of forwarded commands and of their answers. Commands go out
 * on the bulk connection to the leader, answers come back on the bulk connection that
 * the leader has made. Answers come in the order in which the commands were executed,
 * so none may be lost before a later one arrives: where an answer can't be sent, or was
 * sent on a connection that broke, the connection on which its command came is ended,
 * and later answers to that one are dropped. Its maker learns from the end that what it
 * has under way is in doubt. */
#include "base/mutant.h"
#include "server/peers.h"

struct buffer *peers_forward(struct peers *p, raft_id id)
{
    struct peer *peer = peers_find(p, id);

    if (peer == NULL || peer->dial[WIRE_BULK].phase != DIAL_UP) {
        return NULL;
    }
    list_for_each(node, &p->inbounds)
    {
        const struct inbound *in = container_of(node, struct inbound, node);

        if (in->is_greeted && !in->link.is_closing && in->from == id && in->channel == WIRE_BULK) {
            return &peer->dial[WIRE_BULK].link.out; /* Answers have a way back. */
        }
    }
    return NULL;
}

struct buffer *peers_answer(struct peers *p, uint64_t connection)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in->serial != connection || in->link.is_closing) {
            continue;
        }

        struct peer *peer = peers_find(p, in->from);
        enum dial_phase phase = peer == NULL ? DIAL_IDLE : peer->dial[WIRE_BULK].phase;

        /* Who forwards has welcomed us, even if we have not heard so yet. */
        if (phase == DIAL_UP || phase == DIAL_GREETING) {
            return &peer->dial[WIRE_BULK].link.out;
        }
        if (!MUTANT(answer_lost_quietly)) {
            link_close(&in->link);
        }
        return NULL;
    }
    return NULL;
}

void peers_end_forwarding(struct peers *p, raft_id id)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in->has_forwarded && in->from == id && !MUTANT(answer_lost_quietly)) {
            link_close(&in->link);
        }
    }
}
