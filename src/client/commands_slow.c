/* commands_slow.c - SLOWLOG and LATENCY: what was slow at this node, in Redis's form. RAFT SLOW
 * and RAFT STATUS show more. */
#include "client/client.h"
#include "client/commands.h"
#include "kv/subcommand.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "store/store.h"

#define S 1000000000ull

typedef unsigned long long ull;

/* --- SLOWLOG --------------------------------------------------------------------------------- */

static void slowlog_get(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    int64_t count = 10;

    if (call->argument_count > 3) {
        subcommand_refuse_count(call->reply, call->command, NULL);
    } else if (call->argument_count == 3 && !decimal_read(call->arguments[2], &count)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else if (count < -1) {
        resp_error(call->reply, ERROR_SLOWLOG_COUNT);
    } else {
        replica_list_slow(c->replica, c->slow_after_us, count < 0 ? UINT64_MAX : (uint64_t)count,
                          call->reply);
    }
}

static void slowlog_len(struct command_call *call)
{
    const struct clients *c = call_clients(call);

    resp_integer(call->reply, (int64_t)replica_count_slow(c->replica, c->slow_after_us));
}

static void slowlog_reset(struct command_call *call)
{
    struct clients *c = call_clients(call);

    c->slow_after_us = io_wall_ns(c->io) / 1000;
    resp_ok(call->reply);
}

static const struct subcommand slowlog_subcommands[] = {
    {"GET", -2, slowlog_get, "[count]",
     "The slowest writes of the last minutes, if this node leads. RAFT SLOW says why."},
    {"LEN", 2, slowlog_len, "", "Counts them."},
    {"RESET", 2, slowlog_reset, "", "Forgets those that there are now."},
    {NULL, 0, NULL, NULL, NULL},
};

/* --- LATENCY --------------------------------------------------------------------------------- */

static const char event_name[] = "log-sync"; /* A write of the log to the disk. */

static bool names_event(const struct command_call *call)
{
    return call->argument_count > 2 && slice_is(call->arguments[2], event_name);
}

static bool has_syncs(const struct clients *c, struct store_stats *ret_stats)
{
    store_get_stats(replica_store(c->replica), ret_stats);
    return ret_stats->sync_count > 0;
}

static int64_t now_s(const struct clients *c)
{
    return (int64_t)(io_wall_ns(c->io) / S);
}

/* Of the last minute: the 99th percentile, and the slowest. */
static void latency_latest(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    struct store_stats stats;

    if (!has_syncs(c, &stats)) {
        resp_array(call->reply, 0);
        return;
    }
    resp_array(call->reply, 1);
    resp_array(call->reply, 4);
    resp_bulk_text(call->reply, event_name);
    resp_integer(call->reply, now_s(c));
    resp_integer(call->reply, (int64_t)(stats.sync_p99_ns / 1000000));
    resp_integer(call->reply, (int64_t)(stats.sync_max_ns / 1000000));
}

static void latency_history(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    struct store_stats stats;

    if (!names_event(call) || !has_syncs(c, &stats)) {
        resp_array(call->reply, 0);
        return;
    }
    resp_array(call->reply, 1);
    resp_array(call->reply, 2);
    resp_integer(call->reply, now_s(c));
    resp_integer(call->reply, (int64_t)(stats.sync_max_ns / 1000000));
}

static void latency_graph(struct command_call *call)
{
    struct slice name = call->arguments[2];
    struct store_stats stats;
    struct buffer text = {0};

    if (!names_event(call) || !has_syncs(call_clients(call), &stats)) {
        resp_errorf(call->reply, ERROR_NO_SAMPLES, (int)(name.size < 64 ? name.size : 64),
                    name.size == 0 ? "" : name.data);
        return;
    }
    buffer_printf(&text, "%s - high %llu ms, low %llu ms (the last minute)\n", event_name,
                  (ull)(stats.sync_max_ns / 1000000), (ull)(stats.sync_p50_ns / 1000000));
    resp_verbatim(call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}

static void latency_doctor(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    struct store_stats stats;
    struct figures figures;
    struct buffer text = {0};

    store_get_stats(replica_store(c->replica), &stats);
    replica_get_figures(c->replica, &figures);

    bool is_slow = stats.sync_p99_ns / 1000000 > figures.election_timeout_ms / 4;

    buffer_printf(
        &text,
        "In the last minute, half of the writes of this node's log took no more than %llu "
        "us, 99 of 100 no more than %llu us, and the slowest %llu us. %s RAFT SLOW shows "
        "which node writes wait for, and RAFT STATUS the figures of all nodes.\n",
        (ull)(stats.sync_p50_ns / 1000), (ull)(stats.sync_p99_ns / 1000),
        (ull)(stats.sync_max_ns / 1000),
        is_slow ? "That is slow for the election timeout: replace the disk, or raise "
                  "--election-timeout on all nodes."
                : "The disk is fast enough for the election timeout.");
    resp_verbatim(call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}

static void latency_reset(struct command_call *call)
{
    resp_integer(call->reply, 0); /* What there is, is of the last minute. */
}

static void latency_histogram(struct command_call *call)
{
    resp_map(call->reply, 0); /* Times of single commands are not measured. */
}

static const struct subcommand latency_subcommands[] = {
    {"DOCTOR", 2, latency_doctor, "", "Says whether this node's disk is fast enough."},
    {"GRAPH", 3, latency_graph, "event", "The range of an event's times."},
    {"HISTOGRAM", -2, latency_histogram, "[command [command ...]]",
     "Empty: times of single commands are not measured."},
    {"HISTORY", 3, latency_history, "event", "The slowest log-sync of the last minute."},
    {"LATEST", 2, latency_latest, "", "Times of the event log-sync, in the last minute."},
    {"RESET", -2, latency_reset, "[event [event ...]]", "Without effect."},
    {NULL, 0, NULL, NULL, NULL},
};

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command slow_commands[] = {
    {.name = "LATENCY", .arity = -2,
     .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_LOADING | COMMAND_QUEUED,
     .handler = subcommand_run, .subcommands = latency_subcommands, .group = "server",
     .arguments = "LATEST | HISTORY event | GRAPH event | DOCTOR | RESET | HISTOGRAM | HELP",
     .since = "2.8.13",
     .summary = "Shows how long this node's disk takes."},
    {.name = "SLOWLOG", .arity = -2,
     .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_LOADING | COMMAND_QUEUED,
     .handler = subcommand_run, .subcommands = slowlog_subcommands, .group = "server",
     .arguments = "GET [count] | LEN | RESET | HELP", .integers = "count", .since = "2.2.12",
     .summary = "Shows the slowest writes of the last minutes, at the leader."},
    {.name = NULL},
};
/* clang-format on */
