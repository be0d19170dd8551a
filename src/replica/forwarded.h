/* forwarded.h - as leader: commands that other nodes have forwarded to this one. Each is
 * answered on the connection on which it arrived, and begun only while its sender waits for it. */
#ifndef RAKIT_REPLICA_FORWARDED_H
#define RAKIT_REPLICA_FORWARDED_H

#include <stdbool.h>
#include <stdint.h>

#include "command/request.h"
#include "peer/wire.h"
#include "raft/raft.h"

struct replica;

/* A command that another node has forwarded: see peers_events. */
void forwarded_on_command(void *context, raft_id from, uint64_t connection,
                          const struct wire_forward *f);
/* The client of a forwarded command has gone. */
void forwarded_on_abandon(void *context, uint64_t connection, const struct wire_abandon *a);
/* Marks the waiting commands whose clients have gone since the last call. */
void forwarded_note_abandoned(struct replica *r);
/* Whether a command may be begun at that peers_time_now(): it came from a client here, or its
 * sender is known to wait for it. Later than that, its client may have been answered that it is
 * in doubt, and have seen that it was not executed. All commands of a connection may be begun,
 * or none, so their order is kept. */
bool forwarded_may_begin(struct request *request, uint64_t exact_ns);
/* Whether its sender has given it up by then, or has gone. */
bool forwarded_is_given_up(struct request *request, uint64_t exact_ns);

#endif /* RAKIT_REPLICA_FORWARDED_H */
