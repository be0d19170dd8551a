/* announce.h - where this node lives: if the log has another address of it, the new one is
 * announced to the leader (RAFT ADD of itself) until it has been taken. One announcement is under
 * way at a time; after a refusal the next one waits, longer each time. */
#ifndef RAKIT_REPLICA_ANNOUNCE_H
#define RAKIT_REPLICA_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"

struct replica;

struct announcer {
    struct io_timer timer; /* Until the next attempt. */
    uint64_t wait_ns;      /* The last wait; 0: none yet. */
    bool is_under_way;
};

void announce_init(struct replica *r);
void announce_deinit(struct replica *r);
/* To be called when the leader, or what the log has, may be another. */
void announce_address(struct replica *r);

#endif /* RAKIT_REPLICA_ANNOUNCE_H */
