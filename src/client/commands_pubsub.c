/* commands_pubsub.c - SUBSCRIBE and its relatives, and PUBSUB: what this node's subscribers are
 * subscribed to. PUBLISH is a data command (kv/publish.c). */
#include "client/client.h"
#include "client/commands.h"
#include "kv/glob.h"
#include "kv/subcommand.h"
#include "resp/errors.h"

enum {
    SUBSCRIPTIONS_MAX = 65536, /* Of one connection. */
    CHANNEL_BYTES_MAX = 64 * 1024,
    PATTERN_BYTES_MAX = 1024,
    LIST_WORK_MAX = 16 * 1024 * 1024, /* To compare a pattern with all channels. */
};

/* --- subscribing ----------------------------------------------------------------------- */

static uint32_t count_for_reply(const struct client *c, enum topic_kind kind)
{
    return kind == TOPIC_SHARD ? c->subscriber.count[TOPIC_SHARD] : audience_count(c);
}

/* `channel` is NULL: there was none. */
static void confirm(struct command_call *call, enum topic_kind kind, const char *what,
                    const struct slice *channel)
{
    resp_push(call->reply, 3);
    resp_bulk_text(call->reply, what);
    if (channel == NULL) {
        resp_null(call->reply);
    } else {
        resp_bulk(call->reply, *channel);
    }
    resp_integer(call->reply, count_for_reply(call_client(call), kind));
}

/* Whether all names are short enough, and there is room for them; if not, replies the error. */
static bool may_subscribe(struct command_call *call, enum topic_kind kind)
{
    const struct client *c = call_client(call);
    size_t bytes_max = kind == TOPIC_PATTERN ? PATTERN_BYTES_MAX : CHANNEL_BYTES_MAX;
    uint32_t count = audience_count(c) + c->subscriber.count[TOPIC_SHARD];
    uint64_t bytes = c->clients->topics.bytes;

    for (uint32_t i = 1; i < call->argument_count; i++) {
        bytes += call->arguments[i].size;
        if (call->arguments[i].size > bytes_max) {
            resp_errorf(call->reply, ERROR_CHANNEL_TOO_LONG, (unsigned)bytes_max);
            return false;
        }
    }
    if (bytes > c->clients->options.output_memory_bytes) {
        resp_error(call->reply, ERROR_SUBSCRIPTION_MEMORY);
        return false;
    }
    if (count + call->argument_count - 1 > SUBSCRIPTIONS_MAX) {
        resp_errorf(call->reply, ERROR_MANY_SUBSCRIPTIONS, (unsigned)SUBSCRIPTIONS_MAX);
        return false;
    }
    return true;
}

static void subscribe(struct command_call *call, enum topic_kind kind, const char *what)
{
    struct client *c = call_client(call);
    struct clients *clients = c->clients;

    if (!may_subscribe(call, kind)) {
        return;
    }
    for (uint32_t i = 1; i < call->argument_count; i++) {
        topics_subscribe(&clients->topics, &c->subscriber, kind, call->arguments[i],
                         clients->pushes.last_number);
        confirm(call, kind, what, &call->arguments[i]);
    }
    audience_reconsider(clients);
}

static void unsubscribe_all(struct command_call *call, enum topic_kind kind, const char *what)
{
    struct client *c = call_client(call);
    struct list *node = list_first(&c->subscriber.all[kind]);

    if (node == NULL) {
        confirm(call, kind, what, NULL);
    }
    for (; node != NULL; node = list_first(&c->subscriber.all[kind])) {
        struct slice name = container_of(node, struct subscription, subscriber_link)->topic->name;
        struct buffer copy = {0};

        buffer_append_slice(&copy, name);
        name = buffer_slice(&copy);
        topics_unsubscribe(&c->clients->topics, &c->subscriber, kind, name);
        confirm(call, kind, what, &name);
        buffer_deinit(&copy);
    }
}

static void unsubscribe(struct command_call *call, enum topic_kind kind, const char *what)
{
    struct client *c = call_client(call);

    if (call->argument_count == 1) {
        unsubscribe_all(call, kind, what);
    }
    for (uint32_t i = 1; i < call->argument_count; i++) {
        topics_unsubscribe(&c->clients->topics, &c->subscriber, kind, call->arguments[i]);
        confirm(call, kind, what, &call->arguments[i]);
    }
    audience_reconsider(c->clients);
}

static void subscribe_command(struct command_call *call)
{
    subscribe(call, TOPIC_CHANNEL, "subscribe");
}

static void psubscribe_command(struct command_call *call)
{
    subscribe(call, TOPIC_PATTERN, "psubscribe");
}

static void ssubscribe_command(struct command_call *call)
{
    subscribe(call, TOPIC_SHARD, "ssubscribe");
}

static void unsubscribe_command(struct command_call *call)
{
    unsubscribe(call, TOPIC_CHANNEL, "unsubscribe");
}

static void punsubscribe_command(struct command_call *call)
{
    unsubscribe(call, TOPIC_PATTERN, "punsubscribe");
}

static void sunsubscribe_command(struct command_call *call)
{
    unsubscribe(call, TOPIC_SHARD, "sunsubscribe");
}

/* --- PUBSUB ---------------------------------------------------------------------------- */

/* The names of the topics that match; `names` gets them as bulks. False: it takes too long. */
static bool list_topics(const struct topics *t, enum topic_kind kind, const struct slice *pattern,
                        struct resp_writer *names, uint64_t *ret_count)
{
    uint64_t left = LIST_WORK_MAX;

