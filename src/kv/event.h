/* event.h - what happens to keys, under the names of Redis's keyspace notifications. Events are
 * reported while an entry is applied, in order, so they are the same on every node. */
#ifndef RAKIT_KV_EVENT_H
#define RAKIT_KV_EVENT_H

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

/* Observers only observe: they may read the keyspace, but not change it. */
struct keyspace_observer {
    void *context;
    /* A key was changed, and has its new value. */
    void (*changed)(void *context, const struct key_event *event);
    /* All keys of a database may be others now: FLUSHDB, FLUSHALL, SWAPDB. */
    void (*replaced)(void *context, uint32_t database);
};

#endif /* RAKIT_KV_EVENT_H */
