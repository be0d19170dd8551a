/* edit.h - changes the value of a key in place: the key's digest, its memory, and a walk under
 * way are kept right at the cost of what is changed. Private to kv. */
#ifndef RAKIT_KV_EDIT_H
#define RAKIT_KV_EDIT_H

#include <stdint.h>

#include "kv/kv.h"
#include "kv/kv_private.h"
#include "kv/value_edit.h"

struct kv_edit {
    struct value_edit edit;
    struct kv *kv;
    uint64_t hash; /* Of the key. */
    struct item **at;
    struct item_due due; /* Before the edit. */
};

/* The key exists. Until kv_edit_end() nothing else may change the keyspace. */
void kv_edit_begin(struct kv_edit *e, struct kv *kv, struct slice key);
void kv_edit_end(struct kv_edit *e);

#endif /* RAKIT_KV_EDIT_H */
