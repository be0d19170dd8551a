/* audience.c - hears what entries do, as the replica applies them, for the clients that want to
 * know: messages for subscribers, and events of keys. */
#include <stdio.h>

#include "base/mutant.h"
#include "client/client.h"
#include "kv/glob.h"
#include "replica/replica.h"
#include "resp/errors.h"

enum { COUNT_WORK = 64 }; /* Of a pattern, besides comparing it. */

/* --- messages ---------------------------------------------------------------------------- */

/* If comparing all patterns takes too long in this turn, no more of them are counted, and
 * `ret_is_certain` is false: in slices all are compared. */
static uint64_t count_receivers(struct clients *clients, const struct channel_message *message,
                                bool *ret_is_certain)
{
    enum topic_kind kind = message->is_sharded ? TOPIC_SHARD : TOPIC_CHANNEL;
    const struct topics *t = &clients->topics;
    const struct topic *topic = topics_find(t, kind, message->channel);
    uint64_t count = topic == NULL ? 0 : topic->count;
    uint64_t *left = &clients->count_left;

    *ret_is_certain = true;
    if (message->is_sharded) {
        return count;
    }
    list_for_each(node, &t->all[TOPIC_PATTERN])
    {
        const struct topic *pattern = container_of(node, struct topic, link);

        *left -= *left < COUNT_WORK ? *left : COUNT_WORK;
        count += glob_matches_within(pattern->name, message->channel, left) ? pattern->count : 0;
        if (*left == 0) {
            *ret_is_certain = false;
            break;
        }
    }
    return count;
}

static uint64_t on_published(void *context, const struct channel_message *message)
{
    struct clients *clients = context;
    bool is_certain;
    uint64_t count = count_receivers(clients, message, &is_certain);

    if (count > 0 || !is_certain) {
        pushes_add_message(&clients->pushes, message);
    }
    return count;
}

/* --- events of keys ---------------------------------------------------------------------- */

static void publish_event(struct clients *clients, const char *form, uint32_t database,
                          struct slice name, struct slice payload)
{
    struct buffer channel = {0};
    struct channel_message message = {.payload = payload};

    buffer_printf(&channel, "__%s@%u__:", form, (unsigned)database);
    buffer_append_slice(&channel, name);
    message.channel = buffer_slice(&channel);
    (void)on_published(clients, &message);
    buffer_deinit(&channel);
}

static bool has_subscribers(const struct clients *clients)
{
    return clients->topics.count[TOPIC_CHANNEL] + clients->topics.count[TOPIC_PATTERN] > 0;
}

static void on_changed(void *context, const struct key_event *event)
{
    struct clients *clients = context;
    struct slice name = slice_str(event->name);

    trackers_changed(clients, event->key);
    if (!notify_has(clients->notify, event->class) || !has_subscribers(clients)) {
        return;
    }
    if (notify_by_key(clients->notify)) {
        publish_event(clients, "keyspace", event->database, event->key, name);
    }
    if (notify_by_event(clients->notify)) {
        publish_event(clients, "keyevent", event->database, name, event->key);
    }
}

/* Keys are tracked without their databases, as in Redis. */
static void on_replaced(void *context, uint32_t database)
{
    trackers_flush(context);
}

/* --- the replica ------------------------------------------------------------------------- */

/* A subscriber that stays connected has got every message. */
static void on_skipped(void *context)
{
    struct clients *clients = context;

    trackers_flush(clients);
    list_for_each(node, &clients->all)
    {
        struct client *c = container_of(node, struct client, link);

        if (audience_has(c) && c->end < CLIENT_CLOSING) {
            client_close(c, "this node has skipped messages by a snapshot");
        }
    }
}

static bool is_behind(void *context)
{
    const struct clients *clients = context;

    return clients->pushes.bytes > PUSHES_BYTES_MAX && !MUTANT(pushes_without_limit);
}

void audience_reconsider(struct clients *clients)
{
    struct replica_audience audience = {
        .context = clients,
        .wants_keys =
            trackers_exist(clients) || (notify_is_on(clients->notify) && has_subscribers(clients)),
        .changed = on_changed,
        .replaced = on_replaced,
        .published = on_published,
        .skipped = on_skipped,
        .is_behind = is_behind,
    };
    bool is_wanted = has_subscribers(clients) || clients->topics.count[TOPIC_SHARD] > 0 ||
                     trackers_exist(clients);

    if (clients->options.is_sentinel) {
        return; /* Its subscribers hear nothing of entries. */
    }
    replica_set_audience(clients->replica, is_wanted ? &audience : NULL);
}

void clients_notify(struct clients *clients, notify_set set)
{
    clients->notify = set;
    audience_reconsider(clients);
}

notify_set clients_notified(const struct clients *clients)
{
    return clients->notify;
}

/* --- subscribers ------------------------------------------------------------------------- */

uint32_t audience_count(const struct client *c)
{
    return c->subscriber.count[TOPIC_CHANNEL] + c->subscriber.count[TOPIC_PATTERN];
}

bool audience_has(const struct client *c)
{
    return audience_count(c) + c->subscriber.count[TOPIC_SHARD] > 0;
}

void audience_untrack(struct client *c)
{
    bool was_on = c->tracker.is_on;

    topics_leave(&c->clients->topics, &c->subscriber, TOPIC_PREFIX);
    topics_leave(&c->clients->topics, &c->subscriber, TOPIC_TRACKERS);
    c->tracker = (struct tracker){.is_on = false};
    if (!trackers_exist(c->clients)) {
        tracking_clear(&c->clients->tracking);
    }
    if (was_on) {
        audience_reconsider(c->clients);
    }
}

void audience_leave(struct client *c)
{
    bool was_here = audience_has(c);

    audience_untrack(c);
    topics_leave(&c->clients->topics, &c->subscriber, TOPIC_CHANNEL);
    topics_leave(&c->clients->topics, &c->subscriber, TOPIC_PATTERN);
    topics_leave(&c->clients->topics, &c->subscriber, TOPIC_SHARD);
    if (was_here) {
        audience_reconsider(c->clients);
    }
}

void client_lower_name(const struct command *command, char *name, size_t size)
{
    size_t i = 0;

    for (; command->name[i] != '\0' && i + 1 < size; i++) {
        char letter = command->name[i];

        name[i] = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
    }
    name[i] = '\0';
}

/* In RESP2 a message looks like a reply, so a subscriber gets no other replies than those that
 * can't be taken for one. */
const char *audience_bars(const struct client *c, const struct command *command, char *text,
                          size_t size)
{
    char name[32];

    if (c->version >= 3 || !audience_has(c) || (command->flags & COMMAND_WHILE_SUBSCRIBED) ||
        MUTANT(subscriber_may_all)) {
        return NULL;
    }
    client_lower_name(command, name, sizeof name);
    snprintf(text, size, ERROR_WHILE_SUBSCRIBED, name);
    return text;
}
