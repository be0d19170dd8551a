#include "kv/sum.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "kv/digest.h"
#include "kv/kv_private.h"
#include "kv/record.h"

/* A large item, whose key and value arrive in pieces. */
struct large {
    uint32_t database;
    struct traits traits;
    uint64_t key_size, value_size;
    uint64_t received_bytes; /* Of both. */
    uint64_t hash;           /* Of the key, once that is complete. */
    uint64_t block;          /* The number of the next block. */
    struct buffer bytes;     /* Of the key, then of that block. */
};

struct keyspace_sum {
    uint64_t seed;
    uint64_t digests[KEYSPACE_ALL_DATABASES];
    uint64_t counts[KEYSPACE_ALL_DATABASES];
    struct buffer rest; /* The beginning of an incomplete record. */
    bool has_large;
    struct large large;
};

struct keyspace_sum *keyspace_sum_new(const struct keyspace *k)
{
    struct keyspace_sum *sum = memory_take_zeroed(1, sizeof *sum);

    sum->seed = k->common.hash_seed;
    return sum;
}

void keyspace_sum_free(struct keyspace_sum *sum)
{
    if (sum == NULL) {
        return;
    }
    buffer_deinit(&sum->rest);
    buffer_deinit(&sum->large.bytes);
    free(sum);
}

static void add_item(struct keyspace_sum *sum, const struct record *r)
{
    uint64_t hash = checksum_seeded(r->key.data, r->key.size, sum->seed);

    sum->digests[r->database] += digest_of_item(hash, r->traits, r->value);
    sum->counts[r->database]++;
}

/* --- large items ------------------------------------------------------------------------ */

static bool begin_large(struct keyspace_sum *sum, const struct record *r)
{
    struct large *l = &sum->large;

    if (sum->has_large) {
        return false;
    }
    sum->has_large = true;
    l->database = r->database;
    l->traits = r->traits;
    l->key_size = r->key_size;
    l->value_size = r->value_size;
    l->received_bytes = 0;
    l->block = 0;
    return true;
}

static void end_key(struct keyspace_sum *sum)
{
    struct large *l = &sum->large;

    l->hash = checksum_seeded(buffer_begin(&l->bytes), l->key_size, sum->seed);
    sum->digests[l->database] += digest_of_key(l->hash) + digest_of_traits(l->hash, l->traits);
    buffer_clear(&l->bytes);
}

static void end_block(struct keyspace_sum *sum)
{
    struct large *l = &sum->large;

    sum->digests[l->database] += digest_of_block(l->hash, l->block++, buffer_slice(&l->bytes));
    buffer_clear(&l->bytes);
}

/* How many bytes complete the key, or the present block. */
static uint64_t missing_bytes(const struct large *l)
{
    uint64_t key_left = l->key_size > l->received_bytes ? l->key_size - l->received_bytes : 0;

    return key_left > 0 ? key_left : DIGEST_BLOCK_BYTES - buffer_size(&l->bytes);
}

static bool take_piece(struct keyspace_sum *sum, struct slice piece)
{
    struct large *l = &sum->large;
    uint64_t size = l->key_size + l->value_size;

    if (!sum->has_large || piece.size > size - l->received_bytes) {
        return false;
    }
    while (piece.size > 0) {
        bool is_key = l->received_bytes < l->key_size;
        uint64_t missing = missing_bytes(l);
        uint64_t taken = piece.size < missing ? piece.size : missing;

        buffer_append(&l->bytes, piece.data, taken);
        piece = slice_of(piece.data + taken, piece.size - taken);
        l->received_bytes += taken;
        if (is_key && l->received_bytes == l->key_size) {
            end_key(sum);
        } else if (!is_key && (taken == missing || l->received_bytes == size)) {
            end_block(sum);
        }
    }
    if (l->received_bytes == size) {
        sum->counts[l->database]++;
        sum->has_large = false;
    }
    return true;
}

/* --- records ---------------------------------------------------------------------------- */

static bool take_record(struct keyspace_sum *sum, const struct record *r)
{
    switch (r->kind) {
    case RECORD_DATABASE:
        return true;
    case RECORD_ITEM:
        add_item(sum, r);
        return true;
    case RECORD_LARGE:
        return begin_large(sum, r);
    case RECORD_PIECE:
        return take_piece(sum, r->value);
    }
    return false;
}

bool keyspace_sum_take(struct keyspace_sum *sum, struct slice records)
{
    enum record_result result;
    struct record record;
    struct slice left;

    buffer_append_slice(&sum->rest, records);
    left = buffer_slice(&sum->rest);
    while ((result = record_read(&left, &record)) == RECORD_READ) {
        if (!take_record(sum, &record)) {
            return false;
        }
    }
    buffer_consume(&sum->rest, buffer_size(&sum->rest) - left.size);
    return result == RECORD_INCOMPLETE;
}

bool keyspace_sum_is(const struct keyspace_sum *sum, uint64_t digest)
{
    uint64_t found = 0;

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        if (sum->counts[i] > 0) {
            found += keyspace_mix_digest(i, sum->digests[i]);
        }
    }
    return buffer_size(&sum->rest) == 0 && !sum->has_large && found == digest;
}
