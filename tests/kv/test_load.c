/* Records that a walk has written, and others: split anywhere, damaged, invented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/load.h"
#include "kv/record.h"
#include "kv/walk.h"

enum { SEED = 3 };

enum outcome { LOADED, ENDS_TOO_EARLY, MALFORMED };

static const struct traits plain;

static uint64_t expects_bytes;

/* Loads records in two pieces; the caller owns the keyspace if they are good. */
static enum outcome load(struct slice records, size_t cut, struct keyspace **ret_keyspace)
{
    struct keyspace *k = keyspace_new(SEED);
    struct keyspace_loader *l = keyspace_loader_new(k);
    enum outcome outcome = LOADED;

    keyspace_loader_expect(l, expects_bytes);
    *ret_keyspace = NULL;
    if (!keyspace_loader_take(l, slice_of(records.data, cut)) ||
        !keyspace_loader_take(l, slice_of(records.data + cut, records.size - cut))) {
        outcome = MALFORMED;
        assert_false(keyspace_loader_take(l, slice_str("")));
        assert_false(keyspace_loader_finish(l));
    } else if (!keyspace_loader_finish(l)) {
        outcome = ENDS_TOO_EARLY;
    }
    keyspace_loader_free(l);
    if (outcome == LOADED) {
        *ret_keyspace = k;
    } else {
        keyspace_free(k);
    }
    return outcome;
}

static enum outcome try(const struct buffer *records)
{
    struct keyspace *k = NULL;
    enum outcome outcome = load(buffer_slice(records), 0, &k);

    keyspace_free(k);
    return outcome;
}

static void walk(struct keyspace *k, struct buffer *records)
{
    keyspace_walk_begin(k, records);
    while (!keyspace_walk_step(k, 1000)) {
    }
    keyspace_walk_end(k);
}

static struct keyspace *some_keys(void)
{
    struct keyspace *k = keyspace_new(SEED);
    char *large = memory_take_zeroed(1, RECORD_ITEM_MAX + 100);

    kv_set(keyspace_database(k, 0), slice_str("k"), slice_str("value"));
    kv_set(keyspace_database(k, 0), slice_str(""), slice_str(""));
    kv_set(keyspace_database(k, 3), slice_str("large"), slice_of(large, RECORD_ITEM_MAX + 100));
    kv_set(keyspace_database(k, 3), slice_str("long"), slice_of(large, 200));
    free(large);
    return k;
}

static void test_load__takes_records_cut_anywhere(void **state)
{
    struct keyspace *k = some_keys();
    struct buffer records = {0};
    struct keyspace *loaded = NULL;

    (void)state;
    walk(k, &records);
    for (size_t cut = 0; cut <= buffer_size(&records); cut++) {
        assert_int_equal(load(buffer_slice(&records), cut, &loaded), LOADED);
        assert_true(keyspace_digest(loaded) == keyspace_digest(k));
        keyspace_free(loaded);
    }
    keyspace_free(k);
    buffer_deinit(&records);
}

static void test_load__notices_what_is_missing(void **state)
{
    struct keyspace *k = some_keys();
    struct buffer records = {0};
    struct keyspace *loaded = NULL;

    (void)state;
    walk(k, &records);
    for (size_t size = 1; size < buffer_size(&records); size++) {
        assert_int_equal(load(slice_of(buffer_begin(&records), size), 0, &loaded), ENDS_TOO_EARLY);
    }
    assert_int_equal(load(slice_str(""), 0, &loaded), LOADED); /* Of an empty keyspace. */
    keyspace_free(loaded);
    keyspace_free(k);
    buffer_deinit(&records);
}

/* Tables of many sizes, with more buckets than are allocated at once. */
static void test_load__makes_the_same_table(void **state)
{
    struct keyspace *k = keyspace_new(SEED);
    struct keyspace *loaded = NULL;
    char key[16];

    (void)state;
    for (int i = 0; i < 100 * 1000; i++) {
        int size = sprintf(key, "k%d", i);

        kv_set(keyspace_database(k, 0), slice_of(key, (size_t)size), slice_str("v"));
        if (i < 20 || i == 2000 || i == 40000 || i == 99999) {
            struct buffer records = {0};

            walk(k, &records);
            assert_int_equal(load(buffer_slice(&records), 7, &loaded), LOADED);
            assert_true(keyspace_digest(loaded) == keyspace_digest(k));
            assert_int_equal(keyspace_memory_bytes(loaded), keyspace_memory_bytes(k));
            keyspace_free(loaded);
            expects_bytes = buffer_size(&records);
            assert_int_equal(load(buffer_slice(&records), 7, &loaded), LOADED);
            assert_int_equal(keyspace_memory_bytes(loaded), keyspace_memory_bytes(k));
            expects_bytes = 0;
            keyspace_free(loaded);
            buffer_deinit(&records);
        }
    }
    keyspace_free(k);
}

/* --- made up ------------------------------------------------------------------------------- */

static struct buffer records_of(uint64_t item_count, uint64_t bucket_count)
{
    struct buffer records = {0};

    record_write_database(&records, 0, item_count, bucket_count);
    return records;
}

static void expect(struct buffer records, enum outcome outcome)
{
    assert_int_equal(try(&records), outcome);
    buffer_deinit(&records);
}

