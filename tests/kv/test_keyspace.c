/* Databases of one keyspace: independent of one another, and distinguished by the digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kv/keyspace.h"
#include "kv/kv.h"

static void set(struct keyspace *k, uint32_t database, const char *key, const char *value)
{
    kv_set(keyspace_database(k, database), slice_str(key), slice_str(value));
}

static bool holds(struct keyspace *k, uint32_t database, const char *key, const char *value)
{
    struct slice found;

    return kv_get(keyspace_database(k, database), slice_str(key), &found) &&
           slice_equal(found, slice_str(value));
}

static void expect_sound(const struct keyspace *k)
{
    assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
}

static void test_keyspace__keeps_databases_apart(void **state)
{
    struct keyspace *k = keyspace_new(5);
    char value[16];

    (void)state;
    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        snprintf(value, sizeof value, "%u", (unsigned)i);
        set(k, i, "k", value);
    }
    kv_delete(keyspace_database(k, 7), slice_str("k"));
    kv_append(keyspace_database(k, 8), slice_str("k"), slice_str("!"));
    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        snprintf(value, sizeof value, "%u%s", (unsigned)i, i == 8 ? "!" : "");
        assert_int_equal(holds(k, i, "k", value), i != 7);
        assert_int_equal(keyspace_count(k, i), i == 7 ? 0 : 1);
    }
    kv_clear(keyspace_database(k, 3));
    assert_int_equal(keyspace_count(k, 3), 0);
    assert_int_equal(keyspace_count(k, 2), 1);
    expect_sound(k);
    keyspace_clear(k);
    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        assert_int_equal(keyspace_count(k, i), 0);
    }
    assert_true(keyspace_digest(k) == 0);
    expect_sound(k);
    keyspace_free(k);
}

static void test_keyspace__digest_distinguishes_databases(void **state)
{
    struct keyspace *a = keyspace_new(5);
    struct keyspace *b = keyspace_new(5);

    (void)state;
    set(a, 0, "k", "v");
    set(b, 1, "k", "v");
    assert_true(keyspace_digest(a) != keyspace_digest(b));
    /* The same items in total, but in different databases. */
    set(a, 1, "other", "w");
    set(b, 0, "other", "w");
    assert_true(keyspace_digest(a) != keyspace_digest(b));
    kv_delete(keyspace_database(a, 0), slice_str("k"));
    kv_delete(keyspace_database(b, 0), slice_str("other"));
    set(a, 1, "k", "v");
    set(b, 1, "other", "w");
    assert_true(keyspace_digest(a) == keyspace_digest(b));
    /* Using a database leaves no trace. */
    assert_false(holds(a, 9, "k", "v"));
    assert_true(keyspace_digest(a) == keyspace_digest(b));
    expect_sound(a);
    expect_sound(b);
    keyspace_free(a);
    keyspace_free(b);
}

static void test_keyspace__swaps_two(void **state)
{
    struct keyspace *a = keyspace_new(5);
    struct keyspace *b = keyspace_new(5);

    (void)state;
    set(a, 1, "k", "of 1");
    set(a, 2, "k", "of 2");
    set(b, 2, "k", "of 1");
    set(b, 1, "k", "of 2");
    keyspace_swap(a, 1, 2);
    assert_true(holds(a, 1, "k", "of 2"));
    assert_true(holds(a, 2, "k", "of 1"));
    assert_true(keyspace_digest(a) == keyspace_digest(b));
    /* With one that was never used, and with itself. */
    keyspace_swap(a, 2, 15);
    keyspace_swap(a, 15, 15);
    assert_int_equal(keyspace_count(a, 2), 0);
    assert_true(holds(a, 15, "k", "of 1"));
    assert_true(keyspace_digest(a) != keyspace_digest(b));
    expect_sound(a);
    keyspace_swap(a, 15, 2);
    assert_true(keyspace_digest(a) == keyspace_digest(b));
    keyspace_free(a);
    keyspace_free(b);
}

