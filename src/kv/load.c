/* load.c - turns records into items. Small ones are added in batches: while one is put into its
 * bucket, the buckets of the others are being fetched from memory. */
#include "kv/load.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "kv/hash_value.h"
#include "kv/kv.h"
#include "kv/kv_private.h"
#include "kv/record.h"

enum {
    BATCH_ITEMS = 16,
    BUCKETS_FIRST =
        4096, /* Created at once if as many are declared, even if no bytes are expected. */
    BUCKETS_FACTOR = 8, /* Further ones: this multiple of the present ones, once items fill
                           * those. */
};

struct expected {
    uint64_t item_count, bucket_count; /* 0: not declared. */
};

struct batched {
    uint32_t database;
    uint64_t hash;
    struct traits traits;
    struct slice key, value;
};

struct keyspace_loader {
    struct keyspace *keyspace;
    uint64_t bytes_left; /* Of memory for buckets that no item has justified yet. */
    bool is_malformed;
    struct expected expected[KEYSPACE_ALL_DATABASES];
    struct buffer rest; /* The beginning of an incomplete record. */
    bool has_large;     /* The pieces of a large item are arriving. */
    struct record large;
    struct buffer large_content;
    uint32_t batch_count;
    struct batched batch[BATCH_ITEMS];
};

struct keyspace_loader *keyspace_loader_new(struct keyspace *k)
{
    struct keyspace_loader *l = memory_take_zeroed(1, sizeof *l);

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        CHECK(keyspace_count(k, i) == 0);
    }
    l->keyspace = k;
    return l;
}

void keyspace_loader_expect(struct keyspace_loader *l, uint64_t bytes)
{
    l->bytes_left = bytes;
}

void keyspace_loader_free(struct keyspace_loader *l)
{
    if (l == NULL) {
        return;
    }
    buffer_deinit(&l->rest);
    buffer_deinit(&l->large_content);
    free(l);
}

/* --- items ------------------------------------------------------------------------------ */

/* Creates as many buckets as are declared, but not more than the items that have arrived
 * justify. */
static void make_room(struct kv *kv, const struct expected *expected)
{
    uint64_t bucket_count = kv->table.buckets.group_count * BUCKETS_FACTOR;

    if (table_is_full(&kv->table) && kv->table.buckets.group_count < expected->bucket_count) {
        table_grow_to(&kv->table, bucket_count < expected->bucket_count ? bucket_count
                                                                        : expected->bucket_count);
    }
}

static bool add_item(struct keyspace_loader *l, uint32_t database, uint64_t hash, struct item *item)
{
    struct kv *kv = keyspace_database(l->keyspace, database);
    const struct expected *expected = &l->expected[database];

    if (kv->table.count >= expected->item_count ||
        (table_find(&kv->table, hash, item_key(item)) != NULL && !MUTANT(load_takes_twice))) {
        item_free(item);
        return false;
    }
    make_room(kv, expected);
    kv_add_item(kv, hash, item);
    return true;
}

static bool add_batched(struct keyspace_loader *l)
{
    bool is_good = true;

    for (uint32_t i = 0; i < l->batch_count && is_good; i++) {
        const struct batched *b = &l->batch[i];

        is_good = add_item(l, b->database, b->hash, item_new(b->traits, b->key, b->value));
    }
    l->batch_count = 0;
    return is_good;
}

/* Whether the value is one of its type. */
static bool is_sound(struct traits traits, struct slice value)
{
    return traits.type != VALUE_HASH || hash_value_is_sound(value) || MUTANT(load_believes_hash);
}

static bool take_item(struct keyspace_loader *l, const struct record *r)
{
    if (!is_sound(r->traits, r->value)) {
        return false;
    }

    struct kv *kv = keyspace_database(l->keyspace, r->database);
    uint64_t hash = kv_prefetch_bucket(kv, r->key);

    l->batch[l->batch_count++] = (struct batched){r->database, hash, r->traits, r->key, r->value};
    return l->batch_count < BATCH_ITEMS || add_batched(l);
}

/* --- large ones ------------------------------------------------------------------------- */

static bool begin_large(struct keyspace_loader *l, const struct record *r)
{
    if (l->has_large) {
        return false;
    }
    l->has_large = true;
    l->large = *r;
    return true;
}

