/* links.c - what a node's connections to other nodes show, of states that no probe reports. */
#include "sim/cluster/cluster.h"

bool links_found_elsewhere(const struct node *n)
{
    list_for_each(link, &n->server->peers.all)
    {
        const struct peer *peer = container_of(link, struct peer, link);

        if (peer->dial[WIRE_CONTROL].phase == DIAL_UP && peer->logged.peer_port != 0 &&
            !member_address_same_place(&peer->address, &peer->logged)) {
            return true;
        }
    }
    return false;
}

bool links_are_older(const struct node *n)
{
    const struct peers *p = &n->server->peers;

    list_for_each(link, &p->all)
    {
        const struct dial *d = &container_of(link, struct peer, link)->dial[WIRE_BULK];

        if (d->phase == DIAL_UP && d->version < p->version) {
            return true;
        }
    }
    return false;
}
