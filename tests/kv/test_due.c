/* What is due is found: each expired key, soon, once, whatever happened to it before; and it costs
 * little memory (I-223). */
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
#include "kv/due.h"
#include "kv/expiry.h"
#include "kv/hash_value.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "run_command.h"

enum { BATCH = 64, START_MS = 1000000 };

static struct keyspace *make(void)
{
    struct keyspace *k = keyspace_new(1);

    keyspace_advance_time(k, START_MS * 1000ull);
    return k;
}

static struct slice key_of(char *text, size_t size, uint32_t number)
{
    return slice_of(text, (size_t)snprintf(text, size, "key:%012u", (unsigned)number));
}

static void put(struct keyspace *k, uint32_t number, uint64_t expires_ms)
{
    char text[32];

    kv_put(keyspace_database(k, 0), key_of(text, sizeof text, number),
           (struct traits){.expires_ms = expires_ms}, slice_str("v"));
}

static void set_expiry(struct keyspace *k, uint32_t number, uint64_t expires_ms)
{
    char text[32];

    kv_set_expiry(keyspace_database(k, 0), key_of(text, sizeof text, number), expires_ms);
}

static void drop(struct keyspace *k, uint32_t number)
{
    char text[32];

    kv_delete(keyspace_database(k, 0), key_of(text, sizeof text, number));
}

/* As a leader and its log do. Returns how many keys were removed. */
static uint32_t expire_all(struct keyspace *k, uint64_t now_ms)
{
    struct slice keys[BATCH];
    uint32_t removed = 0;
    uint32_t count;

    do {
        while (keyspace_look_due(k, now_ms, 100)) {
        }
        count = keyspace_offer_due(k, 0, now_ms, keys, BATCH, UINT64_MAX);
        keyspace_advance_time(k, now_ms * 1000);
        for (uint32_t i = 0; i < count; i++) {
            keys[i].data = memory_copy(keys[i].data, keys[i].size);
        }
        for (uint32_t i = 0; i < count; i++) {
            removed += keyspace_remove_expired(k, 0, keys[i]) ? 1 : 0; /* One may come twice. */
            keyspace_remove_expired_fields(k, 0, keys[i], 3);
            free((void *)(uintptr_t)keys[i].data);
        }
        keyspace_reopen_due(k);
    } while (count > 0);
    return removed;
}

static void test_due__keys_are_found_at_their_millisecond(void **state)
{
    static const uint64_t after_ms[] = {0,     1,     2,       255,       256,        257,
                                        65535, 65536, 1000000, 123456789, 99999999999};
    struct keyspace *k = make();

    (void)state;
    for (uint32_t i = 0; i < sizeof after_ms / sizeof after_ms[0]; i++) {
        put(k, i, START_MS + after_ms[i]);
    }
    for (uint32_t i = 0; i < sizeof after_ms / sizeof after_ms[0]; i++) {
        uint64_t at_ms = START_MS + after_ms[i];

        assert_true(keyspace_next_due_ms(k) <= at_ms + 1);
        assert_int_equal(expire_all(k, at_ms), 0);
        assert_int_equal(expire_all(k, at_ms + 1), 1);
    }
    assert_int_equal(keyspace_count(k, 0), 0);
    assert_true(keyspace_next_due_ms(k) == UINT64_MAX);
    keyspace_free(k);
}

static void test_due__a_key_may_change_its_mind(void **state)
{
    struct keyspace *k = make();

    (void)state;
    put(k, 1, START_MS + 100);
    set_expiry(k, 1, START_MS + 100000); /* Later, */
    set_expiry(k, 1, START_MS + 50);     /* earlier, */
    set_expiry(k, 1, START_MS + 700);    /* later again; */
    put(k, 2, START_MS + 100);
    set_expiry(k, 2, 0); /* never, */
    put(k, 3, START_MS + 100);
    drop(k, 3);
    put(k, 3, START_MS + 300);
    put(k, 4, START_MS + 100);
    put(k, 4, 0);
    assert_int_equal(expire_all(k, START_MS + 299), 0);
    set_expiry(k, 2, START_MS + 900); /* and some time after all. */
    assert_int_equal(expire_all(k, START_MS + 301), 1);
    assert_int_equal(expire_all(k, START_MS + 700), 0);
    assert_int_equal(expire_all(k, START_MS + 701), 1);
    assert_int_equal(expire_all(k, START_MS + 901), 1);
    assert_int_equal(keyspace_count(k, 0), 1);
    assert_int_equal(expire_all(k, START_MS + 1000000), 0);
    assert_true(keyspace_next_due_ms(k) == UINT64_MAX);
    keyspace_free(k);
}

