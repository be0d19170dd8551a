/* tracking.h - which clients have read which keys, and may have their values in caches. A key is
 * forgotten when it changes; the oldest are, if there are too many. */
#ifndef RAKIT_CLIENT_TRACKING_H
#define RAKIT_CLIENT_TRACKING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/chains.h"
#include "base/list.h"
#include "base/slice.h"

enum { TRACKED_KEYS_MAX = 1000 * 1000 };

/* What a connection has chosen by CLIENT TRACKING. */
struct tracker {
    bool is_on;
    bool is_broadcast;
    bool is_opt_in;
    bool is_opt_out;
    bool is_no_loop;
    bool is_broken;      /* The connection that gets its invalidations has gone. */
    uint64_t redirect;   /* Its id; 0: they are sent on this one. */
    uint64_t caching_at; /* Number of the command CLIENT CACHING; it is about the next one. */
};

struct tracked_key {
    struct chain chain;
    struct list link;
    struct slice key; /* Behind the struct. */
    uint64_t *ids;    /* Of clients, rising; owned. */
    uint32_t id_count;
    uint32_t id_capacity;
};

/* The most that remembered keys take. */
#define TRACKED_BYTES_MAX (256ull * 1024 * 1024)

struct tracking {
    uint64_t seed;
    uint64_t keys_max;
    struct chains by_key;
    struct list keys;    /* The oldest first. */
    struct list cleared; /* To be freed. */
    uint64_t id_count;   /* Of all keys. */
    uint64_t bytes;
};

void tracking_init(struct tracking *t, uint64_t seed);
void tracking_deinit(struct tracking *t);

void tracking_note(struct tracking *t, struct slice key, uint64_t id);
/* The key is in the table no more; the caller frees it. NULL: nobody has read it. */
struct tracked_key *tracking_take(struct tracking *t, struct slice key);
/* The same for the oldest key, if there are too many. */
struct tracked_key *tracking_take_surplus(struct tracking *t);
void tracking_free(struct tracking *t, struct tracked_key *k);
/* Forgets all keys, in a short time: tracking_tidy() frees them, some at a time, and returns
 * whether there are more. */
void tracking_clear(struct tracking *t);
bool tracking_tidy(struct tracking *t, uint32_t count);

#endif /* RAKIT_CLIENT_TRACKING_H */
