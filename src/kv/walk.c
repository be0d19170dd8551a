/* walk.c - watches each database that has items (table_watch): its buckets are seen in the order
 * of their numbers, or before they change. Seeing a bucket writes its items; large ones are
 * kept, and written in pieces later. */
#include "kv/walk.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "kv/kept.h"
#include "kv/kv_private.h"
#include "kv/record.h"

enum {
    EMPTY_BUCKET_BYTES = 16, /* Looking at an empty bucket costs about as much as writing this. */
    BUCKETS_AHEAD = 8,       /* How many buckets ahead items are prefetched. */
    LINES_AHEAD = 24,        /* How many buckets ahead the buckets themselves are. */
};

struct part {
    struct table_watch watch;
    struct keyspace_walk *walk;
    uint32_t database; /* Its number when the walk began. */
    uint64_t next;     /* Bucket. */
};

struct keyspace_walk {
    struct buffer *out;
    struct kv_common *common;
    uint64_t written_bytes;
    struct kept kept;
    uint32_t part_count;
    uint32_t current; /* Parts before it are complete. */
    struct part parts[KEYSPACE_ALL_DATABASES];
};

/* --- buckets -------------------------------------------------------------------------- */

static void write_item(struct part *p, struct item *item, uint64_t place)
{
    struct keyspace_walk *w = p->walk;

    if (item_content_size(item) > RECORD_ITEM_MAX) {
        kept_add(&w->kept, item, p->database, place);
    } else {
        uint64_t bytes = record_write_item(w->out, p->database, item_traits(item), item_key(item),
                                           item_value(item));

        w->written_bytes += bytes;
        w->common->work += bytes;
    }
}

static void write_bucket(struct table_watch *watch, const struct group *bucket)
{
    struct part *p = container_of(watch, struct part, watch);
    uint64_t place = 0;

    for (const struct group *g = bucket; g != NULL; g = bucket_group_next(g)) {
        for (unsigned slot = 0; slot < bucket_group_count(g); slot++) {
            write_item(p, g->slots[slot].item, place++);
        }
    }
}

/* --- begin and end -------------------------------------------------------------------- */

static uint64_t heap_bytes_of_watch(const struct table_watch *watch)
{
    return heap_bytes(watch->bucket_count / 8);
}

static void begin_part(struct keyspace_walk *w, struct kv *kv, uint32_t database)
{
    struct part *p = &w->parts[w->part_count++];

    p->walk = w;
    p->database = database;
    p->watch.see = write_bucket;
    table_watch_begin(&kv->table, &p->watch);
    w->common->walk_bytes += heap_bytes_of_watch(&p->watch);
    w->written_bytes +=
        record_write_database(w->out, database, kv->table.count, p->watch.bucket_count);
}

static void end_part(struct part *p)
{
    p->walk->common->walk_bytes -= heap_bytes_of_watch(&p->watch);
    table_watch_end(&p->watch);
}

void keyspace_walk_begin(struct keyspace *k, struct buffer *out)
{
    struct keyspace_walk *w = memory_take_zeroed(1, sizeof *w);

    CHECK(k->common.walk == NULL);
    k->common.walk = w;
    k->common.walk_bytes += heap_bytes(sizeof *w);
    w->out = out;
    w->common = &k->common;
    kept_init(&w->kept, w->common);
    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        if (keyspace_count(k, i) > 0) {
            begin_part(w, k->databases[i], i);
        }
    }
}

void keyspace_walk_end(struct keyspace *k)
{
    struct keyspace_walk *w = k->common.walk;

    if (w == NULL) {
        return;
    }
    for (; w->current < w->part_count; w->current++) {
        end_part(&w->parts[w->current]);
    }
    kept_deinit(&w->kept);
    k->common.walk = NULL;
    k->common.walk_bytes -= heap_bytes(sizeof *w);
    free(w);
}

bool keyspace_is_walked(const struct keyspace *k)
{
    return k->common.walk != NULL;
}

/* --- items that are kept -------------------------------------------------------------- */

void kv_walk_item_changes(struct keyspace_walk *w, const struct item *item, uint64_t first,
                          uint64_t end)
{
    kept_before_change(&w->kept, item, first, end);
}

void kv_walk_item_moved(struct keyspace_walk *w, const struct item *before, struct item *item)
{
    kept_has_moved(&w->kept, before, item);
}

/* --- steps ---------------------------------------------------------------------------- */

static void see_next(struct part *p)
{
    table_prefetch_unseen_bucket(&p->watch, p->next + LINES_AHEAD);
    table_prefetch_unseen_items(&p->watch, p->next + BUCKETS_AHEAD);
    table_see(&p->watch, p->next);
    p->next = table_next_unseen(&p->watch, p->next + 1);
}

/* Does a little; returns what that cost. */
static uint64_t advance(struct keyspace_walk *w)
{
    struct part *p = &w->parts[w->current];
    uint64_t before = w->written_bytes;

    if (!kept_is_empty(&w->kept)) {
        w->written_bytes += kept_write(&w->kept, w->out);
    } else if (p->next < p->watch.bucket_count) {
        see_next(p);
    } else {
        end_part(p);
        w->current++;
    }
    return w->written_bytes - before + EMPTY_BUCKET_BYTES;
}

static bool is_over(const struct keyspace_walk *w)
{
    return w->current == w->part_count && kept_is_empty(&w->kept);
}

bool keyspace_walk_step(struct keyspace *k, uint64_t bytes)
{
    struct keyspace_walk *w = k->common.walk;
    uint64_t work = k->common.work; /* Of changes. */
    uint64_t used = 0;

    CHECK(w != NULL);
    while (!is_over(w) && (used < bytes || MUTANT(walk_step_unbounded))) {
        used += advance(w);
    }
    k->common.work = work;
    return is_over(w);
}

uint64_t keyspace_walk_held_bytes(const struct keyspace *k)
{
    return k->common.held_bytes;
}

uint32_t keyspace_walk_permille(const struct keyspace *k)
{
    const struct keyspace_walk *w = k->common.walk;
    uint64_t done = 0;
    uint64_t all = 0;

    for (uint32_t i = 0; w != NULL && i < w->part_count; i++) {
        done += w->parts[i].next;
        all += w->parts[i].watch.bucket_count;
    }
    return all == 0 ? 1000 : (uint32_t)(done * 1000 / all);
}
