/* strangers.h - incoming connections that have not yet proved membership. Their number is
 * limited, and anybody can open more. If one must be closed to make room, it is chosen so that
 * members complete their greeting, even over slow links, while others flood the port: one of the
 * address with the most connections; of those, one that has not sent HELLO before one that has;
 * of those, the oldest. */
#ifndef RAKIT_PEER_STRANGERS_H
#define RAKIT_PEER_STRANGERS_H

#include "peer/peers.h"

enum {
    STRANGERS_MAX = 64,
    /* An address with no more than this is not a flood: a member dials twice, and may dial again
     * before it is noticed that its last connections have broken. */
    STRANGERS_FEW = 4,
};

#endif /* RAKIT_PEER_STRANGERS_H */
