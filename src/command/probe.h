/* probe.h - what a checker may observe inside a replica. The simulator puts one into each node's
 * options and checks the invariants of docs/INVARIANTS.md with it. A real server has none
 * (NULL), and any callback may be NULL.
 *
 * Probes only observe: every argument is borrowed for the duration of the call. */
#ifndef RAKIT_COMMAND_PROBE_H
#define RAKIT_COMMAND_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"
#include "store/entry.h"
#include "store/snapshot.h"
#include "store/store.h"

struct server_probe {
    void *context; /* The first argument of each callback. */

    /* Recovery is over and the core restored; nothing has been sent to anybody. */
    void (*recovered)(void *context, const struct raft *r, const struct store_recovered *found);
    /* The index and term after which the recovered log begins; called before its entries. */
    void (*recovered_origin)(void *context, raft_index index, raft_term term);
    /* One entry of the recovered log, in order; called before `recovered`. */
    void (*recovered_entry)(void *context, const struct entry *e);

    /* Before and after each raft_step(), also if it was refused (`effects` is then NULL). */
    void (*before_step)(void *context, const struct raft *r, const struct raft_event *event);
    void (*after_step)(void *context, const struct raft *r, const struct raft_event *event,
                       const struct raft_effects *effects);

    /* A write was given to the store; the store reported it durable. */
    void (*written)(void *context, const struct store_write *w);
    void (*durable)(void *context, uint64_t seq);

    /* A message is given to the transport now: the write that it waited for is durable. */
    void (*sent)(void *context, const struct raft_message *m);

    /* An entry (of any kind) was applied; digest and log time are those of the keyspace after
     * it. */
    void (*applied)(void *context, const struct entry *e, uint64_t kv_digest, uint64_t kv_time_us);

    /* The state machine was replaced by a snapshot, at the start or while the node runs. */
    void (*restored)(void *context, const struct store_snapshot *snapshot, uint64_t kv_digest,
                     uint64_t kv_time_us);
    /* What the disk had lost is durable again. */
    void (*repaired)(void *context, const struct raft *r);
    /* The log begins after that entry from now on. */
    void (*compacted)(void *context, raft_index origin);

    /* Work was done that takes a processor some time: about this many bytes read or written
     * (command/time_share.h). */
    void (*worked)(void *context, uint64_t work);

    /* The reply to a client's request was given to its connection. `peer` is io_stream_peer() of
     * that connection, `ordinal` the number of the request on it, counting all from 1. `index`:
     * for an executed write, that of its entry, and `order` its place among the commands of that
     * entry, from 0; for a read, the last index applied when it was executed; 0 for all other
     * replies (errors, connection-local commands). The index of a forwarded command is the one
     * that the leader reported. */
    void (*replied)(void *context, const char *peer, uint64_t ordinal, uint64_t index,
                    uint32_t order, bool is_write);
};

/* probe_call(probe, sent, &message): calls it if both exist. */
#define probe_call(probe, name, ...)                                                               \
    do {                                                                                           \
        if ((probe) != NULL && (probe)->name != NULL) {                                            \
            (probe)->name((probe)->context, __VA_ARGS__);                                          \
        }                                                                                          \
    } while (0)

#endif /* RAKIT_COMMAND_PROBE_H */