    *ret_count = 0;
    list_for_each(node, &t->all[kind])
    {
        const struct topic *topic = container_of(node, struct topic, link);

        if (pattern == NULL || glob_matches_within(*pattern, topic->name, &left)) {
            resp_bulk(names, topic->name);
            ++*ret_count;
        }
        if (left == 0) {
            return false;
        }
    }
    return true;
}

static void reply_topics(struct command_call *call, enum topic_kind kind)
{
    struct buffer text = {0};
    struct resp_writer names = {.out = &text, .version = call->reply->version};
    const struct slice *pattern = call->argument_count > 2 ? &call->arguments[2] : NULL;
    uint64_t count;

    if (call->argument_count > 3) {
        resp_errorf(call->reply, ERROR_ARITY_OF_SUBCOMMAND, "pubsub",
                    kind == TOPIC_SHARD ? "shardchannels" : "channels");
    } else if (list_topics(&call_clients(call)->topics, kind, pattern, &names, &count)) {
        resp_array(call->reply, count);
        buffer_append_slice(call->reply->out, buffer_slice(&text));
    } else {
        resp_error(call->reply, ERROR_PATTERN_TOO_LONG);
    }
    buffer_deinit(&text);
}

static void pubsub_channels(struct command_call *call)
{
    reply_topics(call, TOPIC_CHANNEL);
}

static void pubsub_shardchannels(struct command_call *call)
{
    reply_topics(call, TOPIC_SHARD);
}

static void reply_counts(struct command_call *call, enum topic_kind kind)
{
    resp_array(call->reply, 2 * ((uint64_t)call->argument_count - 2));
    for (uint32_t i = 2; i < call->argument_count; i++) {
        const struct topic *topic =
            topics_find(&call_clients(call)->topics, kind, call->arguments[i]);

        resp_bulk(call->reply, call->arguments[i]);
        resp_integer(call->reply, topic == NULL ? 0 : (int64_t)topic->count);
    }
}

static void pubsub_numsub(struct command_call *call)
{
    reply_counts(call, TOPIC_CHANNEL);
}

static void pubsub_shardnumsub(struct command_call *call)
{
    reply_counts(call, TOPIC_SHARD);
}

static void pubsub_numpat(struct command_call *call)
{
    resp_integer(call->reply, (int64_t)call_clients(call)->topics.count[TOPIC_PATTERN]);
}

static const struct subcommand pubsub_subcommands[] = {
    {"CHANNELS", -2, pubsub_channels, "[pattern]", "The channels that have subscribers here."},
    {"NUMPAT", 2, pubsub_numpat, "", "Counts the patterns that have subscribers here."},
    {"NUMSUB", -2, pubsub_numsub, "[channel [channel ...]]",
     "Counts the subscribers of channels here."},
    {"SHARDCHANNELS", -2, pubsub_shardchannels, "[pattern]",
     "The shard channels that have subscribers here."},
    {"SHARDNUMSUB", -2, pubsub_shardnumsub, "[shardchannel [shardchannel ...]]",
     "Counts the subscribers of shard channels here."},
    {NULL, 0, NULL, NULL, NULL},
};

static void pubsub_command(struct command_call *call)
{
    subcommand_run(call);
}

/* --- rows ------------------------------------------------------------------------------ */

#define SUBSCRIBE_FLAGS (COMMAND_LOCAL | COMMAND_ALONE | COMMAND_WHILE_SUBSCRIBED | COMMAND_PUSHES)

/* clang-format off */
const struct command pubsub_commands[] = {
    {.name = "PSUBSCRIBE", .arity = -2, .flags = SUBSCRIBE_FLAGS, .handler = psubscribe_command,
     .group = "pubsub", .arguments = "pattern [pattern ...]", .since = "2.0.0",
     .summary = "Gets the messages of all channels that match a pattern."},
    {.name = "PUBSUB", .arity = -2,
     .flags = COMMAND_LOCAL | COMMAND_QUEUED, .handler = pubsub_command,
     .subcommands = pubsub_subcommands, .group = "pubsub",
     .arguments = "CHANNELS [pattern] | NUMSUB [channel ...] | NUMPAT | HELP", .since = "2.8.0",
     .summary = "Shows which channels and patterns have subscribers on this node."},
    {.name = "PUNSUBSCRIBE", .arity = -1, .flags = SUBSCRIBE_FLAGS,
     .handler = punsubscribe_command, .group = "pubsub", .arguments = "[pattern [pattern ...]]",
     .since = "2.0.0",
     .summary = "Ends subscriptions of patterns, or all of them."},
    {.name = "SSUBSCRIBE", .arity = -2, .flags = SUBSCRIBE_FLAGS, .handler = ssubscribe_command,
     .group = "pubsub", .arguments = "shardchannel [shardchannel ...]", .since = "7.0.0",
     .summary = "Gets the messages that are published by SPUBLISH."},
    {.name = "SUBSCRIBE", .arity = -2, .flags = SUBSCRIBE_FLAGS, .handler = subscribe_command,
     .group = "pubsub", .arguments = "channel [channel ...]", .since = "2.0.0",
     .summary = "Gets the messages of channels, whichever node they are published at."},
    {.name = "SUNSUBSCRIBE", .arity = -1, .flags = SUBSCRIBE_FLAGS,
     .handler = sunsubscribe_command, .group = "pubsub",
     .arguments = "[shardchannel [shardchannel ...]]", .since = "7.0.0",
     .summary = "Ends subscriptions of shard channels, or all of them."},
    {.name = "UNSUBSCRIBE", .arity = -1, .flags = SUBSCRIBE_FLAGS,
     .handler = unsubscribe_command, .group = "pubsub", .arguments = "[channel [channel ...]]",
     .since = "2.0.0",
     .summary = "Ends subscriptions of channels, or all of them."},
    {.name = NULL},
};
/* clang-format on */
