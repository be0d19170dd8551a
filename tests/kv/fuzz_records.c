/* fuzz_records.c - fuzz target: the records of a keyspace, split in two. Where they are split
 * makes no difference. The result of loading is a valid keyspace, and a walk over it writes
 * records of the same state: loading those gives the same state again, and a walk over that
 * writes exactly the same records. */
#include "base/check.h"
#include "fuzz_input.h"
#include "kv/keyspace.h"
#include "kv/load.h"
#include "kv/walk.h"

enum { SEED = 9, MEMORY_BYTES_MAX = 16 * 1024 * 1024 };

/* NULL: the records are malformed. */
static struct keyspace *load(struct slice first, struct slice second)
{
    struct keyspace *k = keyspace_new(SEED);
    struct keyspace_loader *l = keyspace_loader_new(k);
    bool is_good = keyspace_loader_take(l, first) && keyspace_loader_take(l, second) &&
                   keyspace_loader_finish(l);

    keyspace_loader_free(l);
    CHECK(keyspace_memory_bytes(k) < MEMORY_BYTES_MAX);
    if (!is_good) {
        keyspace_free(k);
        return NULL;
    }
    return k;
}

static void walk(struct keyspace *k, struct buffer *records)
{
    keyspace_walk_begin(k, records);
    while (!keyspace_walk_step(k, 100)) {
    }
    keyspace_walk_end(k);
}

static void check_walks(struct keyspace *k)
{
    struct buffer records = {0};
    struct buffer again = {0};

    walk(k, &records);

    struct keyspace *loaded = load(buffer_slice(&records), slice_str(""));

    CHECK(loaded != NULL);
    CHECK(keyspace_digest(loaded) == keyspace_digest(k));
    walk(loaded, &again);
    CHECK(slice_equal(buffer_slice(&records), buffer_slice(&again)));
    keyspace_free(loaded);
    buffer_deinit(&records);
    buffer_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    size_t cut = (size_t)fuzz_number(&input, 2);
    struct slice second = input;
    struct slice first = fuzz_bytes(&second, cut);
    struct keyspace *k = load(first, second);
    struct keyspace *whole = load(input, slice_str(""));

    CHECK((k == NULL) == (whole == NULL));
    if (k != NULL) {
        CHECK(keyspace_digest(k) == keyspace_digest_recomputed(k));
        CHECK(keyspace_digest(k) == keyspace_digest(whole));
        check_walks(k);
    }
    keyspace_free(k);
    keyspace_free(whole);
    return 0;
}
