/* follower.h - a simulated client that follows the changes of keys with a prefix (XREAD BLOCK),
 * goes on at another node now and then, and reads all keys (RAFT SCAN) if it was too late. */
#ifndef RAKIT_SIM_CLUSTER_FOLLOWER_H
#define RAKIT_SIM_CLUSTER_FOLLOWER_H

#include "sim/checks/changes.h"
#include "sim/cluster/line.h"

/* What it waits for. */
enum follower_state { FOLLOWER_IDLE, FOLLOWER_SELECTING, FOLLOWER_READING, FOLLOWER_SCANNING };

struct follower {
    struct line line;
    struct changes changes; /* What it has seen, and where it is. */
    struct verdict *verdict;
    enum follower_state state;
    bool must_scan;
    bool is_calm;
    char last_node[32]; /* Where it has read last. */
};

/* Afterwards the caller sets `prefix` and `database` of its changes, and of its line what is the
 * owner's. */
void follower_init(struct follower *f, struct sim *sim, const char *name, struct witness *witness,
                   struct verdict *verdict);
void follower_deinit(struct follower *f);
void follower_start(struct follower *f);
/* It makes no more pauses, but still leaves: it may be at a node that was removed. */
void follower_calm(struct follower *f);
/* Ends its connection, and opens no other. */
void follower_rest(struct follower *f);

#endif /* RAKIT_SIM_CLUSTER_FOLLOWER_H */
