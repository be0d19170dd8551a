/* kv_private.h - the structs of a database and a keyspace. Private to kv. */
#ifndef RAKIT_KV_KV_PRIVATE_H
#define RAKIT_KV_KV_PRIVATE_H

#include <stdint.h>

#include "kv/due.h"
#include "kv/keyspace.h"
#include "kv/kv_common.h"
#include "kv/table.h"

struct kv {
    struct table table;
    uint64_t digest;
    uint64_t expiring_count; /* Items that expire some time, */
    uint64_t due_count;      /* and those of which something does. */
    struct due due;          /* When that is: see expiry.c. */
    bool is_marking_anew;    /* That is made again, */
    uint64_t marking_at;     /* and has come to this position of the table. */
    struct kv_common *common;
};

struct keyspace {
    struct kv *databases[KEYSPACE_ALL_DATABASES]; /* NULL: never used, so it is empty. */
    struct kv_common common;
};

/* What the digest of a database that has items adds to that of all. */
uint64_t keyspace_mix_digest(uint32_t database, uint64_t digest);
static inline void keyspace_report(const struct keyspace *k, uint32_t database,
                                   enum event_class class, const char *name, struct slice key)
{
    const struct keyspace_observer *observer = k->common.observer;

    if (__builtin_expect(observer != NULL, 0) && observer->changed != NULL) {
        struct key_event event = {database, class, name, key};

        observer->changed(observer->context, &event);
    }
}
/* Reports that the key has expired. */
void kv_report_expired(const struct kv *kv, struct slice key);
/* In expiry.c: when something of an item is due, which is the item, or a field of a hash. */
struct item_due {
    uint64_t at_ms;   /* 0: never. */
    bool is_deferred; /* Its mark is earlier. */
    bool expires;     /* The item does. */
};

struct item_due kv_item_due(const struct item *item);
/* After a change; `old` is what it was before, zero if there was no such item. */
void kv_mark_due(struct kv *kv, uint64_t hash, struct item *item, struct item_due old);
void kv_discard_marks(struct kv *kv);
/* Removes the key if it has expired; returns whether it had. */
bool kv_remove_expired(struct kv *kv, struct slice key);
/* Adds an item whose key does not exist yet. */
void kv_add_item(struct kv *kv, uint64_t hash, struct item *item);

#endif /* RAKIT_KV_KV_PRIVATE_H */