static bool add_large(struct keyspace_loader *l)
{
    const struct record *r = &l->large;
    struct table *table = &keyspace_database(l->keyspace, r->database)->table;
    const char *content = buffer_begin(&l->large_content);
    struct slice key = slice_of(content, r->key_size);
    struct slice value = slice_of(content + r->key_size, r->value_size);
    uint64_t hash = table_hash(table, key);

    if (!is_sound(r->traits, value) || !add_batched(l) ||
        !add_item(l, r->database, hash, item_new(r->traits, key, value))) {
        return false;
    }
    MUTANT_DO(load_out_of_order, l->large.place = UINT64_MAX);
    table_place_last(table, hash, l->expected[r->database].bucket_count, r->place);
    buffer_clear(&l->large_content);
    l->has_large = false;
    return true;
}

static bool take_piece(struct keyspace_loader *l, struct slice piece)
{
    uint64_t size = l->large.key_size + l->large.value_size;

    if (!l->has_large || piece.size > size - buffer_size(&l->large_content)) {
        return false;
    }
    buffer_append_slice(&l->large_content, piece);
    return buffer_size(&l->large_content) < size || add_large(l);
}

/* --- records ---------------------------------------------------------------------------- */

/* How many buckets are created at once. */
static uint64_t first_buckets(struct keyspace_loader *l, uint64_t declared)
{
    uint64_t paid = l->bytes_left / sizeof(struct group);

    paid = paid < declared ? paid : declared;
    MUTANT_DO(load_pays_twice, return paid > BUCKETS_FIRST ? paid : BUCKETS_FIRST);
    l->bytes_left -= paid * sizeof(struct group);
    if (declared <= BUCKETS_FIRST || MUTANT(load_believes_size)) {
        return declared;
    }
    return paid > BUCKETS_FIRST ? paid : BUCKETS_FIRST;
}

static bool begin_database(struct keyspace_loader *l, const struct record *r)
{
    struct expected *expected = &l->expected[r->database];
    struct kv *kv = keyspace_database(l->keyspace, r->database);

    if (expected->bucket_count != 0 || r->item_count == 0 ||
        !table_can_have(r->item_count, r->bucket_count)) {
        return false;
    }
    *expected = (struct expected){r->item_count, r->bucket_count};
    table_grow_to(&kv->table, first_buckets(l, r->bucket_count));
    return true;
}

static bool take_record(struct keyspace_loader *l, const struct record *r)
{
    if (r->kind == RECORD_PIECE) {
        return take_piece(l, r->value);
    }
    if (r->kind == RECORD_DATABASE) {
        return begin_database(l, r);
    }
    if (l->expected[r->database].bucket_count == 0) {
        return false;
    }
    return r->kind == RECORD_ITEM ? take_item(l, r) : begin_large(l, r);
}

/* Takes up to `count` records off the front of *rest. */
static bool take_whole_records(struct keyspace_loader *l, struct slice *rest, uint64_t count)
{
    enum record_result result = RECORD_READ;

    for (uint64_t i = 0; i < count; i++) {
        struct record record;

        result = record_read(rest, &record);
        if (result != RECORD_READ) {
            break;
        }
        if (!take_record(l, &record)) {
            return false;
        }
    }
    return result != RECORD_MALFORMED && add_batched(l);
}

/* Completes the record whose beginning was in earlier bytes, if there are enough now. */
static bool take_rest(struct keyspace_loader *l, struct slice *records)
{
    size_t old_size = buffer_size(&l->rest);
    size_t taken = records->size < RECORD_BYTES_MAX ? records->size : RECORD_BYTES_MAX;

    buffer_append(&l->rest, records->data, taken);

    struct slice rest = buffer_slice(&l->rest);
    size_t size = rest.size;

    if (!take_whole_records(l, &rest, 1)) {
        return false;
    }
    if (rest.size < size) {
        taken = size - rest.size - old_size;
        buffer_clear(&l->rest);
    }
    *records = slice_of(records->data + taken, records->size - taken);
    return true;
}

bool keyspace_loader_take(struct keyspace_loader *l, struct slice records)
{
    bool is_good = !l->is_malformed;

    if (is_good && buffer_size(&l->rest) > 0) {
        is_good = take_rest(l, &records);
    }
    if (is_good && records.size > 0) {
        is_good = take_whole_records(l, &records, UINT64_MAX);
        buffer_append_slice(&l->rest, records);
    }
    l->is_malformed = !is_good;
    return is_good;
}

bool keyspace_loader_finish(struct keyspace_loader *l)
{
    bool is_good = !l->is_malformed && !l->has_large && buffer_size(&l->rest) == 0;

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES && is_good; i++) {
        const struct expected *expected = &l->expected[i];

        is_good = keyspace_count(l->keyspace, i) == expected->item_count || MUTANT(load_takes_less);
        if (is_good && expected->item_count > 0) {
            table_grow_to(&keyspace_database(l->keyspace, i)->table, expected->bucket_count);
        }
    }
    keyspace_take_work(l->keyspace);
    return is_good;
}
