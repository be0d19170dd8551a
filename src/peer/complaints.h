/* complaints.h - what the log says of peers that are out of order, at most once a minute of each:
 * they may go on for ever, with each heartbeat. */
#ifndef RAKIT_PEER_COMPLAINTS_H
#define RAKIT_PEER_COMPLAINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

/* Beyond that many peers, whoever was written about longest ago makes room. */
enum { COMPLAINTS_PEERS_MAX = 64 };

struct peer_complaint {
    raft_id id; /* 0: nobody. */
    uint64_t said_ns;
    uint64_t unsaid_count; /* What was left out since then. */
};

/* Starts as zeros. */
struct complaints {
    struct peer_complaint of[COMPLAINTS_PEERS_MAX];
};

/* Whether the log is to have a line about that peer now; if so, `ret_count` is for how many
 * occasions it stands, this one included. */
bool complaints_is_due(struct complaints *c, raft_id id, uint64_t now_ns, uint64_t *ret_count);

#endif /* RAKIT_PEER_COMPLAINTS_H */
