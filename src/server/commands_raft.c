/* commands_raft.c - takes RAFT and REQUEST_LOG from a client and hands them to the
 * replica, which answers them as leader or sends them there. */
#include "server/commands_raft.h"

#include <stdlib.h>

#include "base/memory.h"
#include "server/client.h"
#include "server/replica.h"

enum { ADMIN_BYTES_MAX = 4096 };

/* An administrative command on its way, with the place of its reply. */
struct admin_request {
    struct request request;
    struct reply_slot *slot;
};

static const char *const help[] = {
    "RAFT <subcommand> [<arg> ...]. Subcommands are:",
    "STATUS",
    "    The cluster as its leader sees it: each node's role, progress and health.",
    "MEMBERS",
    "    Ids, addresses and memberships of all members.",
    "ADD <id> <host> <port> <peer-port>",
    "    Adds a node as a learner; it becomes a voter once it has caught up. A node",
    "    that is started with a contact sends this by itself.",
    "REMOVE <id | host:port>",
    "    Removes a member. It serves nothing any more.",
    "TRANSFER [<id | host:port>]",
    "    Hands leadership over, to that voter or to the best one.",
    "LOG [<from> [<count>]]",
    "    Committed log entries: index, term, kind, command. The newest 100, or",
    "    <count> (100) from index <from>. Same as REQUEST_LOG.",
    "HELP",
    "    Prints this help.",
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
    request_encode(&a->request, call->command, call->argument_count, call->arguments);
    a->slot = reply_later(call);
    replica_submit(call_client(call)->clients->server->replica, &a->request);
}

void raft_command(struct command_call *call)
{
    if (slice_is(call->arguments[1], "HELP")) {
        resp_array(call->reply, sizeof help / sizeof help[0]);
        for (size_t i = 0; i < sizeof help / sizeof help[0]; i++) {
            resp_simple(call->reply, help[i]);
        }
        return;
    }
    submit(call);
}

void request_log_command(struct command_call *call)
{
    submit(call);
}