static void test_due__grown_values_keep_their_marks(void **state)
{
    struct keyspace *k = make();
    char text[32];

    (void)state;
    put(k, 1, START_MS + 100);
    set_expiry(k, 1, START_MS + 5000);
    kv_append(keyspace_database(k, 0), key_of(text, sizeof text, 1), slice_str("more"));
    assert_int_equal(expire_all(k, START_MS + 200), 0);
    assert_int_equal(expire_all(k, START_MS + 5001), 1);
    keyspace_free(k);
}

/* Against the truth: how many keys there are that have not expired. */
static void test_due__random_changes(void **state)
{
    enum { KEYS = 200, ROUNDS = 4000 };
    struct prng prng = {.state = 7};
    struct keyspace *k = make();
    uint64_t expires_ms[KEYS];
    bool is_there[KEYS] = {false};
    uint64_t now_ms = START_MS;

    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t i = (uint32_t)prng_below(&prng, KEYS);
        uint64_t at_ms = prng_chance(&prng, 1, 5)
                             ? 0
                             : now_ms + 1 + prng_below(&prng, 1ull << prng_below(&prng, 20));
        uint64_t chance = prng_below(&prng, 10);

        if (chance < 2) {
            drop(k, i);
            is_there[i] = false;
        } else if (chance < 6 || !is_there[i]) {
            put(k, i, at_ms);
            is_there[i] = true;
            expires_ms[i] = at_ms;
        } else {
            set_expiry(k, i, at_ms);
            expires_ms[i] = at_ms;
        }
        if (round % 10 == 0) {
            uint32_t live = 0;

            now_ms += prng_below(&prng, 1ull << prng_below(&prng, 16));
            for (uint32_t j = 0; j < KEYS; j++) {
                is_there[j] = is_there[j] && (expires_ms[j] == 0 || expires_ms[j] >= now_ms);
                live += is_there[j];
            }
            expire_all(k, now_ms);
            assert_int_equal(keyspace_count(k, 0), live);
        }
    }
    keyspace_free(k);
}

static void test_due__offers_are_bounded_and_made_again(void **state)
{
    struct keyspace *k = make();
    struct slice keys[BATCH];

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        put(k, i, START_MS + 5);
    }
    assert_true(keyspace_look_due(k, START_MS + 6, 100)); /* There is more than 100 steps do. */
    while (keyspace_look_due(k, START_MS + 6, 100)) {
    }
    assert_true(keyspace_offer_due(k, 0, START_MS + 6, keys, BATCH, 100) <= 10);
    for (uint32_t i = 0; i < 1000; i += 50) {
        assert_in_range(keyspace_offer_due(k, 0, START_MS + 6, keys, BATCH, 1000), 0, BATCH);
    }
    keyspace_reopen_due(k);
    assert_int_equal(keyspace_next_due_ms(k), 0);
    assert_int_equal(expire_all(k, START_MS + 6), 1000);
    keyspace_free(k);
}

static uint64_t expired_memory(uint64_t expires_ms, uint32_t count)
{
    struct keyspace *k = make();
    uint64_t bytes;

    for (uint32_t i = 0; i < count; i++) {
        put(k, i, expires_ms == 0 ? 0 : expires_ms + i * 3); /* Within an hour. */
    }
    bytes = keyspace_memory_bytes(k) - keyspace_item_bytes(k);
    keyspace_free(k);
    return bytes;
}

/* Besides the six bytes in its item. */
static void test_due__takes_six_bytes_a_key_at_most(void **state)
{
    enum { KEYS = 1000000 };
    uint64_t plain = expired_memory(0, KEYS);
    double bytes = (double)(expired_memory(START_MS + 1000, KEYS) - plain) / KEYS;

    (void)state;
    printf("bytes a key that expires, besides its item: %.2f\n", bytes);
    assert_true(bytes <= 6);
}

