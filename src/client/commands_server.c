/* commands_server.c - TIME, ROLE and WAIT: about this node. */
#include "client/client.h"
#include "client/commands.h"
#include "cluster/members.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"

#define S 1000000000ull

/* --- TIME ------------------------------------------------------------------------------ */

static void time_command(struct command_call *call)
{
    uint64_t wall_ns = io_wall_ns(call_clients(call)->io);

    resp_array(call->reply, 2);
    resp_bulkf(call->reply, "%llu", (unsigned long long)(wall_ns / S));
    resp_bulkf(call->reply, "%llu", (unsigned long long)(wall_ns % S / 1000));
}

/* --- ROLE and WAIT ----------------------------------------------------------------------- */

static void reply_followers(const struct replica *replica, struct resp_writer *w)
{
    const struct raft *raft = replica_raft(replica);
    const struct membership *m = replica_membership(replica);
    uint32_t member_count = m == NULL ? 0 : m->configuration.member_count;
    struct raft_progress progress;
    uint64_t count = 0;

    for (uint32_t i = 0; i < member_count; i++) {
        count += m->addresses[i].id != raft_self(raft) &&
                         raft_progress_of(raft, m->addresses[i].id, &progress)
                     ? 1
                     : 0;
    }
    resp_array(w, count);
    for (uint32_t i = 0; i < member_count; i++) {
        const struct member_address *address = &m->addresses[i];

        if (address->id != raft_self(raft) && raft_progress_of(raft, address->id, &progress)) {
            resp_array(w, 3);
            resp_bulk_text(w, address->client.host);
            resp_bulkf(w, "%u", address->client.port);
            resp_bulkf(w, "%llu", (unsigned long long)progress.match_index);
        }
    }
}

static void role_command(struct command_call *call)
{
    const struct replica *replica = call_clients(call)->replica;
    struct resp_writer *w = call->reply;

    if (replica_is_serving(replica)) {
        resp_array(w, 3);
        resp_bulk_text(w, "master");
        resp_integer(w, (int64_t)raft_commit_index(replica_raft(replica)));
        reply_followers(replica, w);
        return;
    }
    resp_array(w, 5);
    resp_bulk_text(w, "slave");
    resp_bulk_text(w, "");
    resp_integer(w, 0);
    resp_bulk_text(w, replica_is_removed(replica) ? "removed" : "connect");
    resp_integer(w, (int64_t)replica_applied_index(replica));
}

/* How many other voters certainly have everything that was acknowledged on this connection: a
 * majority, without this node. The leader may know of more, but not yet of what is under way. */
static int64_t replicas_that_have_it(const struct replica *replica, bool has_writes_under_way)
{
    const struct raft *raft = replica_raft(replica);
    const struct raft_configuration *configuration = raft_configuration(raft);
    bool knows_more = raft_role(raft) == RAFT_LEADER && !has_writes_under_way;
    int64_t voter_count = 0;
    int64_t matching_count = 0;

    for (uint32_t i = 0; i < configuration->member_count; i++) {
        const struct raft_member *m = &configuration->members[i];
        struct raft_progress progress;

        if (!m->incoming) {
            continue;
        }
        voter_count++;
        if (knows_more && m->id != raft_self(raft) && raft_progress_of(raft, m->id, &progress) &&
            progress.match_index >= raft_last_index(raft)) {
            matching_count++;
        }
    }
    int64_t sure_count = voter_count / 2;

    return matching_count > sure_count ? matching_count : sure_count;
}

/* Answers at once: what was acknowledged is on a majority, and WAIT promises no waiting for
 * more. */
static void wait_command(struct command_call *call)
{
    int64_t wanted = 0;
    int64_t timeout_ms = 0;

    if (!decimal_read(call->arguments[1], &wanted) || wanted < 0) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else if (!decimal_read(call->arguments[2], &timeout_ms)) {
        resp_error(call->reply, ERROR_TIMEOUT_NOT_AN_INTEGER);
    } else if (timeout_ms < 0) {
        resp_error(call->reply, ERROR_TIMEOUT_NEGATIVE);
    } else {
        resp_integer(call->reply, replicas_that_have_it(call_clients(call)->replica,
                                                        call_client(call)->write_count > 0));
    }
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command node_commands[] = {
    {.name = "ROLE", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST, .handler = role_command,
     .group = "server", .arguments = "", .since = "2.8.12",
     .summary = "Shows whether this node serves: a master does."},
    {.name = "TIME", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST, .handler = time_command,
     .group = "server", .arguments = "", .since = "2.6.0",
     .summary = "Shows this node's clock: seconds and microseconds."},
    {.name = "WAIT", .arity = 3, .flags = COMMAND_LOCAL, .handler = wait_command,
     .group = "generic", .arguments = "numreplicas timeout",
     .integers = "numreplicas timeout", .since = "3.0.0",
     .summary = "Counts the other nodes that have what was written."},
    {.name = NULL},
};
/* clang-format on */
