/* observing.c - what entries do to keys, and their messages, reported to the owner while they are
 * applied. */
#include "base/mutant.h"
#include "kv/kv.h"
#include "replica/state.h"

/* A start that follows a restart executes entries again which were reported before. */
static bool is_news(const struct replica *r)
{
    return r->applied_index >= r->told_index || MUTANT(reported_after_restart);
}

uint64_t replica_told_index(const struct replica *r)
{
    return r->applied_index > r->told_index ? r->applied_index : r->told_index;
}

/* The feed has all that is applied, so that it begins with the log that is executed again. */
static void feed_event(struct replica *r, const struct key_event *event)
{
    struct kv_value value;
    bool exists;

    if (!feed_hears(&r->feed) || event->class == EVENT_NEW) {
        return;
    }
    exists = kv_find(keyspace_database(r->keyspace, event->database), event->key, &value);
    feed_add(&r->feed, event, exists ? &value : NULL);
}

static void on_changed(void *context, const struct key_event *event)
{
    struct replica *r = context;

    feed_event(r, event);
    if (r->audience.wants_keys && is_news(r)) {
        r->audience.changed(r->audience.context, event);
    }
}

static void on_replaced(void *context, uint32_t database)
{
    struct replica *r = context;
    struct key_event event = {.database = database, .name = "replaced", .key = slice_of("", 0)};

    if (feed_hears(&r->feed)) {
        feed_add(&r->feed, &event, NULL);
    }
    if (r->audience.wants_keys && is_news(r)) {
        r->audience.replaced(r->audience.context, database);
    }
}

static uint64_t on_published(void *context, const struct channel_message *message)
{
    struct replica *r = context;

    return is_news(r) ? r->audience.published(r->audience.context, message) : 0;
}

static bool is_heard(const struct replica *r)
{
    return r->audience.published != NULL;
}

void observing_begin(struct replica *r)
{
    bool wants_keys = r->audience.wants_keys || feed_hears(&r->feed);

    r->observer = (struct keyspace_observer){.context = r,
                                             .changed = wants_keys ? on_changed : NULL,
                                             .replaced = wants_keys ? on_replaced : NULL,
                                             .published = is_heard(r) ? on_published : NULL};
    keyspace_observe(r->keyspace, is_heard(r) || wants_keys ? &r->observer : NULL);
}

void replica_set_audience(struct replica *r, const struct replica_audience *audience)
{
    static const struct replica_audience nobody;

    r->audience = audience == NULL ? nobody : *audience;
    observing_begin(r);
}

void observing_inherit(struct replica *r, const struct replica *before)
{
    r->told_index =
        before->applied_index > before->told_index ? before->applied_index : before->told_index;
    replica_set_audience(r, &before->audience);
}

void observing_skip(struct replica *r, raft_index index)
{
    if (index <= r->told_index || index <= r->applied_index) {
        return; /* All of it was reported. */
    }
    r->told_index = index;
    if (is_heard(r) && !MUTANT(skipped_unsaid)) {
        r->audience.skipped(r->audience.context);
    }
}

bool observing_is_held_up(const struct replica *r)
{
    if (!is_heard(r) || !r->audience.is_behind(r->audience.context)) {
        return false;
    }
    io_turn_soon(r->io);
    return true;
}
