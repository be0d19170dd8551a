/* complaints.h - limits log lines about faulty peers to one per peer and minute, because a fault
 * may occur with each heartbeat. */
#ifndef RAKIT_PEER_COMPLAINTS_H
#define RAKIT_PEER_COMPLAINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

/* With more peers than this, the one that was logged longest ago is replaced. */
enum { COMPLAINTS_PEERS_MAX = 64 };

struct peer_complaint {
    raft_id id; /* 0: free. */
    uint64_t said_ns;
    uint64_t unsaid_count; /* Occasions not logged since the last line. */
};

/* Zeroed at first. */
struct complaints {
    struct peer_complaint of[COMPLAINTS_PEERS_MAX];
};

/* Whether a line about the peer should be logged now. If so, `ret_count` is the number of
 * occasions that it stands for, this one included. */
bool complaints_is_due(struct complaints *c, raft_id id, uint64_t now_ns, uint64_t *ret_count);

#endif /* RAKIT_PEER_COMPLAINTS_H */
