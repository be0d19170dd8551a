/* DUMP and RESTORE of hashes: what Redis has dumped, in each of its forms, and fields that
 * expire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "expect_command.h"
#include "hex.h"
#include "kv/hash_value.h"
#include "kv/rdb.h"

enum { DUMP_BYTES_MAX = 400, FIELDS_MAX = 300 };

#define BAD_FORMAT "-ERR Bad data format\r\n"

static void expect_restored(struct keyspace *k, const char *key, struct slice dump,
                            const char *reply)
{
    const struct slice arguments[] = {slice_str("RESTORE"), slice_str(key), slice_str("0"), dump,
                                      slice_str("REPLACE")};
    struct buffer out = {0};

    assert_true(run_arguments(k, 0, 2, 5, arguments, &out));
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    buffer_deinit(&out);
    assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
}

/* With a right footer. */
static void expect_body(struct keyspace *k, const char *hex, const char *reply)
{
    char bytes[DUMP_BYTES_MAX];
    struct buffer dump = {0};

    buffer_append(&dump, bytes, from_hex(hex, bytes));
    rdb_write_footer(&dump, RDB_VERSION_MAX);
    expect_restored(k, "k", buffer_slice(&dump), reply);
    buffer_deinit(&dump);
}

/* As Redis 7.0.15 has dumped them: as a listpack, which is packed in the second case, and field
 * by field. */
static void test_restore__reads_each_form_of_a_hash(void **state)
{
    struct keyspace *k = keyspace_new(1);
    char bytes[DUMP_BYTES_MAX];

    (void)state;
    expect_restored(
        k, "k",
        slice_of(bytes, from_hex("101616000000040081660201018167028576616c756506ff0a0095ce779fe975"
                                 "e577",
                                 bytes)),
        "+OK\r\n");
    expect(k, "HMGET k f g", "*2\r\n$1\r\n1\r\n$5\r\nvalue\r\n");
    expect(k, "HLEN k", ":2\r\n");
    expect_restored(
        k, "k",
        slice_of(bytes, from_hex("10c3405040841f840000001200816102dffb028162026401816302cfa0028164"
                                 "02d060028165021ff1307503816602f200ee8504816702f300943577058168"
                                 "02f400007c1daf9319068309816902bc78e03200013dff0a00103a89da3cbf"
                                 "0774",
                                 bytes)),
        "+OK\r\n");
    expect(k, "HMGET k a b c d e f g h",
           "*8\r\n$2\r\n-5\r\n$3\r\n100\r\n$4\r\n4000\r\n$5\r\n-4000\r\n$5\r\n30000\r\n$8\r\n"
           "-8000000\r\n$10\r\n2000000000\r\n$20\r\n-9000000000000000000\r\n");
    expect(k, "HSTRLEN k i", ":60\r\n");
    expect_restored(
        k, "k",
        slice_of(bytes, from_hex("04020161c31240460a3031323334353637383930e03009013839c00cc0220a00"
                                 "8d86d78720139736",
                                 bytes)),
        "+OK\r\n");
    expect(k, "HMGET k 12", "*1\r\n$2\r\n34\r\n");
    expect(k, "HSTRLEN k a", ":70\r\n");
    keyspace_free(k);
}

static void test_restore__of_a_malformed_hash_is_refused(void **state)
{
    static const char *const bodies[] = {
        "0400",                                 /* No field. */
        "0401",                                 /* Its field is missing. */
        "0402016101620161",                     /* The second ends too early. */
        "0402016101620161016300",               /* Twice the same field. */
        "048100ffffffffffffff0161",             /* A huge number of fields. */
        "10",                                   /* No listpack. */
        "1007070000000000ff",                   /* One without fields. */
        "100e0e00000002008166020101ff00000000", /* Something behind it. */
        "100b0b000000010081660201",             /* A field without a value, and no end. */
        "100d0d00000002008f660201018167",       /* A string beyond its end. */
        "1801000000000000000100",               /* Half a field that expires. */
        "18ffffffffffffffff0101016101620161",   /* An instant beyond all. */
        "191000000000000000",                   /* No listpack behind the instant. */
    };
    struct keyspace *k = keyspace_new(1);

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        expect_body(k, bodies[i], BAD_FORMAT);
    }
    expect(k, "DBSIZE", ":0\r\n");
    keyspace_free(k);
}

