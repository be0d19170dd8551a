/* commands_save.c - SAVE, BGSAVE and LASTSAVE: snapshots of this node's state. */
#include <stdlib.h>

#include "base/memory.h"
#include "client/client.h"
#include "client/commands.h"
#include "replica/replica.h"
#include "resp/errors.h"

#define S 1000000000ull

/* A snapshot that was asked for. */
struct save {
    struct request request;
    struct reply_slot *slot; /* Of SAVE; NULL: nobody waits. */
    struct buffer out;       /* What the snapshot reports. */
    struct resp_writer writer;
};

static struct resp_writer *save_reply(struct request *request)
{
    return &container_of(request, struct save, request)->writer;
}

static void save_answered(struct request *request)
{
    struct save *save = container_of(request, struct save, request);
    bool has_failed = buffer_size(&save->out) > 0 && *buffer_begin(&save->out) == '-';

    if (save->slot != NULL) {
        struct resp_writer *to = reply_writer(save->slot);

        if (has_failed) {
            buffer_append_slice(to->out, buffer_slice(&save->out));
        } else {
            resp_ok(to);
        }
        reply_done(save->slot);
    }
    buffer_deinit(&save->out);
    free(save);
}

/* NULL: a snapshot will be made; otherwise the error. */
static struct save *begin(struct command_call *call, const char **ret_error)
{
    struct save *save = memory_take_zeroed(1, sizeof *save);

    save->request.reply = save_reply;
    save->request.answered = save_answered;
    save->request.resp_version = (uint8_t)call->reply->version;
    save->writer = (struct resp_writer){.out = &save->out, .version = call->reply->version};
    *ret_error = replica_snapshot(call_clients(call)->replica, &save->request);
    if (*ret_error != NULL) {
        free(save);
        resp_error(call->reply, *ret_error);
        return NULL;
    }
    return save;
}

static void save_command(struct command_call *call)
{
    const char *error = NULL;
    struct save *save = begin(call, &error);

    if (save != NULL) {
        save->slot = reply_later(call);
    }
}

static void begin_in_background(struct command_call *call, const char *text)
{
    const char *error = NULL;

    if (begin(call, &error) != NULL) {
        resp_simple(call->reply, text);
    }
}

static void bgsave_command(struct command_call *call)
{
    struct replica_snapshot_stats stats;
    bool is_scheduled = call->argument_count == 2 && slice_is(call->arguments[1], "SCHEDULE");

    replica_get_snapshot_stats(call_clients(call)->replica, &stats);
    if (call->argument_count > 1 && !is_scheduled) {
        resp_error(call->reply, ERROR_SYNTAX);
    } else if (!stats.is_making) {
        begin_in_background(call, "Background saving started");
    } else if (is_scheduled) {
        begin_in_background(call, "Background saving scheduled");
    } else {
        resp_error(call->reply, ERROR_SAVE_IN_PROGRESS);
    }
}

/* The log is cut when a snapshot is there. */
static void bgrewriteaof_command(struct command_call *call)
{
    begin_in_background(call, "Background append only file rewriting started");
}

/* By the log time of its last entry; if there is none, the start of this node. */
static void lastsave_command(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    uint64_t uptime_ns = io_now_ns(c->io) - c->options.started_ns;
    struct replica_snapshot_stats stats;

    replica_get_snapshot_stats(c->replica, &stats);
    resp_integer(call->reply, stats.newest.index > 0
                                  ? (int64_t)(stats.newest.time_us / 1000000)
                                  : (int64_t)((io_wall_ns(c->io) - uptime_ns) / S));
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command save_commands[] = {
    {.name = "BGREWRITEAOF", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_ADMIN,
     .handler = bgrewriteaof_command, .group = "server", .arguments = "", .since = "1.0.0",
     .summary = "Makes a snapshot of this node's state, and cuts its log."},
    {.name = "BGSAVE", .arity = -1, .flags = COMMAND_LOCAL | COMMAND_ADMIN,
     .handler = bgsave_command, .group = "server", .arguments = "[SCHEDULE]", .since = "1.0.0",
     .summary = "Makes a snapshot of this node's state, and cuts its log."},
    {.name = "LASTSAVE", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED,
     .handler = lastsave_command, .group = "server", .arguments = "", .since = "1.0.0",
     .summary = "Shows up to when this node's newest snapshot goes, in seconds since 1970."},
    {.name = "SAVE", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC,
     .handler = save_command, .group = "server", .arguments = "", .since = "1.0.0",
     .summary = "Makes a snapshot of this node's state, and replies when it is durable."},
    {.name = NULL},
};
/* clang-format on */
