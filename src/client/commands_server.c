/* commands_server.c - TIME and ROLE: about this node. */
#include "client/client.h"
#include "client/commands.h"
#include "client/topology.h"
#include "client/waits.h"
#include "raft/raft.h"
#include "replica/replica.h"

#define S 1000000000ull

/* --- TIME ------------------------------------------------------------------------------ */

static void time_command(struct command_call *call)
{
    uint64_t wall_ns = io_wall_ns(call_clients(call)->io);

    resp_array(call->reply, 2);
    resp_bulkf(call->reply, "%llu", (unsigned long long)(wall_ns / S));
    resp_bulkf(call->reply, "%llu", (unsigned long long)(wall_ns % S / 1000));
}

/* --- ROLE ------------------------------------------------------------------------------ */

static void reply_followers(const struct replica *replica, struct resp_writer *w)
{
    struct follower list[RAFT_MEMBERS_MAX];
    uint32_t count = followers_list(replica, list);

    resp_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        resp_array(w, 3);
        resp_bulk_text(w, list[i].address->client.host);
        resp_bulkf(w, "%u", list[i].address->client.port);
        resp_bulkf(w, "%llu", (unsigned long long)list[i].match_index);
    }
}

static void reply_as_replica(const struct clients *c, struct resp_writer *w)
{
    struct io_address leader = {.port = 0};
    bool has_leader = replica_is_serving(c->replica) && replica_leader_address(c->replica, &leader);

    resp_array(w, 5);
    resp_bulk_text(w, "slave");
    resp_bulk_text(w, has_leader ? leader.host : "");
    resp_integer(w, has_leader ? leader.port : 0);
    resp_bulk_text(w, replica_is_removed(c->replica) ? "removed"
                      : has_leader                   ? "connected"
                                                     : "connect");
    resp_integer(w, (int64_t)replica_applied_index(c->replica));
}

static void role_command(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    struct resp_writer *w = call->reply;

    if (c->options.is_sentinel) {
        resp_array(w, 2);
        resp_bulk_text(w, "sentinel");
        resp_array(w, 1);
        resp_bulk_text(w, sentinel_name(c));
        return;
    }
    if (!topology_is_master(c)) {
        reply_as_replica(c, w);
        return;
    }
    resp_array(w, 3);
    resp_bulk_text(w, "master");
    resp_integer(w, (int64_t)raft_commit_index(replica_raft(c->replica)));
    reply_followers(c->replica, w);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command node_commands[] = {
    {.name = "ROLE", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED,
     .handler = role_command,
     .group = "server", .arguments = "", .since = "2.8.12",
     .summary = "Shows whether this node serves: a master does."},
    {.name = "TIME", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED,
     .handler = time_command,
     .group = "server", .arguments = "", .since = "2.6.0",
     .summary = "Shows this node's clock: seconds and microseconds."},
    {.name = "WAIT", .arity = 3, .flags = COMMAND_LOCAL | COMMAND_ASYNC, .handler = wait_command,
     .group = "generic", .arguments = "numreplicas timeout",
     .integers = "numreplicas timeout", .since = "3.0.0",
     .summary = "At the leader: waits until so many other nodes have what was written, and counts "
                "them. Elsewhere: counts those that certainly have it."},
    {.name = "WAITAOF", .arity = 4, .flags = COMMAND_LOCAL | COMMAND_ASYNC,
     .handler = waitaof_command, .group = "generic", .arguments = "numlocal numreplicas timeout",
     .integers = "numlocal numreplicas timeout", .since = "7.2.0",
     .summary = "As WAIT, and whether this node has it on its disk."},
    {.name = NULL},
};
/* clang-format on */
