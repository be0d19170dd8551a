/* commands_raft.c - takes RAFT and REQUEST_LOG from a client and hands them to the
 * replica, which answers them as leader or sends them there. */

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "client/client.h"
#include "client/commands.h"
#include "command/subcommand.h"
#include "replica/replica.h"

enum { ADMIN_BYTES_MAX = 4096, ADD_WITH_KEY_COUNT = 7 };

/* An administrative command on its way, with the place of its reply. */
struct admin_request {
    struct request request;
    struct reply_slot *slot;
    const struct replica *key_of; /* Whose key goes along with the reply; NULL: nobody's. */
    struct resp_writer writer;    /* Of the reply, where a key goes along. */
    struct buffer out;
};

static struct resp_writer *admin_reply(struct request *request)
{
    struct admin_request *a = container_of(request, struct admin_request, request);

    return a->key_of != NULL ? &a->writer : reply_writer(a->slot);
}

/* An array of both, where the node was added. */
static void reply_with_key(struct admin_request *a)
{
    const struct store_key *key = replica_cluster_key(a->key_of);
    struct resp_writer *w = reply_writer(a->slot);
    char digits[2 * STORE_KEY_BYTES + 1];

    if (key == NULL || buffer_size(&a->out) == 0 || buffer_begin(&a->out)[0] != '*') {
        buffer_append_slice(w->out, buffer_slice(&a->out)); /* An error. */
        return;
    }
    for (size_t i = 0; i < STORE_KEY_BYTES; i++) {
        snprintf(digits + 2 * i, 3, "%02x", key->bytes[i]);
    }
    resp_array(w, 2);
    buffer_append_slice(w->out, buffer_slice(&a->out));
    resp_bulk_text(w, digits);
}

static void admin_answered(struct request *request)
{
    struct admin_request *a = container_of(request, struct admin_request, request);

    if (a->key_of != NULL) {
        reply_with_key(a);
    }
    reply_done(a->slot);
    buffer_deinit(&a->out);
    free(a);
}

static void submit_some(struct command_call *call, uint32_t argument_count,
                        const struct replica *key_of)
{
    struct admin_request *a;
    size_t bytes = 0;

    for (uint32_t i = 0; i < argument_count; i++) {
        bytes += call->arguments[i].size;
    }
    if (bytes > ADMIN_BYTES_MAX) {
        resp_error(call->reply, "ERR arguments are too long for an administrative command");
        return;
    }
    a = memory_take_zeroed(1, sizeof *a);

    a->key_of = key_of;
    a->writer = (struct resp_writer){.out = &a->out, .version = 2};
    a->request.received_ns = call_client(call)->received_ns;
    a->request.reply = admin_reply;
    a->request.answered = admin_answered;
    a->request.resp_version = (uint8_t)(key_of != NULL ? 2 : call->reply->version);
    request_encode(&a->request, call->command, 0, argument_count, call->arguments);
    a->slot = reply_later(call);
    replica_submit(call_client(call)->clients->replica, &a->request);
}

static void submit(struct command_call *call)
{
    submit_some(call, call->argument_count, NULL);
}

/* The key of the cluster is for those alone who are on this very machine. */
static void add_with_key(struct command_call *call, const struct replica *r)
{
    struct client *client = call_client(call);

    if (!io_stream_is_local(client->clients->io, &client->stream) && !MUTANT(key_for_everybody)) {
        resp_error(call->reply,
                   "NOKEY the key of the cluster is handed over on loopback only: copy the file "
                   "cluster-key from the data directory of a member to the new node, and start "
                   "that with --cluster-key FILE");
        return;
    }
    submit_some(call, call->argument_count - 1, r);
}

/* A node that is to join through itself would wait for ever for a leader to answer it. */
static void add(struct command_call *call)
{
    const struct replica *r = call_client(call)->clients->replica;
    char own_id[17];

    snprintf(own_id, sizeof own_id, "%016llx", (unsigned long long)replica_node_id(r));
    if (replica_cluster_id(r) == 0 && call->argument_count > 2 &&
        slice_is(call->arguments[2], own_id)) {
        resp_error(call->reply, "ERR that is this node itself: give another node as the contact, "
                                "or none to make a new cluster");
        return;
    }
    if (call->argument_count == ADD_WITH_KEY_COUNT &&
        slice_is(call->arguments[ADD_WITH_KEY_COUNT - 1], "KEY")) {
        add_with_key(call, r);
    } else {
        submit(call);
    }
}

/* The leader counts the arguments: it can say more than that there are too few. */
static const struct subcommand raft_subcommands[] = {
    {"ADD", -2, add, "id host port peer-port [KEY]",
     "Adds a learner. A node that is started with a contact does so itself."},
    {"LOG", -2, submit, "[from [count]]",
     "Committed entries, the newest 100, or so many from an index on."},
    {"MEMBERS", -2, submit, "", "Ids, addresses and memberships of all members."},
    {"REMOVE", -2, submit, "id | host:port",
     "Removes a member. It serves nothing any more. Four or more first digits of an id will do."},
    {"STATUS", -2, submit, "",
     "The cluster as its leader sees it: each node's role, progress and health."},
    {"TRANSFER", -2, submit, "[id | host:port]",
     "Hands leadership over, to that voter or to the best one."},
    {NULL, 0, NULL, NULL, NULL},
};

static void raft_command(struct command_call *call)
{
    subcommand_run(call);
}

static void request_log_command(struct command_call *call)
{
    submit(call);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command raft_commands[] = {
    {.name = "RAFT", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC,
     .handler = raft_command, .subcommands = raft_subcommands, .group = "raft", .since = "0.1.0",
     .arguments = "STATUS | MEMBERS | ADD id host port peer-port | REMOVE id|host:port | TRANSFER "
                  "[id | host:port] | LOG [from [count]] | HELP",
     .summary = "Shows and changes the cluster."},
    {.name = "REQUEST_LOG", .arity = -1, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC,
     .handler = request_log_command, .group = "raft", .arguments = "[from [count]]",
     .since = "0.1.0",
     .summary = "Shows the replicated log of the leader."},
    {.name = NULL},
};
/* clang-format on */
