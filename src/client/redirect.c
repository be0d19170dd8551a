/* redirect.c - MOVED, for connections that chose it: a node that does not lead names the leader
 * instead of forwarding the command. While no leader is known, commands wait here as on any
 * connection. */
#include "client/redirect.h"

#include "base/mutant.h"
#include "client/commands.h"
#include "client/topology.h"
#include "cluster/slot.h"
#include "command/table.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/errors.h"

static bool has_key(const struct client *c, const struct command *command)
{
    uint32_t first;
    uint32_t last;

    return command->key_count_at > 0
               ? command_key_range(command, c->parser.argument_count, c->parser.arguments, &first,
                                   &last)
               : command->first_key > 0 && (uint32_t)command->first_key < c->parser.argument_count;
}

static bool may_move(const struct client *c, const struct command *command)
{
    bool is_read_here = c->reads_replicas && (command->flags & COMMAND_READ) != 0;

    return c->redirects && !is_read_here && has_key(c, command);
}

bool client_serves(const struct client *c, const struct command *command, struct resp_writer *w)
{
    const struct raft *raft = replica_raft(c->clients->replica);
    struct io_address leader;

    if (!may_move(c, command) || raft_leader(raft) == raft_self(raft) ||
        !replica_leader_address(c->clients->replica, &leader) || MUTANT(redirect_ignored)) {
        return true;
    }
    resp_errorf(w, ERROR_MOVED, slot_of_key(c->parser.arguments[command->first_key]), leader.host,
                (unsigned)topology_port(c, leader.port));
    return false;
}

void redirect_command(struct command_call *call)
{
    struct client *c = call_client(call);
    bool is_on = call->argument_count == 3 && slice_is(call->arguments[2], "ON");

    if (call->argument_count == 2) {
        resp_simple(call->reply, c->redirects ? "on" : "off");
    } else if (call->argument_count == 3 && (is_on || slice_is(call->arguments[2], "OFF"))) {
        c->redirects = is_on;
        resp_ok(call->reply);
    } else {
        resp_error(call->reply, ERROR_REDIRECT_SYNTAX);
    }
}
