#include "client/topics.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/mutant.h"

void topics_init(struct topics *t, uint64_t seed)
{
    *t = (struct topics){.seed = seed};
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        list_init(&t->all[kind]);
    }
    t->walk.next_pattern = &t->all[TOPIC_PATTERN];
}

void topics_deinit(struct topics *t)
{
    CHECK(t->by_name.count == 0);
    chains_deinit(&t->by_name);
    chains_deinit(&t->by_pair);
}

void subscriber_init(struct subscriber *s)
{
    *s = (struct subscriber){.count = {0}};
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        list_init(&s->all[kind]);
    }
}

/* --- finding ------------------------------------------------------------------------- */

static uint64_t hash_name(const struct topics *t, enum topic_kind kind, struct slice name)
{
    return checksum_seeded(name.size == 0 ? "" : name.data, name.size, t->seed + (uint64_t)kind);
}

static uint64_t hash_pair(const struct topics *t, const struct topic *topic,
                          const struct subscriber *s)
{
    const void *pair[2] = {topic, s};

    return checksum_seeded(pair, sizeof pair, t->seed);
}

struct topic *topics_find(const struct topics *t, enum topic_kind kind, struct slice name)
{
    struct chain *c =
        t->count[kind] == 0 ? NULL : chains_find(&t->by_name, hash_name(t, kind, name));

    for (; c != NULL; c = chains_find_next(c)) {
        struct topic *topic = container_of(c, struct topic, chain);

        if (topic->kind == kind && slice_equal(topic->name, name)) {
            return topic;
        }
    }
    return NULL;
}

static struct subscription *find_pair(const struct topics *t, const struct topic *topic,
                                      const struct subscriber *s)
{
    struct chain *c = chains_find(&t->by_pair, hash_pair(t, topic, s));

    for (; c != NULL; c = chains_find_next(c)) {
        struct subscription *found = container_of(c, struct subscription, chain);

        if (found->topic == topic && found->subscriber == s) {
            return found;
        }
    }
    return NULL;
}

/* --- topics -------------------------------------------------------------------------- */

static uint64_t topic_bytes(const struct topic *topic)
{
    return sizeof *topic + topic->name.size;
}

static struct topic *make_topic(struct topics *t, enum topic_kind kind, struct slice name)
{
    struct topic *topic = memory_take(sizeof *topic + name.size);
    char *copy = (char *)(topic + 1);

    if (name.size > 0) {
        memcpy(copy, name.data, name.size);
    }
    *topic = (struct topic){.kind = kind, .name = slice_of(copy, name.size)};
    list_init(&topic->link);
    list_init(&topic->subscriptions);
    list_append(&t->all[kind], &topic->link);
    chains_add(&t->by_name, &topic->chain, hash_name(t, kind, name));
    t->count[kind]++;
    t->bytes += topic_bytes(topic);
    if (kind == TOPIC_PREFIX) {
        CHECK(name.size <= TOPIC_PREFIX_BYTES_MAX);
        t->prefix_sizes[name.size]++;
    }
    return topic;
}

static void free_topic(struct topics *t, struct topic *topic)
{
    if (t->walk.topic == topic) {
        t->walk.topic = NULL;
    }
    if (t->walk.next_pattern == &topic->link) {
        t->walk.next_pattern = topic->link.next;
    }
    if (topic->kind == TOPIC_PREFIX) {
        t->prefix_sizes[topic->name.size]--;
    }
    t->bytes -= topic_bytes(topic);
    t->count[topic->kind]--;
    chains_remove(&t->by_name, &topic->chain);
    list_remove(&topic->link);
    free(topic);
}

/* --- subscriptions ------------------------------------------------------------------- */

bool topics_subscribe(struct topics *t, struct subscriber *s, enum topic_kind kind,
                      struct slice name, uint64_t since)
{
    struct topic *topic = topics_find(t, kind, name);
    struct subscription *made;

    if (topic != NULL && find_pair(t, topic, s) != NULL) {
        return false;
    }
    if (topic == NULL) {
        topic = make_topic(t, kind, name);
    }
    made = memory_take(sizeof *made);
    *made = (struct subscription){.topic = topic, .subscriber = s, .since = since};
    list_init(&made->topic_link);
    list_init(&made->subscriber_link);
    list_append(&topic->subscriptions, &made->topic_link);
    list_append(&s->all[kind], &made->subscriber_link);
    chains_add(&t->by_pair, &made->chain, hash_pair(t, topic, s));
    topic->count++;
    s->count[kind]++;
    t->bytes += sizeof *made;
    return true;
}

static void end_subscription(struct topics *t, struct subscription *ended)
{
    struct topic *topic = ended->topic;

    if (t->walk.next == &ended->topic_link) {
        t->walk.next = ended->topic_link.next;
    }
    ended->subscriber->count[topic->kind]--;
    t->bytes -= sizeof *ended;
    chains_remove(&t->by_pair, &ended->chain);
    list_remove(&ended->topic_link);
    list_remove(&ended->subscriber_link);
    free(ended);
    topic->count--;
    if (topic->count == 0) {
        free_topic(t, topic);
    }
}

bool topics_unsubscribe(struct topics *t, struct subscriber *s, enum topic_kind kind,
                        struct slice name)
{
    struct topic *topic = topics_find(t, kind, name);
    struct subscription *found = topic == NULL ? NULL : find_pair(t, topic, s);

    if (found == NULL) {
        return false;
    }
    end_subscription(t, found);
    return true;
}

void topics_leave(struct topics *t, struct subscriber *s, enum topic_kind kind)
{
    struct list *node;

    while ((node = list_first(&s->all[kind])) != NULL) {
        end_subscription(t, container_of(node, struct subscription, subscriber_link));
    }
}

/* --- walking ------------------------------------------------------------------------- */

void topics_walk_to(struct topics *t, const struct topic *topic)
{
    t->walk.topic = topic;
    t->walk.next = topic == NULL ? NULL : topic->subscriptions.next;
}

struct subscription *topics_walk_next(struct topics *t)
{
    struct list *node = t->walk.next;

    if (t->walk.topic == NULL || node == &t->walk.topic->subscriptions) {
        t->walk.topic = NULL;
        t->walk.next = NULL;
        return NULL;
    }
    t->walk.next = node->next;
    return container_of(node, struct subscription, topic_link);
}

void topics_walk_patterns(struct topics *t)
{
    t->walk.next_pattern = t->all[TOPIC_PATTERN].next;
}

const struct topic *topics_walk_pattern(struct topics *t)
{
    struct list *node = t->walk.next_pattern;

    if (node == &t->all[TOPIC_PATTERN]) {
        return NULL;
    }
    t->walk.next_pattern = node->next;
    return container_of(node, struct topic, link);
}
