/* outbox.h - messages of the core that wait until a write of this node is durable, because a
 * crash must not take back what they claim. Messages that may be sent are sent in the order in
 * which they were made; none waits for another one's write. */
#ifndef RAKIT_REPLICA_OUTBOX_H
#define RAKIT_REPLICA_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

/* Empty if it is zeroed. */
struct outbox {
    struct raft_outbound *held; /* In the order in which they were made. */
    uint32_t count;
    uint32_t capacity;
};

void outbox_deinit(struct outbox *o);
void outbox_hold(struct outbox *o, const struct raft_outbound *outbound);
/* Passes those to `send` that wait for no later write than this one. `send` must not call the
 * outbox. */
void outbox_release(struct outbox *o, raft_seq durable_seq,
                    void (*send)(void *context, const struct raft_message *m), void *context);
bool outbox_is_empty(const struct outbox *o);

#endif /* RAKIT_REPLICA_OUTBOX_H */