static void test_load__refuses_what_no_walk_wrote(void **state)
{
    struct slice k = slice_str("k");
    struct slice v = slice_str("v");
    struct buffer records = records_of(1, 1);

    (void)state;
    record_write_item(&records, 0, plain, k, v);
    assert_int_equal(try(&records), LOADED);
    record_write_item(&records, 0, plain, slice_str("one more"), v);
    expect(records, MALFORMED);

    records = records_of(2, 1); /* The same key twice. */
    record_write_item(&records, 0, plain, k, v);
    record_write_item(&records, 0, plain, k, v);
    expect(records, MALFORMED);

    records = records_of(1, 1); /* A database that was not announced, or twice. */
    record_write_item(&records, 1, plain, k, v);
    expect(records, MALFORMED);
    records = records_of(1, 1);
    record_write_database(&records, 0, 1, 1);
    expect(records, MALFORMED);
    records = records_of(1, 1);
    record_write_item(&records, 200, plain, k, v);
    expect(records, MALFORMED);

    expect(records_of(0, 1), MALFORMED);
    expect(records_of(1, 0), MALFORMED);
    expect(records_of(6, 1), MALFORMED); /* No table is so full, */
    expect(records_of(7, 4), MALFORMED); /* or so empty. */
    expect(records_of(UINT64_MAX, UINT64_MAX), MALFORMED);

    records = records_of(1, 1);
    buffer_append(&records, "\5", 1); /* An unknown kind. */
    expect(records, MALFORMED);
}

static void append_piece(struct buffer *records, size_t size)
{
    char bytes[RECORD_PIECE_MAX] = {0};

    record_write_piece(records, slice_of(bytes, size));
}

static void test_load__refuses_pieces_that_do_not_fit(void **state)
{
    struct buffer records = records_of(2, 1);

    (void)state;
    append_piece(&records, 10); /* Of nothing. */
    expect(records, MALFORMED);

    records = records_of(2, 1);
    record_write_large(&records, 0, plain, 1, RECORD_ITEM_MAX, 0);
    append_piece(&records, RECORD_ITEM_MAX);
    assert_int_equal(try(&records), ENDS_TOO_EARLY);
    append_piece(&records, 2);
    expect(records, MALFORMED);

    records = records_of(2, 1);
    record_write_large(&records, 0, plain, 1, RECORD_ITEM_MAX, 0);
    record_write_large(&records, 0, plain, 2, RECORD_ITEM_MAX, 0); /* Two at a time. */
    expect(records, MALFORMED);

    records = records_of(2, 1);
    record_write_large(&records, 0, plain, 1, 10, 0); /* Not a large one. */
    expect(records, MALFORMED);
    records = records_of(2, 1);
    record_write_large(&records, 0, plain, 1, KV_VALUE_BYTES_MAX + 1ull, 0);
    expect(records, MALFORMED);

    /* A place after all others is the last one. */
    records = records_of(1, 1);
    record_write_large(&records, 0, plain, 1, RECORD_ITEM_MAX, UINT64_MAX);
    append_piece(&records, RECORD_ITEM_MAX);
    append_piece(&records, 1);
    expect(records, LOADED);
}

/* A declared size costs nothing before the bytes arrive. */
static void test_load__believes_no_size(void **state)
{
    struct keyspace *k = keyspace_new(SEED);
    struct keyspace_loader *l = keyspace_loader_new(k);
    struct buffer records = records_of(8 * 1024 * 1024, 2 * 1024 * 1024);

    (void)state;
    record_write_large(&records, 0, plain, 1, KV_VALUE_BYTES_MAX, 0);
    record_write_item(&records, 0, plain, slice_str("k"), slice_str("v"));
    assert_true(keyspace_loader_take(l, buffer_slice(&records)));
    assert_true(keyspace_memory_bytes(k) < 1024 * 1024);
    assert_false(keyspace_loader_finish(l));
    keyspace_loader_free(l);
    keyspace_free(k);
    buffer_deinit(&records);
}

/* Buckets may take as much memory as there are bytes, in all databases together. */
static void test_load__takes_no_more_memory_than_is_expected(void **state)
{
    struct keyspace *k = keyspace_new(SEED);
    struct keyspace_loader *l = keyspace_loader_new(k);
    struct buffer records = {0};

    (void)state;
    for (uint32_t database = 0; database < 4; database++) {
        record_write_database(&records, database, 8 * 1024 * 1024, 2 * 1024 * 1024);
    }
    keyspace_loader_expect(l, 8 * 1024 * 1024);
    assert_true(keyspace_loader_take(l, buffer_slice(&records)));
    assert_in_range(keyspace_memory_bytes(k), 8 * 1024 * 1024, 10 * 1024 * 1024);
    keyspace_loader_free(l);
    keyspace_free(k);
    buffer_deinit(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load__takes_records_cut_anywhere),
        cmocka_unit_test(test_load__notices_what_is_missing),
        cmocka_unit_test(test_load__makes_the_same_table),
        cmocka_unit_test(test_load__refuses_what_no_walk_wrote),
        cmocka_unit_test(test_load__refuses_pieces_that_do_not_fit),
        cmocka_unit_test(test_load__believes_no_size),
        cmocka_unit_test(test_load__takes_no_more_memory_than_is_expected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
