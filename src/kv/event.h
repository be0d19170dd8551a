/* event.h - what happens to keys, under the names of Redis's keyspace notifications. Events are
 * reported while an entry is applied, in order, so they are the same on every node. */
#ifndef RAKIT_KV_EVENT_H
#define RAKIT_KV_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The letters are those of CONFIG SET notify-keyspace-events. */
enum event_class {
    EVENT_GENERIC = 1, /* g */
    EVENT_STRING = 2,  /* $ */
    EVENT_HASH = 4,    /* h */
    EVENT_EXPIRED = 8, /* x */
    EVENT_NEW = 16,    /* n: a key that did not exist; not one of A. */
};

struct key_event {
    uint32_t database;
    enum event_class class;
    const char *name; /* "set", "del", "expired", ... */
    struct slice key; /* Borrowed during the call. */
};

/* A message to all that are subscribed to its channel (PUBLISH, SPUBLISH). Borrowed, as above. */
struct channel_message {
    struct slice channel;
    struct slice payload;
    bool is_sharded;
};

/* Observers only observe: they may read the keyspace, but not change it. */
struct keyspace_observer {
    void *context; /* Any of the following may be NULL. */
    /* A key was changed, and has its new value. */
    void (*changed)(void *context, const struct key_event *event);
    /* All keys of a database may be others now: FLUSHDB, FLUSHALL, SWAPDB. */
    void (*replaced)(void *context, uint32_t database);
    /* A message was published. Returns how many get it on this node: for the reply alone. */
    uint64_t (*published)(void *context, const struct channel_message *message);
};

#endif /* RAKIT_KV_EVENT_H */
