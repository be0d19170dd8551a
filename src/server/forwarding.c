/* forwarding.c - the way of forwarded commands and of their answers. A command goes out on
 * the bulk connection that its node has dialed to the leader, and the answer comes back on
 * the same one. So answers never wait behind the entries that the leader sends, and they
 * come in the order in which commands were executed, or, once the connection breaks, not
 * at all: then all that was under way on it is in doubt. */
#include "server/peers.h"

struct buffer *peers_forward(struct peers *p, raft_id id)
{
    struct peer *peer = peers_find(p, id);
    struct dial *bulk = peer == NULL ? NULL : &peer->dial[WIRE_BULK];

    return bulk != NULL && bulk->phase == DIAL_UP && !bulk->link.is_closing ? &bulk->link.out
                                                                            : NULL;
}

static struct link *find_inbound(struct peers *p, uint64_t connection)
{
    list_for_each(node, &p->inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in->serial == connection && !in->link.is_closing) {
            return &in->link;
        }
    }
    return NULL;
}

struct buffer *peers_answer(struct peers *p, uint64_t connection)
{
    struct link *link = find_inbound(p, connection);

    return link == NULL ? NULL : &link->out;
}

void peers_limit_answers(struct peers *p, uint64_t connection, size_t bytes)
{
    struct link *link = find_inbound(p, connection);

    if (link != NULL && link_backlog_bytes(link) > bytes) {
        log_write(p->log, LOG_WARN, "a peer does not read its answers: its connection is ended",
                  "connection=%llu", (unsigned long long)connection);
        link_close(link);
    }
}
