/* commands_replication.c - what Redis has to make a node a replica, which is refused here, and
 * DEBUG and LOLWUT. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/topology.h"
#include "client/waits.h"
#include "kv/subcommand.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/errors.h"

typedef unsigned long long ull;

/* --- refused --------------------------------------------------------------------------------- */

/* NO ONE makes a master of a node, which it is. */
static void replicaof_command(struct command_call *call)
{
    if (slice_is(call->arguments[1], "NO") && slice_is(call->arguments[2], "ONE") &&
        topology_is_master(call_clients(call))) {
        resp_ok(call->reply);
    } else {
        resp_errorf(call->reply, ERROR_NO_REPLICAOF, call->command->name);
    }
}

static void failover_command(struct command_call *call)
{
    resp_error(call->reply, ERROR_NO_FAILOVER);
}

static void sync_command(struct command_call *call)
{
    resp_errorf(call->reply, ERROR_NO_SYNC, call->command->name);
}

/* --- DEBUG ----------------------------------------------------------------------------------- */

enum { SLEEP_SECONDS_MAX = 3600 };

static bool read_seconds(struct slice text, double *ret_seconds)
{
    char copy[32];
    char *end = NULL;

    if (text.size == 0 || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret_seconds = strtod(copy, &end);
    return *end == '\0' && *ret_seconds >= 0 && *ret_seconds <= SLEEP_SECONDS_MAX;
}

static bool sleeps_on(struct wait *w, const struct clients *c)
{
    return false; /* Only its time ends it. */
}

static void reply_ok(struct wait *w, const struct clients *c, struct resp_writer *to)
{
    resp_ok(to);
}

/* Redis stops altogether. Here only this connection waits: heartbeats must go on. */
static void debug_sleep(struct command_call *call)
{
    double seconds = 0;

    if (!read_seconds(call->arguments[2], &seconds)) {
        resp_error(call->reply, ERROR_SLEEP);
    } else {
        struct wait *w = memory_take_zeroed(1, sizeof *w);

        w->deadline_ns = io_now_ns(call_clients(call)->io) + (uint64_t)(seconds * 1e9);
        w->is_over = sleeps_on;
        w->reply = reply_ok;
        w->holds_client = true;
        wait_begin_take(call, w);
    }
}

static const struct subcommand debug_subcommands[] = {
    {"SLEEP", 3, debug_sleep, "seconds", "The reply comes after that time; others are served."},
    {NULL, 0, NULL, NULL, NULL},
};

static void debug_command(struct command_call *call)
{
    struct client *c = call_client(call);

    if (!io_stream_is_local(c->clients->io, &c->stream)) {
        resp_error(call->reply, ERROR_DEBUG_IS_LOCAL);
    } else {
        subcommand_run(call);
    }
}

/* --- LOLWUT ---------------------------------------------------------------------------------- */

enum { LOG_COLUMNS = 40 };

/* How much of its log a node has stored, as a part of the longest one. */
static void draw_log(const struct topology_node *node, raft_index longest, bool is_leader,
                     struct buffer *out)
{
    raft_index columns = longest == 0 ? 0 : node->offset * LOG_COLUMNS / longest;

    buffer_printf(out, "  (");
    for (raft_index i = 0; i < LOG_COLUMNS; i++) {
        buffer_append(out, i < columns ? "=" : " ", 1);
    }
    buffer_printf(out, ")  %s:%u%s\n", node->address->client.host,
                  (unsigned)node->address->client.port, is_leader ? ", at the helm" : "");
}

/* A raft of logs, each as long as its node's. */
static void lolwut_command(struct command_call *call)
{
    static const char sail[] = "                   |\\\n"
                               "                   | \\\n"
                               "                   |  \\\n"
                               "                   |___\\\n"
                               "                   |\n";
    const struct clients *c = call_clients(call);
    const struct raft *raft = replica_raft(c->replica);
    struct buffer text = {0};
    struct topology t;
    raft_index longest = raft_last_index(raft);

    topology_get(c, &t);
    buffer_append_slice(&text, slice_str(sail));
    for (uint32_t i = 0; i < t.count; i++) {
        draw_log(&t.nodes[i], longest, t.has_master && i == 0, &text);
    }
    for (uint32_t i = 0; i < LOG_COLUMNS / 2 + 2; i++) {
        buffer_append(&text, "~ ", 2);
    }
    buffer_printf(&text, "\n\nTerm %llu, %llu entries committed. Rakit ver. " RAKIT_VERSION "\n",
                  (ull)raft_current_term(raft), (ull)raft_commit_index(raft));
    resp_verbatim(call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}

/* --- rows ------------------------------------------------------------------------------ */

#define REFUSED "Refused: nodes replicate by Raft."

/* clang-format off */
const struct command replication_commands[] = {
    {.name = "DEBUG", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC,
     .handler = debug_command, .subcommands = debug_subcommands, .group = "server",
     .arguments = "HELP | SLEEP seconds", .since = "1.0.0",
     .summary = "For tests, over loopback only."},
    {.name = "FAILOVER", .arity = -1, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_HIDDEN,
     .handler = failover_command, .group = "server", .arguments = "", .since = "6.2.0",
     .summary = REFUSED},
    {.name = "LOLWUT", .arity = -1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED,
     .handler = lolwut_command, .group = "server", .arguments = "[VERSION version]",
     .integers = "version", .since = "5.0.0",
     .summary = "Draws the cluster."},
    {.name = "MONITOR", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ALONE,
     .handler = monitor_command, .group = "server", .arguments = "", .since = "1.0.0",
     .summary = "Shows all commands that this node takes, until RESET."},
    {.name = "PSYNC", .arity = -3, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_HIDDEN,
     .handler = sync_command, .group = "server", .arguments = "replicationid offset",
     .integers = "offset", .since = "2.8.0",
     .summary = REFUSED},
    {.name = "REPLICAOF", .arity = 3, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_HIDDEN,
     .handler = replicaof_command, .group = "server", .arguments = "host port", .since = "5.0.0",
     .summary = REFUSED},
    {.name = "SLAVEOF", .arity = 3, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_HIDDEN,
     .handler = replicaof_command, .group = "server", .arguments = "host port", .since = "1.0.0",
     .summary = REFUSED},
    {.name = "SYNC", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_HIDDEN,
     .handler = sync_command, .group = "server", .arguments = "", .since = "1.0.0",
     .summary = REFUSED},
    {.name = NULL},
};
/* clang-format on */
