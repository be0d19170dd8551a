/* commands_raft.c - takes RAFT and REQUEST_LOG from a client and hands them to the
 * replica, which answers them as leader or sends them there. */
#include "server/commands_raft.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "server/client.h"
#include "server/replica.h"
#include "server/subcommand.h"

enum { ADMIN_BYTES_MAX = 4096 };

/* An administrative command on its way, with the place of its reply. */
struct admin_request {
    struct request request;
    struct reply_slot *slot;
};

static struct resp_writer *admin_reply(struct request *request)
{
    return reply_writer(container_of(request, struct admin_request, request)->slot);
}

static void admin_answered(struct request *request)
{
    struct admin_request *a = container_of(request, struct admin_request, request);

    reply_done(a->slot);
    free(a);
}

static void submit(struct command_call *call)
{
    struct admin_request *a;
    size_t bytes = 0;

    for (uint32_t i = 0; i < call->argument_count; i++) {
        bytes += call->arguments[i].size;
    }
    if (bytes > ADMIN_BYTES_MAX) {
        resp_error(call->reply, "ERR arguments are too long for an administrative command");
        return;
    }
    a = memory_take_zeroed(1, sizeof *a);

    a->request.reply = admin_reply;
    a->request.answered = admin_answered;
    a->request.resp_version = (uint8_t)call->reply->version;
    request_encode(&a->request, call->command, 0, call->argument_count, call->arguments);
    a->slot = reply_later(call);
    replica_submit(call_client(call)->clients->server->replica, &a->request);
}

/* A node that is to join through itself would wait for ever for a leader to answer it. */
static void add(struct command_call *call)
{
    const struct replica *r = call_client(call)->clients->server->replica;
    char own_id[17];

    snprintf(own_id, sizeof own_id, "%016llx", (unsigned long long)replica_node_id(r));
    if (replica_cluster_id(r) == 0 && call->argument_count > 2 &&
        slice_is(call->arguments[2], own_id)) {
        resp_error(call->reply, "ERR that is this node itself: give another node as the contact, "
                                "or none to make a new cluster");
        return;
    }
    submit(call);
}

/* The leader counts the arguments: it can say more than that there are too few. */
const struct subcommand raft_subcommands[] = {
    {"ADD", -2, add, "id host port peer-port",
     "Adds a learner. A node that is started with a contact does so itself."},
    {"LOG", -2, submit, "[from [count]]",
     "Committed entries, the newest 100, or so many from an index on."},
    {"MEMBERS", -2, submit, "", "Ids, addresses and memberships of all members."},
    {"REMOVE", -2, submit, "id | host:port", "Removes a member. It serves nothing any more."},
    {"STATUS", -2, submit, "",
     "The cluster as its leader sees it: each node's role, progress and health."},
    {"TRANSFER", -2, submit, "[id | host:port]",
     "Hands leadership over, to that voter or to the best one."},
    {NULL, 0, NULL, NULL, NULL},
};

void raft_command(struct command_call *call)
{
    subcommand_run(call);
}

void request_log_command(struct command_call *call)
{
    submit(call);
}