/* A lock is taken and given back again and again, and would expire in a day. */
static void test_due__marks_of_deleted_keys_do_not_pile_up(void **state)
{
    struct keyspace *k = make();
    uint64_t most = 0;

    (void)state;
    for (uint32_t i = 0; i < 100000; i++) {
        put(k, 1, START_MS + 86400000 + i);
        drop(k, 1);
        if (i % 10 == 0) {
            keyspace_look_due(k, START_MS + i / 10, 100);
            while (keyspace_tidy(k, 100)) {
            }
        }
        most = keyspace_memory_bytes(k) > most ? keyspace_memory_bytes(k) : most;
    }
    assert_true(most < 200000);
    put(k, 1, START_MS + 86400000);
    for (int i = 0; i < 100; i++) {
        keyspace_look_due(k, START_MS + 10000, 100);
    }
    assert_int_equal(expire_all(k, START_MS + 86400001), 1);
    keyspace_free(k);
}

static void test_due__is_forgotten_with_its_database(void **state)
{
    struct keyspace *k = make();

    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        put(k, i, START_MS + 5 + i);
    }
    keyspace_clear(k);
    assert_int_equal(keyspace_expiring_count(k, 0), 0);
    assert_true(keyspace_next_due_ms(k) == UINT64_MAX);
    assert_true(keyspace_cleared_bytes(k) > 50000);
    while (keyspace_tidy(k, 10)) {
    }
    assert_int_equal(keyspace_cleared_bytes(k), 0);
    put(k, 1, START_MS + 5);
    keyspace_swap(k, 0, 3);
    while (keyspace_look_due(k, START_MS + 6, 10)) {
    }

    struct slice keys[BATCH];

    assert_int_equal(keyspace_offer_due(k, 0, START_MS + 6, keys, BATCH, 1000), 0);
    assert_int_equal(keyspace_offer_due(k, 3, START_MS + 6, keys, BATCH, 1000), 1);
    keyspace_free(k);
}

/* --- fields of hashes ----------------------------------------------------------------------- */

static void run(struct keyspace *k, const char *line)
{
    struct buffer reply = {0};

    assert_true(run_line(k, 0, 2, line, &reply));
    assert_true(buffer_size(&reply) > 0 && *buffer_begin(&reply) != '-');
    buffer_deinit(&reply);
}

static void set_field(struct keyspace *k, uint32_t field)
{
    char line[64];

    snprintf(line, sizeof line, "HSET h f%u value", (unsigned)field);
    run(k, line);
}

static void expire_field(struct keyspace *k, uint32_t field, uint64_t at_ms)
{
    char line[96];

    snprintf(line, sizeof line, "HPEXPIREAT h %llu FIELDS 1 f%u", (unsigned long long)at_ms,
             (unsigned)field);
    run(k, line);
}

static void expire_hash(struct keyspace *k, uint64_t at_ms)
{
    kv_set_expiry(keyspace_database(k, 0), slice_str("h"), at_ms);
}

/* Those that take memory, hidden or not. */
static uint64_t count_fields(struct keyspace *k)
{
    struct slice value;

    return kv_get(keyspace_database(k, 0), slice_str("h"), &value) ? hash_value_count(value, 0) : 0;
}

static uint64_t fields_after(struct keyspace *k, uint64_t now_ms)
{
    expire_all(k, now_ms);
    assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
    return count_fields(k);
}

static void test_due__fields_are_found_at_their_millisecond(void **state)
{
    struct keyspace *k = make();

    (void)state;
    for (uint32_t i = 1; i <= 3; i++) {
        set_field(k, i);
    }
    assert_true(keyspace_next_due_ms(k) == UINT64_MAX);
    expire_field(k, 1, START_MS + 100);
    expire_field(k, 2, START_MS + 50); /* An earlier one, */
    assert_int_equal(fields_after(k, START_MS + 50), 3);
    assert_int_equal(fields_after(k, START_MS + 51), 2);
    expire_field(k, 1, START_MS + 500); /* which is put off. */
    assert_int_equal(fields_after(k, START_MS + 200), 2);
    assert_int_equal(fields_after(k, START_MS + 501), 1);
    assert_true(keyspace_next_due_ms(k) == UINT64_MAX);
    expire_field(k, 3, START_MS + 600);
    assert_int_equal(keyspace_expiring_count(k, 0), 0); /* The key itself does not expire. */
    assert_int_equal(fields_after(k, START_MS + 601), 0);
    assert_int_equal(keyspace_count(k, 0), 0); /* It goes with its last field. */
    keyspace_free(k);
}

