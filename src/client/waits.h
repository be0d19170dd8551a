/* waits.h - clients that wait: by WAIT and WAITAOF until so many nodes have what they wrote, by
 * RAFT WAIT until this node has applied an index. */
#ifndef RAKIT_CLIENT_WAITS_H
#define RAKIT_CLIENT_WAITS_H

#include "client/client.h"

/* One of them, in memory that free() frees. */
struct wait {
    struct list link; /* clients->waits. */
    struct reply_slot *slot;
    uint64_t deadline_ns; /* UINT64_MAX: none. */
    bool holds_client;    /* No later command of its connection is taken before it ends. */
    bool (*is_over)(struct wait *w, const struct clients *c);
    /* It is over, or its time is. */
    void (*reply)(struct wait *w, const struct clients *c, struct resp_writer *to);
};

/* Replies at once if it is over, otherwise later. `w` is the first member of what is taken over. */
void wait_begin_take(struct command_call *call, struct wait *w);
/* When a timeout ends that begins now; 0: never. */
uint64_t wait_deadline_ns(const struct clients *c, int64_t timeout_ms);
/* Reads argument `index` as a timeout; false: an error was replied. */
bool wait_read_timeout(struct command_call *call, uint32_t index, int64_t *ret_ms);

/* WAIT and WAITAOF. */
void wait_command(struct command_call *call);
void waitaof_command(struct command_call *call);
/* RAFT WAIT index [timeout]. */
void raft_wait_command(struct command_call *call);

/* CLIENT UNBLOCK: ends a wait of that client, with an error or as if its time were over. False: it
 * does not wait. */
bool waits_unblock(struct client *client, bool with_error);

#endif /* RAKIT_CLIENT_WAITS_H */
