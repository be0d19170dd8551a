/* strangers.h - incoming connections that have not proven yet that they belong to the cluster.
 * There may be so many of them, and anybody can make more. Which one makes room for the next is
 * chosen so that members get through their greeting, also over slow links, while others crowd
 * the port: one of the address that has the most connections; of those, one that has said nothing
 * before one that has said hello; of those, the oldest. */
#ifndef RAKIT_PEER_STRANGERS_H
#define RAKIT_PEER_STRANGERS_H

#include "peer/peers.h"

enum {
    STRANGERS_MAX = 64,
    /* An address that has no more than that is no crowd: a member dials twice, and may dial again
     * before it is noticed that its last connections have broken. */
    STRANGERS_FEW = 4,
};

#endif /* RAKIT_PEER_STRANGERS_H */
