/* cache.c - see cache.h. The items are:
 *
 *   "s" and the SHA-1         a byte that says who stored it, its number, and the body
 *   "n" and a number          the SHA-1 of what EVAL has stored as that
 *   "m"                       struct totals */
#include "script/cache.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/mutant.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "script/sha1.h"

enum { HEAD_BYTES = 9, KEY_BYTES = 1 + SHA1_DIGITS };

struct totals {
    uint64_t oldest; /* Number of what EVAL has stored; */
    uint64_t next;   /* the next one. */
    uint64_t evaluated_bytes;
    uint64_t loaded_count;
    uint64_t loaded_bytes;
};

struct key {
    char text[KEY_BYTES + 1];
};

static struct key key_of(const char *sha)
{
    struct key key = {.text = {'s'}};

    memcpy(key.text + 1, sha, SHA1_DIGITS);
    return key;
}

static struct key key_of_number(uint64_t number)
{
    struct key key = {{0}};

    snprintf(key.text, sizeof key.text, "n%llu", (unsigned long long)number);
    return key;
}

static struct slice slice_of_key(const struct key *key)
{
    return slice_str(key->text);
}

static struct kv *database(struct keyspace *k)
{
    return keyspace_database(k, KEYSPACE_SCRIPTS);
}

static struct totals read_totals(struct keyspace *k)
{
    struct totals t = {0};
    struct slice stored;

    if (kv_get(database(k), slice_str("m"), &stored) && stored.size == sizeof t) {
        memcpy(&t, stored.data, sizeof t);
    }
    return t;
}

static void write_totals(struct keyspace *k, const struct totals *t)
{
    kv_set(database(k), slice_str("m"), slice_of(t, sizeof *t));
}

static bool find(struct keyspace *k, const char *sha, struct slice *ret_item)
{
    struct key key = key_of(sha);

    return kv_get(database(k), slice_of_key(&key), ret_item) && ret_item->size >= HEAD_BYTES;
}

static void put(struct keyspace *k, const char *sha, char maker, uint64_t number, struct slice body)
{
    struct key key = key_of(sha);
    struct buffer item = {0};
    char head[HEAD_BYTES] = {maker};

    put_u64(head + 1, number);
    buffer_append(&item, head, sizeof head);
    buffer_append_slice(&item, body);
    kv_set(database(k), slice_of_key(&key), buffer_slice(&item));
    buffer_deinit(&item);
}

bool cache_find(struct keyspace *k, const char *sha, struct slice *ret_body)
{
    struct slice item;

    if (!find(k, sha, &item)) {
        return false;
    }
    *ret_body = slice_of(item.data + HEAD_BYTES, item.size - HEAD_BYTES);
    return true;
}

/* --- what EVAL stores --------------------------------------------------------------------- */

/* Forgets the script with the lowest number, unless it was loaded meanwhile. */
static void drop_oldest(struct keyspace *k, struct totals *t)
{
    struct key number = key_of_number(t->oldest);
    char sha[SHA1_DIGITS];
    struct slice stored;
    struct slice item;

    if (kv_get(database(k), slice_of_key(&number), &stored) && stored.size == sizeof sha) {
        memcpy(sha, stored.data, sizeof sha);
        if (find(k, sha, &item) && item.data[0] == 'e' && get_u64(item.data + 1) == t->oldest) {
            struct key key = key_of(sha);

            t->evaluated_bytes -= item.size;
            kv_delete(database(k), slice_of_key(&key));
        }
        kv_delete(database(k), slice_of_key(&number));
    }
    t->oldest++;
}

void cache_note(struct keyspace *k, const char *sha, struct slice body)
{
    struct slice item;
    struct totals t;

    if (find(k, sha, &item) || MUTANT(eval_not_cached)) {
        return;
    }
    t = read_totals(k);
    while (t.oldest < t.next &&
           (t.next - t.oldest >= CACHE_EVALUATED_MAX ||
            t.evaluated_bytes + body.size + HEAD_BYTES > CACHE_EVALUATED_BYTES_MAX)) {
        drop_oldest(k, &t);
    }
    struct key number = key_of_number(t.next);

    put(k, sha, 'e', t.next, body);
    kv_set(database(k), slice_of_key(&number), slice_of(sha, SHA1_DIGITS));
    t.evaluated_bytes += body.size + HEAD_BYTES;
    t.next++;
    write_totals(k, &t);
}

/* --- what SCRIPT LOAD stores ---------------------------------------------------------------- */

bool cache_load(struct keyspace *k, const char *sha, struct slice body)
{
    struct totals t = read_totals(k);
    struct slice item;
    bool is_there = find(k, sha, &item);

    if (is_there && item.data[0] == 'l') {
        return true;
    }
    if (t.loaded_count >= CACHE_LOADED_MAX || t.loaded_bytes + body.size > CACHE_LOADED_BYTES_MAX) {
        return false;
    }
    t.evaluated_bytes -= is_there ? item.size : 0;
    t.loaded_count++;
    t.loaded_bytes += body.size;
    put(k, sha, 'l', 0, body);
    write_totals(k, &t);
    return true;
}

void cache_flush(struct keyspace *k)
{
    kv_clear(database(k));
}
