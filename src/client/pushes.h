/* pushes.h - what clients are sent without asking for it, in the order of the log. It is queued
 * while entries are applied, and given to the connections at the end of the turn, between replies,
 * to so many at a time as a turn has time for. */
#ifndef RAKIT_CLIENT_PUSHES_H
#define RAKIT_CLIENT_PUSHES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/slice.h"

struct topic;           /* client/topics.h */
struct channel_message; /* kv/event.h */

enum {
    PUSHES_BYTES_MAX = 16 * 1024 * 1024,     /* With more in the queue, nothing is applied. */
    PUSH_UNREAD_BYTES_MAX = 32 * 1024 * 1024 /* A client that has more to read is closed. */
};

enum push_kind {
    PUSH_MESSAGE,
    PUSH_INVALIDATION, /* `channel` is a key; `payload` the ids of clients that have read it. */
    PUSH_FLUSH,        /* All keys are invalid. */
};

struct push {
    struct list link;
    uint64_t number;
    enum push_kind kind;
    bool is_sharded;
    struct slice channel; /* Both are behind the struct. */
    struct slice payload;
};

struct pushes {
    struct list queue;
    uint64_t last_number;   /* Of the newest push; each has a number of its own, and they rise. */
    uint64_t bytes;         /* In the queue. */
    bool has_begun;         /* The first one is given to those who get it. */
    size_t next_id;         /* Of an invalidation: so many of its clients have got it. */
    size_t next_size;       /* The next size of prefixes to look for. */
    struct buffer forms[2]; /* What subscribers of the present topic get, in RESP2 and RESP3. */
};

void pushes_init(struct pushes *p);
void pushes_deinit(struct pushes *p);

/* A message, for those that are subscribed now. */
void pushes_add_message(struct pushes *p, const struct channel_message *message);
/* The key has changed: for those clients, and those that have a prefix of it. */
void pushes_add_invalidation(struct pushes *p, struct slice key, const uint64_t *ids,
                             uint32_t id_count);
/* Whatever was read may have changed. */
void pushes_add_flush(struct pushes *p);
/* The oldest one, or NULL. */
struct push *pushes_first(const struct pushes *p);
void pushes_drop_first(struct pushes *p);
/* What a subscriber of that topic gets; made once for all of them. */
struct slice pushes_form(struct pushes *p, int version, const struct topic *topic,
                         const struct push *push);
/* It is for another topic next. */
void pushes_forget_forms(struct pushes *p);
/* Memory in use. */
uint64_t pushes_memory_bytes(const struct pushes *p);

#endif /* RAKIT_CLIENT_PUSHES_H */
