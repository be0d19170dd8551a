/* The digest computed from the records of a walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "kv/kv.h"
#include "kv/sum.h"
#include "kv/walk.h"

enum { SEED = 77, KEYS = 500, LARGE_BYTES = 100 * 1000, STEP_BYTES = 5000 };

static void set(struct keyspace *k, uint32_t database, const char *key, size_t size, char letter)
{
    char *value = test_malloc(size + 1);

    memset(value, letter, size);
    kv_set(keyspace_database(k, database), slice_str(key), slice_of(value, size));
    test_free(value);
}

/* Small values and large ones, empty ones, and a key that is large itself. */
static struct keyspace *make(void)
{
    struct keyspace *k = keyspace_new(SEED);
    char key[5000];

    for (uint32_t i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key%u", (unsigned)i);
        set(k, i % 3, key, i * i % 300, (char)('a' + i % 26));
    }
    set(k, 5, "large", LARGE_BYTES, 'x');
    set(k, 5, "blocks", 3 * 4096, 'y');
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    set(k, 7, key, 0, 'z');
    key[0] = 'K';
    set(k, 7, key, 9000, 'z');
    return k;
}

/* Takes what a walk writes, split at random places. */
static bool take_all(struct keyspace *k, struct keyspace_sum *sum, struct prng *prng)
{
    struct buffer out = {0};
    bool is_over = false;
    bool is_good = true;

    keyspace_walk_begin(k, &out);
    while (!is_over && is_good) {
        is_over = keyspace_walk_step(k, STEP_BYTES);
        while (buffer_size(&out) > 0 && is_good) {
            size_t size = 1 + prng_below(prng, buffer_size(&out));

            is_good = keyspace_sum_take(sum, slice_of(buffer_begin(&out), size));
            buffer_consume(&out, size);
        }
    }
    keyspace_walk_end(k);
    buffer_deinit(&out);
    return is_good;
}

static void test_sum__is_the_digest_of_what_was_walked(void **state)
{
    struct keyspace *k = make();
    struct prng prng = {1};

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct keyspace_sum *sum = keyspace_sum_new(k);

        assert_true(take_all(k, sum, &prng));
        assert_true(keyspace_sum_is(sum, keyspace_digest(k)));
        assert_false(keyspace_sum_is(sum, keyspace_digest(k) + 1));
        keyspace_sum_free(sum);
    }
    keyspace_free(k);
}

static void flip(struct keyspace *k, uint32_t database, const char *key, size_t at)
{
    struct slice value;

    assert_true(kv_get(keyspace_database(k, database), slice_str(key), &value));
    *((char *)(uintptr_t)value.data + at) ^= 4;
}

static void test_sum__notices_a_flipped_bit(void **state)
{
    const size_t places[] = {0, 1, 4095, 4096, LARGE_BYTES - 1};
    struct keyspace *k = make();
    struct prng prng = {1};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct keyspace_sum *sum = keyspace_sum_new(k);

        flip(k, 5, "large", places[i]);
        assert_true(take_all(k, sum, &prng));
        assert_false(keyspace_sum_is(sum, keyspace_digest(k)));
        flip(k, 5, "large", places[i]);
        keyspace_sum_free(sum);
    }
    keyspace_free(k);
}

/* What is wrong must neither be forgotten nor come back. */
static void test_digest__of_an_emptied_database_is_that_of_an_empty_one(void **state)
{
    struct keyspace *k = keyspace_new(SEED);

    (void)state;
    set(k, 0, "a", 100, 'a');
    flip(k, 0, "a", 5);
    assert_true(keyspace_digest(k) != keyspace_digest_recomputed(k));
    assert_true(kv_delete(keyspace_database(k, 0), slice_str("a")));
    set(k, 0, "b", 100, 'b');
    assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
    keyspace_free(k);
}

static void test_sum__of_incomplete_records_is_nothing(void **state)
{
    struct keyspace *k = keyspace_new(SEED);
    struct keyspace_sum *sum = keyspace_sum_new(k);
    struct buffer out = {0};

    (void)state;
    set(k, 0, "a", 100, 'a');
    keyspace_walk_begin(k, &out);
    assert_true(keyspace_walk_step(k, UINT64_MAX));
    keyspace_walk_end(k);
    assert_true(keyspace_sum_take(sum, slice_of(buffer_begin(&out), buffer_size(&out) - 1)));
    assert_false(keyspace_sum_is(sum, keyspace_digest(k)));
    assert_false(keyspace_sum_take(sum, slice_str("\xff\xff\xff\xff")));
    keyspace_sum_free(sum);
    buffer_deinit(&out);
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum__is_the_digest_of_what_was_walked),
        cmocka_unit_test(test_sum__notices_a_flipped_bit),
        cmocka_unit_test(test_sum__of_incomplete_records_is_nothing),
        cmocka_unit_test(test_digest__of_an_emptied_database_is_that_of_an_empty_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
