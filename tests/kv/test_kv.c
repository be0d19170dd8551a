/* The keyspace against a simple model, with tables that grow and shrink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/prng.h"
#include "kv/keyspace.h"
#include "kv/kv.h"

enum { MODEL_KEYS = 20000, VALUE_BYTES_MAX = 9000 };

/* One value for each of the keys that a test may use. */
struct model {
    struct {
        bool is_there;
        struct buffer value;
    } entries[MODEL_KEYS];
    uint64_t count;
};

static struct slice key_of(uint64_t number, char *text)
{
    /* Keys of different lengths, some of which need more than a byte. */
    int size = number % 50 == 0 ? sprintf(text, "%0300lu", number) : sprintf(text, "k%lu", number);

    return slice_of(text, (size_t)size);
}

static void model_put(struct model *m, uint64_t number)
{
    if (!m->entries[number].is_there) {
        m->entries[number].is_there = true;
        m->count++;
        buffer_clear(&m->entries[number].value);
    }
}

static void model_clear(struct model *m)
{
    for (uint64_t i = 0; i < MODEL_KEYS; i++) {
        m->entries[i].is_there = false;
    }
    m->count = 0;
}

static void model_free(struct model *m)
{
    for (uint64_t i = 0; i < MODEL_KEYS; i++) {
        buffer_deinit(&m->entries[i].value);
    }
    free(m);
}

static void expect_key(const struct kv *kv, const struct model *m, uint64_t number)
{
    char text[320];
    struct slice value;
    bool is_there = kv_get(kv, key_of(number, text), &value);

    assert_int_equal(is_there, m->entries[number].is_there);
    if (is_there) {
        assert_true(slice_equal(value, buffer_slice(&m->entries[number].value)));
    }
}

static void expect_all(const struct kv *kv, const struct model *m)
{
    assert_int_equal(kv_count(kv), m->count);
    assert_true(kv_digest(kv) == kv_digest_recomputed(kv));
    for (uint64_t i = 0; i < MODEL_KEYS; i++) {
        expect_key(kv, m, i);
    }
}

static struct slice random_value(struct prng *prng, char *bytes)
{
    /* Usually short; sometimes beyond each width of the size field and each digest block. */
    static const size_t limits[] = {10, 10, 10, 200, 260, 600, VALUE_BYTES_MAX};
    size_t limit = limits[prng_below(prng, sizeof limits / sizeof limits[0])];
    size_t size = (size_t)prng_below(prng, limit);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)prng_next(prng);
    }
    return slice_of(bytes, size);
}

static void append_step(struct kv *kv, struct model *m, uint64_t number, struct slice tail)
{
    char text[320];

    model_put(m, number);
    buffer_append_slice(&m->entries[number].value, tail);
    assert_int_equal(kv_append(kv, key_of(number, text), tail),
                     buffer_size(&m->entries[number].value));
}

static void set_range_step(struct kv *kv, struct model *m, uint64_t number, size_t offset,
                           struct slice part)
{
    char text[320];
    struct buffer *value = &m->entries[number].value;

    model_put(m, number);
    while (buffer_size(value) < offset + part.size) {
        buffer_append(value, "", 1);
    }
    if (part.size > 0) {
        memcpy(buffer_begin(value) + offset, part.data, part.size);
    }
    assert_int_equal(kv_set_range(kv, key_of(number, text), offset, part), buffer_size(value));
}

/* Makes one random change to both, on one of the first `key_count` keys; `set_weight` tenths of
 * the sets and deletions are sets. */
static void random_step(struct kv *kv, struct model *m, struct prng *prng, uint64_t key_count,
                        uint64_t set_weight)
{
    char text[320];
    char bytes[VALUE_BYTES_MAX];
    uint64_t number = prng_below(prng, key_count);
    struct slice key = key_of(number, text);

    if (prng_chance(prng, 1, 10)) {
        append_step(kv, m, number, random_value(prng, bytes));
    } else if (prng_chance(prng, 1, 10)) {
        set_range_step(kv, m, number, (size_t)prng_below(prng, 5000), random_value(prng, bytes));
    } else if (prng_chance(prng, set_weight, 10)) {
        struct slice value = random_value(prng, bytes);

        model_put(m, number);
        buffer_clear(&m->entries[number].value);
        buffer_append_slice(&m->entries[number].value, value);
        kv_set(kv, key, value);
    } else {
        assert_int_equal(kv_delete(kv, key), m->entries[number].is_there);
        m->count -= m->entries[number].is_there ? 1 : 0;
        m->entries[number].is_there = false;
    }
    expect_key(kv, m, number);
}

