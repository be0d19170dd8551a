/* commands_raft.h - the administration of the cluster: RAFT ... and REQUEST_LOG. */
#ifndef RAKIT_CLIENT_COMMANDS_RAFT_H
#define RAKIT_CLIENT_COMMANDS_RAFT_H

#include "command/subcommand.h"
#include "kv/command.h"

/* Rows: RAFT, arity -2; REQUEST_LOG, arity -1; both LOCAL | ADMIN | ASYNC, no keys.
 * Both go to the leader, from whichever node they are given to, and are answered
 * from there. */
void raft_command(struct command_call *call);
extern const struct subcommand raft_subcommands[];
void request_log_command(struct command_call *call);

#endif /* RAKIT_CLIENT_COMMANDS_RAFT_H */