static void test_keyspace__moves_a_key(void **state)
{
    struct keyspace *k = keyspace_new(5);
    char value[5000];

    (void)state;
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    set(k, 1, "k", value);
    kv_append(keyspace_database(k, 1), slice_str("k"), slice_str("!")); /* With room to grow. */
    value[sizeof value - 1] = '!';

    uint64_t bytes = keyspace_memory_bytes(k);
    struct kv *from = keyspace_database(k, 1);
    struct kv *to = keyspace_database(k, 2);
    struct slice found;

    assert_true(kv_move(from, to, slice_str("k")));
    assert_false(kv_get(from, slice_str("k"), &found));
    assert_true(kv_get(to, slice_str("k"), &found));
    assert_true(slice_equal(found, slice_of(value, sizeof value)));
    assert_false(kv_move(from, to, slice_str("k"))); /* It is gone. */
    expect_sound(k);
    /* An existing key stays as it is. */
    set(k, 1, "k", "another");
    assert_false(kv_move(from, to, slice_str("k")));
    assert_true(holds(k, 1, "k", "another"));
    kv_delete(from, slice_str("k"));
    assert_true(kv_move(to, from, slice_str("k")));
    assert_true(keyspace_memory_bytes(k) < bytes + 16 * 1024); /* An empty database. */
    assert_int_equal(keyspace_count(k, 2), 0);
    expect_sound(k);
    keyspace_free(k);
}

/* An empty database takes next to no memory, and what one of them contained is freed after a
 * while. */
static void test_keyspace__takes_memory_for_what_is_used(void **state)
{
    struct keyspace *k = keyspace_new(5);
    char key[16];

    (void)state;
    assert_true(keyspace_memory_bytes(k) < 1024);
    set(k, 4, "k", "v");

    uint64_t small_bytes = keyspace_memory_bytes(k);

    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        set(k, 4, key, "value");
    }
    kv_clear(keyspace_database(k, 4));
    assert_true(keyspace_memory_bytes(k) > 10 * small_bytes);
    while (keyspace_tidy(k, 100)) {
    }
    assert_true(keyspace_memory_bytes(k) < 3 * small_bytes);
    keyspace_free(k);
}

static void test_keyspace__time_never_falls(void **state)
{
    struct keyspace *k = keyspace_new(5);

    (void)state;
    assert_int_equal(keyspace_time_us(k), 0);
    keyspace_advance_time(k, 1000);
    assert_int_equal(keyspace_time_us(k), 1000);
    keyspace_advance_time(k, 999);
    assert_int_equal(keyspace_time_us(k), 1000);
    keyspace_advance_time(k, 1001);
    assert_int_equal(keyspace_time_us(k), 1001);
    keyspace_free(k);
}

/* In steps, before the command; what is not complete, or of another command, is not used. */
static void test_keyspace__sets_what_was_prepared(void **state)
{
    struct keyspace *k = keyspace_new(5);
    char bytes[] = "a long value";
    struct slice value = slice_str(bytes);
    struct slice key = slice_str("k");

    (void)state;
    assert_false(keyspace_prepare(k, 7, key, value, 5));
    kv_set(keyspace_database(k, 0), key, value); /* Not complete. */
    assert_true(holds(k, 0, "k", "a long value"));
    assert_false(keyspace_prepare(k, 7, key, value, 5));
    assert_true(keyspace_prepare(k, 7, key, value, 5));
    bytes[0] = 'A'; /* Another command, in the same place. */
    assert_false(keyspace_prepare(k, 8, key, value, 11));
    assert_true(keyspace_prepare(k, 8, key, value, 11));
    kv_set(keyspace_database(k, 0), slice_str("other"), value);
    assert_true(holds(k, 0, "other", "A long value"));
    kv_set(keyspace_database(k, 0), key, value);
    assert_true(holds(k, 0, "k", "A long value"));
    kv_set(keyspace_database(k, 1), key, value); /* It is used once. */
    assert_true(holds(k, 1, "k", "A long value"));
    expect_sound(k);
    assert_false(keyspace_prepare(k, 9, key, value, 5));
    keyspace_drop_prepared(k);
    assert_false(keyspace_prepare(k, 9, key, value, 5));
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyspace__sets_what_was_prepared),
        cmocka_unit_test(test_keyspace__keeps_databases_apart),
        cmocka_unit_test(test_keyspace__digest_distinguishes_databases),
        cmocka_unit_test(test_keyspace__swaps_two),
        cmocka_unit_test(test_keyspace__moves_a_key),
        cmocka_unit_test(test_keyspace__takes_memory_for_what_is_used),
        cmocka_unit_test(test_keyspace__time_never_falls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
