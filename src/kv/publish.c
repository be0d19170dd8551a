/* publish.c - PUBLISH and SPUBLISH. They change nothing; each node that executes them reports the
 * message, so all subscribers of all nodes get all messages in the order of the log. */
#include "base/mutant.h"
#include "kv/call.h"
#include "kv/commands.h"

/* Returns how many get it on this node. */
static int64_t publish(struct command_call *call, bool is_sharded)
{
    struct channel_message message = {
        .channel = call->arguments[1], .payload = call->arguments[2], .is_sharded = is_sharded};
    uint64_t count = call_published(call, &message);

    MUTANT_DO(publishes_twice, call_published(call, &message));
    return (int64_t)count;
}

static void publish_command(struct command_call *call)
{
    resp_integer(call->reply, publish(call, false));
}

static void spublish_command(struct command_call *call)
{
    resp_integer(call->reply, publish(call, true));
}

/* Nodes have different subscribers, so within other commands, which may keep the reply or act upon
 * it, it is 0. */
static void publish_within(struct command_call *call)
{
    int64_t count = publish(call, false);

    resp_integer(call->reply, MUTANT(inner_publish_counts) ? count : 0);
}

static void spublish_within(struct command_call *call)
{
    (void)publish(call, true);
    resp_integer(call->reply, 0);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command publish_commands[] = {
    {.name = "PUBLISH", .arity = 3, .flags = COMMAND_WRITE | COMMAND_FAST,
     .handler = publish_command, .inner = publish_within, .group = "pubsub",
     .arguments = "channel message", .since = "2.0.0",
     .summary = "Sends a message to subscribers of all nodes. Returns how many the leader has."},
    {.name = "SPUBLISH", .arity = 3, .flags = COMMAND_WRITE | COMMAND_FAST,
     .handler = spublish_command, .inner = spublish_within, .group = "pubsub",
     .arguments = "shardchannel message", .since = "7.0.0",
     .summary = "The same for those that have subscribed by SSUBSCRIBE."},
    {.name = NULL},
};
/* clang-format on */
