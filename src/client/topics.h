/* topics.h - who is subscribed to what: to channels, patterns of channels, shard channels, and
 * prefixes of keys. A topic exists while anybody is subscribed to it. */
#ifndef RAKIT_CLIENT_TOPICS_H
#define RAKIT_CLIENT_TOPICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/chains.h"
#include "base/list.h"
#include "base/slice.h"

enum topic_kind {
    TOPIC_CHANNEL,
    TOPIC_PATTERN,
    TOPIC_SHARD,
    TOPIC_PREFIX,
    TOPIC_TRACKERS, /* Of its only topic, "": all clients that track keys. */
    TOPIC_KINDS,
};

enum { TOPIC_PREFIX_BYTES_MAX = 255 };

struct topic {
    struct chain chain;        /* topics->by_name. */
    struct list link;          /* topics->all[kind]. */
    struct list subscriptions; /* By topic_link, the oldest first. */
    uint64_t count;            /* Of these. */
    enum topic_kind kind;
    struct slice name; /* Behind the struct. */
};

/* What one client is subscribed to. */
struct subscriber {
    struct list all[TOPIC_KINDS]; /* Subscriptions, by subscriber_link, the oldest first. */
    uint32_t count[TOPIC_KINDS];
};

struct subscription {
    struct chain chain; /* topics->by_pair. */
    struct list topic_link;
    struct list subscriber_link;
    struct topic *topic;
    struct subscriber *subscriber;
    uint64_t since; /* Gets what has a higher number. */
};

/* Through the subscriptions of one topic after the other. Those of them that end meanwhile are
 * passed over. */
struct topics_walk {
    const struct topic *topic; /* NULL: none. */
    struct list *next;         /* In its subscriptions. */
    struct list *next_pattern; /* In all[TOPIC_PATTERN]. */
};

struct topics {
    uint64_t seed;
    struct chains by_name;
    struct chains by_pair;
    struct list all[TOPIC_KINDS];
    uint64_t count[TOPIC_KINDS];
    uint64_t bytes;                                    /* Memory of all. */
    uint32_t prefix_sizes[TOPIC_PREFIX_BYTES_MAX + 1]; /* How many prefixes are so long. */
    struct topics_walk walk;                           /* The only one. */
};

void topics_init(struct topics *t, uint64_t seed);
/* Nobody may be subscribed any more. */
void topics_deinit(struct topics *t);
void subscriber_init(struct subscriber *s);

/* False: it was subscribed already. */
bool topics_subscribe(struct topics *t, struct subscriber *s, enum topic_kind kind,
                      struct slice name, uint64_t since);
/* False: it was not subscribed. */
bool topics_unsubscribe(struct topics *t, struct subscriber *s, enum topic_kind kind,
                        struct slice name);
/* Ends all subscriptions of that kind. */
void topics_leave(struct topics *t, struct subscriber *s, enum topic_kind kind);
/* NULL: nobody is subscribed to it. */
struct topic *topics_find(const struct topics *t, enum topic_kind kind, struct slice name);

/* Goes to the topic's first subscription; NULL: to none. */
void topics_walk_to(struct topics *t, const struct topic *topic);
/* The next subscription of the topic, or NULL. */
struct subscription *topics_walk_next(struct topics *t);
/* Begins with the first pattern; then the next one each time, or NULL. */
void topics_walk_patterns(struct topics *t);
const struct topic *topics_walk_pattern(struct topics *t);

#endif /* RAKIT_CLIENT_TOPICS_H */
