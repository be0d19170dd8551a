/* commands_raft.c - takes RAFT and REQUEST_LOG from a client and gives them to the replica,
 * which answers them as leader or forwards them to the leader. */

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/waits.h"
#include "kv/subcommand.h"
#include "replica/replica.h"
#include "resp/errors.h"

enum { ADMIN_BYTES_MAX = 4096 };

/* An administrator's command under way, with the slot of its reply. */
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

static void submit_request(struct command_call *call, bool is_query)
{
    struct command_head head = {.argument_count = call->argument_count,
                                .user = rights_user(call_client(call))};
    struct admin_request *a;
    size_t bytes = 0;

    for (uint32_t i = 0; i < call->argument_count; i++) {
        bytes += call->arguments[i].size;
    }
    if (bytes > ADMIN_BYTES_MAX) {
        resp_error(call->reply, ERROR_RAFT_ARGUMENTS);
        return;
    }
    a = memory_take_zeroed(1, sizeof *a);
    a->request.received_ns = call_client(call)->received_ns;
    a->request.reply = admin_reply;
    a->request.answered = admin_answered;
    a->request.resp_version = (uint8_t)call->reply->version;
    a->request.is_query = is_query;
    request_encode_head(&a->request, call->command, &head, call->arguments);
    a->slot = reply_later(call);
    replica_submit(call_client(call)->clients->replica, &a->request);
}

static void change(struct command_call *call)
{
    submit_request(call, false);
}

static void query(struct command_call *call)
{
    submit_request(call, true);
}

/* For a command about this node, whichever leads; its slot is taken once it is under way. */
static struct admin_request *make_request(const struct command_call *call)
{
    struct admin_request *a = memory_take_zeroed(1, sizeof *a);

    a->request.reply = admin_reply;
    a->request.answered = admin_answered;
    a->request.resp_version = (uint8_t)call->reply->version;
    return a;
}

/* `error`: why it is not under way; NULL: it is. */
static void await_request(struct command_call *call, struct admin_request *a, const char *error)
{
    if (error == NULL) {
        a->slot = reply_later(call);
    } else {
        free(a);
        resp_error(call->reply, error);
    }
}

/* A snapshot of this node's state. */
static void snapshot(struct command_call *call)
{
    struct admin_request *a = make_request(call);

    await_request(call, a, replica_snapshot(call_client(call)->clients->replica, &a->request));
}

/* Everything on this node's disk is read. */
static void scrub(struct command_call *call)
{
    struct admin_request *a = make_request(call);

    await_request(call, a, replica_scrub(call_client(call)->clients->replica, &a->request));
}

/* What a backup is made of. */
static void backup(struct command_call *call)
{
    struct replica *r = call_client(call)->clients->replica;
    struct admin_request *a;

    if (call->argument_count == 2) {
        replica_list_backups(r, call->reply);
        return;
    }
    a = make_request(call);
    await_request(call, a,
                  replica_backup(r, &a->request, call->argument_count - 2, call->arguments + 2));
}

/* A node that joins through itself would wait for ever for a leader to answer it. */
static bool refuse_itself(struct command_call *call)
{
    const struct replica *r = call_client(call)->clients->replica;
    char own_id[17];

    snprintf(own_id, sizeof own_id, "%016llx", (unsigned long long)replica_node_id(r));
    if (replica_cluster_id(r) != 0 || call->argument_count <= 2 ||
        !slice_is(call->arguments[2], own_id)) {
        return false;
    }
    resp_error(call->reply, ERROR_OWN_CONTACT);
    return true;
}

static void add(struct command_call *call)
{
    if (!refuse_itself(call)) {
        change(call);
    }
}

static void reply_key(struct resp_writer *w, const struct store_key *key)
{
    char digits[2 * STORE_KEY_BYTES + 1];

    for (size_t i = 0; i < STORE_KEY_BYTES; i++) {
        snprintf(digits + 2 * i, 3, "%02x", key->bytes[i]);
    }
    resp_bulk_text(w, digits);
}

/* Gives the key of the cluster only to clients on this machine. */
static void hand_over_key(struct command_call *call)
{
    struct client *client = call_client(call);
    const struct store_key *key = replica_cluster_key(client->clients->replica);

    if (refuse_itself(call)) {
        return;
    }
    if (!client->is_logged_in && !rights_are_free(client->clients)) {
        resp_error(call->reply, ERROR_KEY_NEEDS_LOGIN);
    } else if (!rights_admit_call(client, call)) {
        return; /* The error was replied. */
    } else if (!io_stream_is_local(client->clients->io, &client->stream) &&
               !MUTANT(key_for_everybody)) {
        resp_error(call->reply, ERROR_NO_KEY);
    } else if (key == NULL) {
        resp_error(call->reply, ERROR_NO_KEY_YET);
    } else {
        reply_key(call->reply, key);
    }
}

/* What a node that starts must know of its contact, before anybody has logged in. */
static void here(struct command_call *call)
{
    const struct clients *clients = call_client(call)->clients;
    const struct replica *r = clients->replica;

    resp_bulkf(call->reply,
               "cluster_id:%016llx\r\ncluster_epoch:%016llx\r\nnode_id:%016llx\r\npeer_port:%u\r\n",
               (unsigned long long)replica_cluster_id(r), (unsigned long long)replica_epoch(r),
               (unsigned long long)replica_node_id(r), (unsigned)clients->options.peer_port);
}