static void test_kv__agrees_with_a_model(void **state)
{
    struct keyspace *k = keyspace_new(99);
    struct kv *kv = keyspace_database(k, 0);
    struct model *m = memory_take_zeroed(1, sizeof *m);
    struct prng prng = {2026};

    (void)state;
    for (int phase = 0; phase < 12; phase++) {
        uint64_t key_count = phase % 3 == 0 ? 60 : MODEL_KEYS;
        uint64_t set_weight = phase % 2 == 0 ? 8 : 1;

        for (int i = 0; i < 8000; i++) {
            struct keyspace_hint soon[] = {
                {0, slice_str("k7")}, {255, slice_str("k7")}, {3, slice_str("")}};

            keyspace_prefetch(k, soon, (uint32_t)i % 4); /* A hint has no effect on results. */
            random_step(kv, m, &prng, key_count, set_weight);
        }
        expect_all(kv, m);
        if (phase == 5) {
            kv_clear(kv);
            model_clear(m);
            assert_int_equal(kv_digest(kv), 0);
            expect_all(kv, m);
        }
    }
    keyspace_free(k);
    model_free(m);
}

/* Deletes all keys one by one, then again, so that the table shrinks. */
static void test_kv__gives_memory_back(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct kv *kv = keyspace_database(k, 0);
    uint64_t empty_bytes = keyspace_memory_bytes(k);
    char text[320];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 50000; i++) {
            kv_set(kv, key_of(i, text), slice_str("value"));
        }
        assert_int_equal(kv_count(kv), 50000);
        assert_true(keyspace_memory_bytes(k) > 50000 * 32);
        for (uint64_t i = 0; i < 50000; i++) {
            struct slice value;

            assert_true(kv_get(kv, key_of(50000 - 1 - i, text), &value));
            assert_true(kv_delete(kv, key_of(i, text)));
            assert_false(kv_delete(kv, key_of(i, text)));
            if (i == 24999) {
                break;
            }
        }
        for (uint64_t i = 25000; i < 50000; i++) {
            assert_true(kv_delete(kv, key_of(i, text)));
        }
        assert_int_equal(kv_count(kv), 0);
        assert_true(kv_digest(kv) == 0);
        assert_int_equal(keyspace_memory_bytes(k), empty_bytes);
    }
    keyspace_free(k);
}

static void test_kv__frees_what_was_cleared_in_small_parts(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct kv *kv = keyspace_database(k, 0);
    uint64_t empty_bytes = keyspace_memory_bytes(k);
    char text[320];
    int part_count = 0;

    (void)state;
    for (uint64_t i = 0; i < 10000; i++) {
        kv_set(kv, key_of(i, text), slice_str("value"));
    }

    uint64_t full_bytes = keyspace_memory_bytes(k);

    kv_clear(kv);
    assert_int_equal(kv_count(kv), 0);
    assert_true(keyspace_memory_bytes(k) > full_bytes / 2);
    while (keyspace_tidy(k, 100)) {
        part_count++;
    }
    assert_in_range(part_count, 50, 200);
    assert_int_equal(keyspace_memory_bytes(k), empty_bytes);

    /* Cleared again before the first is freed; and the keyspace is freed with memory still owed. */
    for (uint64_t i = 0; i < 1000; i++) {
        kv_set(kv, key_of(i, text), slice_str("value"));
        if (i % 50 == 0) {
            kv_clear(kv);
        }
    }
    while (keyspace_tidy(k, 3)) {
    }
    kv_clear(kv);
    keyspace_free(k);
}

/* Returning their pages to the system takes long, so the command does not do it. */
static void test_kv__frees_large_values_later_and_one_at_a_time(void **state)
{
    enum { LARGE = 4 * 1024 * 1024, COUNT = 4 };
    struct keyspace *k = keyspace_new(1);
    struct kv *kv = keyspace_database(k, 0);
    uint64_t empty_bytes = keyspace_memory_bytes(k);
    char *value = test_calloc(LARGE, 1);
    char text[320];

    (void)state;
    for (uint64_t i = 0; i < COUNT; i++) {
        kv_set(kv, key_of(i, text), slice_of(value, LARGE));
        kv_set(kv, key_of(i, text), slice_of(value, LARGE));
        assert_true(kv_delete(kv, key_of(i, text)));
    }
    assert_int_equal(kv_digest(kv), 0);
    for (uint64_t left = 2 * COUNT; left > 0; left--) {
        assert_in_range(keyspace_memory_bytes(k) - empty_bytes, left * LARGE,
                        left * (LARGE + 4096));
        assert_int_equal(keyspace_tidy(k, 100), left > 1);
    }
    assert_int_equal(keyspace_memory_bytes(k), empty_bytes);
    test_free(value);
    keyspace_free(k);
}