static void test_due__a_hash_may_expire_before_its_fields_or_after(void **state)
{
    struct keyspace *k = make();

    (void)state;
    set_field(k, 1);
    set_field(k, 2);
    expire_field(k, 1, START_MS + 300);
    expire_hash(k, START_MS + 100);
    expire_hash(k, START_MS + 400);
    assert_int_equal(fields_after(k, START_MS + 200), 2);
    run(k, "RENAME h other");
    run(k, "COPY other h");
    assert_int_equal(fields_after(k, START_MS + 301), 1);
    run(k, "PERSIST h");
    assert_int_equal(expire_all(k, START_MS + 401), 1);
    assert_int_equal(count_fields(k), 1);
    keyspace_free(k);
}

/* Against the truth, as above; the hash becomes a large one. */
static void test_due__random_changes_of_fields(void **state)
{
    enum { FIELDS = 120, ROUNDS = 6000 };
    struct prng prng = {.state = 9};
    struct keyspace *k = make();
    uint64_t expires_ms[FIELDS] = {0};
    bool is_there[FIELDS] = {false};
    uint64_t now_ms = START_MS;

    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t i = (uint32_t)prng_below(&prng, FIELDS);
        uint64_t chance = prng_below(&prng, 10);

        if (chance < 3 || !is_there[i]) {
            set_field(k, i);
            is_there[i] = true;
            expires_ms[i] = 0;
        } else if (chance < 9) {
            expires_ms[i] = now_ms + 1 + prng_below(&prng, 1ull << prng_below(&prng, 20));
            expire_field(k, i, expires_ms[i]);
        } else {
            char line[32];

            snprintf(line, sizeof line, "HDEL h f%u", (unsigned)i);
            run(k, line);
            is_there[i] = false;
        }
        if (round % 10 == 0) {
            uint32_t live = 0;

            now_ms += prng_below(&prng, 1ull << prng_below(&prng, 14));
            for (uint32_t j = 0; j < FIELDS; j++) {
                is_there[j] = is_there[j] && (expires_ms[j] == 0 || expires_ms[j] >= now_ms);
                live += is_there[j];
            }
            assert_int_equal(fields_after(k, now_ms), live);
        }
    }
    keyspace_free(k);
}

static void test_due__marks_of_changed_fields_do_not_pile_up(void **state)
{
    struct keyspace *k = make();
    uint64_t most = 0;

    (void)state;
    set_field(k, 1);
    for (uint32_t i = 0; i < 20000; i++) {
        expire_field(k, 1, START_MS + 86400000 + i % 2 * 1000);
        keyspace_look_due(k, START_MS + i / 10, 100);
        while (keyspace_tidy(k, 100)) {
        }
        most = keyspace_memory_bytes(k) > most ? keyspace_memory_bytes(k) : most;
    }
    assert_true(most < 200000);
    assert_int_equal(fields_after(k, START_MS + 86402000), 0);
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due__keys_are_found_at_their_millisecond),
        cmocka_unit_test(test_due__a_key_may_change_its_mind),
        cmocka_unit_test(test_due__grown_values_keep_their_marks),
        cmocka_unit_test(test_due__random_changes),
        cmocka_unit_test(test_due__offers_are_bounded_and_made_again),
        cmocka_unit_test(test_due__takes_six_bytes_a_key_at_most),
        cmocka_unit_test(test_due__marks_of_deleted_keys_do_not_pile_up),
        cmocka_unit_test(test_due__is_forgotten_with_its_database),
        cmocka_unit_test(test_due__fields_are_found_at_their_millisecond),
        cmocka_unit_test(test_due__a_hash_may_expire_before_its_fields_or_after),
        cmocka_unit_test(test_due__random_changes_of_fields),
        cmocka_unit_test(test_due__marks_of_changed_fields_do_not_pile_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