static void copy_by_dump(struct keyspace *k, const char *from, const char *to)
{
    const struct slice arguments[] = {slice_str("DUMP"), slice_str(from)};
    struct buffer out = {0};

    assert_true(run_arguments(k, 0, 2, 2, arguments, &out));

    const char *end = memchr(buffer_begin(&out), '\n', buffer_size(&out));
    size_t head = (size_t)(end + 1 - buffer_begin(&out));

    expect_restored(k, to, slice_of(end + 1, buffer_size(&out) - head - 2), "+OK\r\n");
    buffer_deinit(&out);
}

static void expect_equal(struct keyspace *k, const char *a, const char *b)
{
    struct kv_value first;
    struct kv_value second;
    struct hash_field field;
    struct hash_field other;
    uint64_t now_ms = keyspace_now_ms(k);
    size_t at = 0;

    assert_true(kv_find(keyspace_database(k, 0), slice_str(a), &first));
    assert_true(kv_find(keyspace_database(k, 0), slice_str(b), &second));
    assert_int_equal(second.traits.type, VALUE_HASH);
    assert_true(hash_value_count(first.bytes, now_ms) == hash_value_count(second.bytes, now_ms));
    while (hash_value_next(first.bytes, &at, now_ms, &field)) {
        assert_true(hash_value_find(second.bytes, field.name, now_ms, &other));
        assert_true(slice_equal(field.value, other.value));
        assert_true(field.expires_ms == other.expires_ms);
    }
}

static void test_dump__of_any_hash_comes_back_with_the_expiry_of_its_fields(void **state)
{
    struct prng prng = {17};

    (void)state;
    for (int round = 0; round < 40; round++) {
        struct keyspace *k = keyspace_new(1);
        uint64_t count = 1 + prng_below(&prng, round % 4 == 0 ? FIELDS_MAX : 6);
        char line[200];

        keyspace_advance_time(k, 1000 * 1000);
        for (uint64_t i = 0; i < count; i++) {
            struct buffer out = {0};

            snprintf(line, sizeof line, "HSET a f%u %lld", (unsigned)i,
                     (long long)(prng_next(&prng) >> prng_below(&prng, 64)));
            assert_true(run_line(k, 0, 2, line, &out));
            if (round % 2 == 0 && prng_chance(&prng, 1, 3)) {
                snprintf(line, sizeof line, "HPEXPIRE a %u FIELDS 1 f%u",
                         (unsigned)prng_below(&prng, 9000) + 1, (unsigned)i);
                assert_true(run_line(k, 0, 2, line, &out));
            }
            buffer_deinit(&out);
        }
        copy_by_dump(k, "a", "b");
        expect_equal(k, "a", "b");
        keyspace_free(k);
    }
}

/* In the second one, the first field expires at 5000, and the second one never. */
static void test_restore__leaves_out_what_has_expired(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keyspace_advance_time(k, 6000 * 1000);
    expect_body(k, "188813000000000000010101610162", "+OK\r\n");
    expect(k, "EXISTS k", ":0\r\n");
    expect_body(k, "1888130000000000000201016101620001630164", "+OK\r\n");
    expect(k, "HGETALL k", "*2\r\n$1\r\nc\r\n$1\r\nd\r\n");
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restore__reads_each_form_of_a_hash),
        cmocka_unit_test(test_restore__of_a_malformed_hash_is_refused),
        cmocka_unit_test(test_dump__of_any_hash_comes_back_with_the_expiry_of_its_fields),
        cmocka_unit_test(test_restore__leaves_out_what_has_expired),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