static void test_kv__digest_depends_on_content_alone(void **state)
{
    struct keyspace *one = keyspace_new(5);
    struct keyspace *other = keyspace_new(5);
    struct kv *a = keyspace_database(one, 0);
    struct kv *b = keyspace_database(other, 0);
    char text[320];

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        kv_set(a, key_of(i, text), slice_str("value"));
        kv_append(b, key_of(999 - i, text), slice_str("va"));
        kv_set(b, key_of(5000 + i, text), slice_str("gone"));
    }
    assert_true(kv_digest(a) != kv_digest(b));
    for (uint64_t i = 0; i < 1000; i++) {
        kv_set_range(b, key_of(i, text), 1, slice_str("alue"));
        kv_delete(b, key_of(5000 + i, text));
    }
    assert_true(kv_digest(a) == kv_digest(b));
    /* The digest must notice each of these. */
    kv_set(b, slice_str("k7"), slice_str("valuf"));
    assert_true(kv_digest(a) != kv_digest(b));
    kv_set(b, slice_str("k7"), slice_str("value"));
    assert_true(kv_digest(a) == kv_digest(b));
    kv_set(b, slice_str(""), slice_str(""));
    assert_true(kv_digest(a) != kv_digest(b));
    kv_delete(b, slice_str(""));
    kv_set(a, slice_str("k1"), slice_str("x"));
    kv_set(a, slice_str("k2"), slice_str("y"));
    kv_set(b, slice_str("k1"), slice_str("y"));
    kv_set(b, slice_str("k2"), slice_str("x"));
    assert_true(kv_digest(a) != kv_digest(b));
    keyspace_free(one);
    keyspace_free(other);
}

static void test_kv__keeps_keys_and_values_of_any_size(void **state)
{
    static const size_t sizes[] = {0, 1, 255, 256, 4096, 65535, 65536, 70000, 8 * 1024 * 1024};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    struct keyspace *k = keyspace_new(3);
    struct kv *kv = keyspace_database(k, 0);
    char *bytes = memory_take(sizes[SIZES - 1]);

    (void)state;
    memset(bytes, 'b', sizes[SIZES - 1]);
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t v = 0; v < SIZES; v++) {
            struct slice key = slice_of(bytes, sizes[i]);
            struct slice value;

            kv_set(kv, key, slice_of(bytes, sizes[v]));
            assert_true(kv_get(kv, key, &value));
            assert_true(slice_equal(value, slice_of(bytes, sizes[v])));
        }
    }
    assert_int_equal(kv_count(kv), SIZES);
    assert_true(kv_digest(kv) == kv_digest_recomputed(kv));
    free(bytes);
    keyspace_free(k);
}

/* A million appends of 16 bytes each: if each one copied or hashed the whole value, this would
 * take hours. */
static void test_kv__appends_without_going_over_the_value(void **state)
{
    enum { APPENDS = 1000000 };
    struct keyspace *k = keyspace_new(3);
    struct kv *kv = keyspace_database(k, 0);
    struct slice value;

    (void)state;
    for (size_t i = 1; i <= APPENDS; i++) {
        assert_int_equal(kv_append(kv, slice_str("k"), slice_str("0123456789abcdef")), 16 * i);
    }
    assert_true(kv_get(kv, slice_str("k"), &value));
    assert_int_equal(value.size, 16 * APPENDS);
    assert_memory_equal(value.data + 16 * (APPENDS - 1), "0123456789abcdef", 16);
    assert_true(kv_digest(kv) == kv_digest_recomputed(kv));
    assert_true(keyspace_memory_bytes(k) < 16 * APPENDS / 4 * 5 + 100000);
    /* A plain SET frees the spare room. */
    kv_set(kv, slice_str("k"), slice_str("v"));
    while (keyspace_tidy(k, 1)) {
    }
    assert_true(keyspace_memory_bytes(k) < 100000);
    keyspace_free(k);
}

/* A gap of any size is zero, whatever was in that memory before, and its digest is right though
 * hardly any of it is looked at. */
static void test_kv__fills_large_gaps_with_zeros(void **state)
{
    static const size_t gaps[] = {1, 4095, 4096, 4097, 100000, 1048576, 3000001, 20000003};
    struct keyspace *k = keyspace_new(3);
    struct kv *kv = keyspace_database(k, 0);
    struct slice value;

    (void)state;
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        char *dirt = memory_take(gaps[i] + 100000);

        memset(dirt, 'x', gaps[i] + 100000);
        kv_set(kv, slice_str("k"), slice_of(dirt, gaps[i] / 3));
        kv_set_range(kv, slice_str("k"), gaps[i] / 3 + gaps[i], slice_str("end"));
        free(dirt);
        assert_true(kv_get(kv, slice_str("k"), &value));
        assert_int_equal(value.size, gaps[i] / 3 + gaps[i] + 3);
        for (size_t at = 0; at < value.size - 3; at++) {
            if (value.data[at] != (at < gaps[i] / 3 ? 'x' : '\0')) {
                fail_msg("byte %zu of %zu is %d", at, value.size, value.data[at]);
            }
        }
        assert_memory_equal(value.data + value.size - 3, "end", 3);
        assert_true(kv_digest(kv) == kv_digest_recomputed(kv));
    }
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kv__agrees_with_a_model),
        cmocka_unit_test(test_kv__gives_memory_back),
        cmocka_unit_test(test_kv__frees_what_was_cleared_in_small_parts),
        cmocka_unit_test(test_kv__frees_large_values_later_and_one_at_a_time),
        cmocka_unit_test(test_kv__digest_depends_on_content_alone),
        cmocka_unit_test(test_kv__keeps_keys_and_values_of_any_size),
        cmocka_unit_test(test_kv__appends_without_going_over_the_value),
        cmocka_unit_test(test_kv__fills_large_gaps_with_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