/* All earlier commands of the connection are answered (COMMAND_ASYNC). */
static void index_of_write(struct command_call *call)
{
    resp_integer(call->reply, (int64_t)call_client(call)->written_index);
}

/* The leader checks the number of arguments: its errors say more. */
static const struct subcommand raft_subcommands[] = {
    {"ADD", -2, add, "id host port peer-port [NAME name] [LEARNER] [REPLACE node]",
     "Adds a running node as a learner. A node started with a contact does this itself."},
    {"BACKUP", -2, backup,
     "[SNAPSHOT index term bytes checksum offset | LOG index previous-term offset last-index]",
     "The snapshots and entries that this node can hand out, or a part of one: rakit-cli's backup "
     "uses this."},
    {"DEMOTE", -2, change, "node [FORCE]",
     "A voter becomes a learner, and stays one. FORCE: even if the cluster may stand still."},
    {"KEY", -2, hand_over_key, "[id]",
     "The key of the cluster, over loopback only. A joining node asks for it with its id."},
    {"FEED", 2, raft_feed_command, "",
     "Which changes this node still has for XREAD: those behind `from`. And what it has applied."},
    {"HERE", 2, here, "",
     "Which node of which cluster this is: a node that starts asks its contact."},
    {"INDEX", 2, index_of_write, "",
     "The log index of the last write of this connection: it rises with each write to a key."},
    {"LOG", -2, query, "[from [count]] [STAGES]",
     "Committed entries: the newest 100, or so many from an index on. With STAGES: when recent "
     "ones were stored, by which node, committed and answered."},
    {"MEMBERS", -2, query, "", "Ids, addresses and memberships of all members."},
    {"METRICS", 2, raft_metrics_command, "",
     "Figures of this node, in the text format of Prometheus. The HTTP door has them as /metrics."},
    {"PRIORITY", -2, change, "node priority [FORCE]",
     "0: it never leads. Of the others, the healthy voter with the highest leads. Default: 1."},
    {"PROMOTE", -2, change, "node", "A learner becomes a voter once it has caught up."},
    {"READS", -2, reads_command, "[LINEARIZABLE | LEASE | STALE [MAXAGE ms]]",
     "How reads of this connection are served from now on. Without an argument, how they are now."},
    {"REDIRECT", -2, redirect_command, "[ON | OFF]",
     "Whether this connection is sent to the leader by MOVED, instead of its commands. Without an "
     "argument, how it is now."},
    {"REMOVE", -2, change, "node [FORCE]",
     "Removes a member: a name, host:port, or four or more first digits of an id."},
    {"REPLACE", -2, change, "node learner",
     "The learner takes the place of that voter once it has caught up."},
    {"SCAN", 3, raft_scan_command, "prefix",
     "The keys with a prefix and their values, at one index, and the id from which XREAD goes on."},
    {"SCRUB", 2, scrub, "",
     "Reads everything on this node's disk now, and mends what is damaged. Replies at the end."},
    {"SNAPSHOT", 2, snapshot, "",
     "Makes a snapshot of this node's state now, and cuts its log. Replies when it is durable."},
    {"SLOW", -2, query, "",
     "What made recent writes slow: how often each node was the last of the majority or late, and "
     "the slowest writes of the last minutes."},
    {"STATUS", -2, query, "",
     "The cluster as its leader sees it: each node's role, progress, health and figures."},
    {"TRANSFER", -2, change, "[node]", "Hands leadership over, to that voter or to the best one."},
    {"WAIT", -3, raft_wait_command, "index [ms]",
     "Replies once this node has applied that index, so that reads here see it."},
    {NULL, 0, NULL, NULL, NULL},
};

static void raft_command(struct command_call *call)
{
    subcommand_run(call);
}

/* In a transaction or a script: that is one entry. */
static void raft_inner(struct command_call *call)
{
    if (slice_is(call->arguments[1], "INDEX")) {
        resp_integer(call->reply, (int64_t)call->index);
    } else {
        resp_error(call->reply, ERROR_NOT_INNER);
    }
}

static void request_log_command(struct command_call *call)
{
    query(call);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command raft_commands[] = {
    {.name = "RAFT", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC,
     .handler = raft_command, .inner = raft_inner, .subcommands = raft_subcommands,
     .group = "raft", .since = "0.1.0",
     .integers = "port peer-port from count priority index ms",
     .arguments = "STATUS | MEMBERS | ADD id host port peer-port [NAME name] [LEARNER] [REPLACE "
                  "node] | REMOVE node [FORCE] | REPLACE node learner | PROMOTE node | DEMOTE node "
                  "[FORCE] | PRIORITY node priority [FORCE] | TRANSFER [node] | METRICS | LOG "
                  "[from [count]] [STAGES] | SLOW | SCRUB | SNAPSHOT | BACKUP | FEED | "
                  "SCAN prefix | INDEX | "
                  "HERE | WAIT index [ms] | READS "
                  "[LINEARIZABLE | LEASE | STALE [MAXAGE ms]] | REDIRECT [ON | OFF] | HELP",
     .summary = "Shows and changes the cluster."},
    {.name = "REQUEST_LOG", .arity = -1, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC,
     .handler = request_log_command, .group = "raft",
     .arguments = "[from [count]] [STAGES]", .integers = "from count",
     .since = "0.1.0",
     .summary = "Shows the replicated log of the leader."},
    {.name = NULL},
};
/* clang-format on */
