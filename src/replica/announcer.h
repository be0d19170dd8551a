/* announcer.h - this node's address: while the log has another one, the new address is announced
 * to the leader (RAFT ADD of itself) until it is accepted. One announcement is under way at a
 * time; after a refusal the next one waits, longer each time. */
#ifndef RAKIT_REPLICA_ANNOUNCER_H
#define RAKIT_REPLICA_ANNOUNCER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "cluster/members.h"
#include "command/request.h"
#include "command/table.h"
#include "io/io.h"

/* What an announcer needs from its owner, with the given context. */
struct announcer_events {
    void *context;
    /* Whether the log has another address of this node, which is a member and has not ended. */
    bool (*is_needed)(void *context);
    /* Takes the announcement, which is a request like a client's. */
    void (*submit)(void *context, struct request *request);
};

struct announcer {
    struct io *io;
    const struct log *log;
    const struct command_table *commands;
    struct announcer_events events;
    struct io_timer timer; /* Until the next attempt: call announcer_announce() then. */
    uint64_t wait_ns;      /* The last wait; 0: none yet. */
    bool is_under_way;
};

void announcer_init(struct announcer *a, struct io *io, const struct log *log,
                    const struct command_table *commands, const struct announcer_events *events,
                    void (*fired)(struct io_timer *timer));
void announcer_deinit(struct announcer *a);
/* There is a leader, maybe a new one: announces `self` if necessary. */
void announcer_announce(struct announcer *a, const struct member_address *self);

#endif /* RAKIT_REPLICA_ANNOUNCER_H */
