/* probe.h - what a checker may watch inside a replica. The simulator hangs one in
 * each node's options and checks the invariants of docs/INVARIANTS.md from it; a
 * real server has none (NULL), and each callback may be NULL as well.
 *
 * Probes look and never touch: everything handed over is borrowed for the call. */
#ifndef RAKIT_COMMAND_PROBE_H
#define RAKIT_COMMAND_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"
#include "store/entry.h"
#include "store/store.h"

struct server_probe {
    void *context; /* The first argument of each callback. */

    /* Recovery is over, the core restored, nothing was said to anybody yet. */
    void (*recovered)(void *context, const struct raft *r, const struct store_recovered *found);
    /* Where the recovered log begins, before its entries. */
    void (*recovered_origin)(void *context, raft_index index, raft_term term);
    /* One entry of the recovered log, in order, before `recovered`. */
    void (*recovered_entry)(void *context, const struct entry *e);

    /* Around each raft_step(), refused ones too (then `effects` is NULL). */
    void (*before_step)(void *context, const struct raft *r, const struct raft_event *event);
    void (*after_step)(void *context, const struct raft *r, const struct raft_event *event,
                       const struct raft_effects *effects);

    /* A write was handed to the store, and the store said that it is durable. */
    void (*written)(void *context, const struct store_write *w);
    void (*durable)(void *context, uint64_t seq);

    /* A message is handed to the transport now: the write it waited for is durable. */
    void (*sent)(void *context, const struct raft_message *m);

    /* An entry (of any kind) was applied; digest and log time are the keyspace's after it. */
    void (*applied)(void *context, const struct entry *e, uint64_t kv_digest, uint64_t kv_time_us);

    /* Work was done that takes a processor some time: about so many bytes looked at or written
     * (command/time_share.h). */
    void (*worked)(void *context, uint64_t work);

    /* The reply to a client's request went to its connection. `peer` is what
     * io_stream_peer() says of that connection, `ordinal` the number of the request
     * on it, from 1, every request counted. `index`: for a write that was executed,
     * that of its entry, and `order` its place among the commands of that entry,
     * from 0; for a read, the last index applied where it was executed. The index is
     * 0 where the reply came from neither (errors, connection-local commands).
     * A forwarded command's index is the one that the leader reported back. */
    void (*replied)(void *context, const char *peer, uint64_t ordinal, uint64_t index,
                    uint32_t order, bool is_write);
};

/* probe_call(probe, sent, &message): calls it where both are there. */
#define probe_call(probe, name, ...)                                                               \
    do {                                                                                           \
        if ((probe) != NULL && (probe)->name != NULL) {                                            \
            (probe)->name((probe)->context, __VA_ARGS__);                                          \
        }                                                                                          \
    } while (0)

#endif /* RAKIT_COMMAND_PROBE_H */
