/* SCAN's promise: keys that exist throughout are returned, exactly once, whatever happens to the
 * table in between; and a cursor means the same on every node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/prng.h"
#include "kv/keyspace.h"
#include "kv/kv.h"

enum { KEYS = 20000 }; /* The keys that a test may use are numbers as text. */

struct seen {
    uint32_t times[KEYS];
    uint64_t count;
};

static struct slice key_of(uint64_t number, char *text)
{
    return slice_of(text, (size_t)sprintf(text, "%lu", number));
}

static void see(void *context, struct slice key, const struct kv_value *value)
{
    struct seen *seen = context;
    char text[24];

    assert_true(slice_equal(value->bytes, slice_str("v")));
    assert_true(key.size < sizeof text);
    memcpy(text, key.data, key.size);
    text[key.size] = '\0';
    seen->times[strtoul(text, NULL, 10)]++;
    seen->count++;
}

static void put(struct kv *kv, uint64_t first, uint64_t end)
{
    char text[24];

    for (uint64_t i = first; i < end; i++) {
        kv_set(kv, key_of(i, text), slice_str("v"));
    }
}

static void drop(struct kv *kv, uint64_t first, uint64_t end)
{
    char text[24];

    for (uint64_t i = first; i < end; i++) {
        kv_delete(kv, key_of(i, text));
    }
}

static void test_scan__gives_every_key_once(void **state)
{
    struct seen *seen = memory_take(sizeof *seen);

    (void)state;
    for (uint64_t count = 0; count < 300; count += count < 40 ? 1 : 37) {
        for (uint64_t step = 1; step < 400; step *= 7) {
            struct keyspace *k = keyspace_new(count);
            struct kv *kv = keyspace_database(k, 0);
            uint64_t cursor = 0;

            memset(seen, 0, sizeof *seen);
            put(kv, 0, count);
            do {
                uint64_t before = seen->count;

                cursor = kv_scan(kv, cursor, step, see, seen);
                assert_true(cursor < 1ull << 48);
                assert_true(cursor == 0 || seen->count - before >= step);
            } while (cursor != 0);
            assert_int_equal(seen->count, count);
            for (uint64_t i = 0; i < count; i++) {
                assert_int_equal(seen->times[i], 1);
            }
            keyspace_free(k);
        }
    }
    free(seen);
}

/* What may happen between two calls of SCAN. The first thousand keys stay. */
static void change(struct kv *kv, struct prng *prng)
{
    uint64_t first = prng_between(prng, 1000, KEYS - 1);
    uint64_t most = prng_chance(prng, 1, 8) ? KEYS : 300;
    uint64_t end = first + prng_below(prng, most);

    end = end > KEYS ? KEYS : end;
    if (prng_chance(prng, 1, 2)) {
        put(kv, first, end);
    } else {
        drop(kv, first, end);
    }
}

static void test_scan__misses_nothing_while_the_table_grows_and_shrinks(void **state)
{
    struct seen *seen = memory_take(sizeof *seen);

    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct prng prng = {seed};
        struct keyspace *k = keyspace_new(seed);
        struct kv *kv = keyspace_database(k, 0);
        uint64_t cursor = 0;
        uint64_t step = prng_between(&prng, 1, 60);

        memset(seen, 0, sizeof *seen);
        put(kv, 0, 1000);
        if (seed % 2 == 0) {
            put(kv, 1000, KEYS); /* Begin with a large table, or with a small one. */
        }
        do {
            cursor = kv_scan(kv, cursor, step, see, seen);
            change(kv, &prng);
        } while (cursor != 0);
        for (uint64_t i = 0; i < KEYS; i++) {
            assert_true(i < 1000 ? seen->times[i] == 1 : seen->times[i] <= 1);
        }
        keyspace_free(k);
    }
    free(seen);
}

/* Two nodes with the same keys but different histories: one table has been large. */
static void test_scan__continues_on_another_node(void **state)
{
    struct seen *seen = memory_take(sizeof *seen);
    struct keyspace *keyspaces[] = {keyspace_new(7), keyspace_new(7)};
    struct kv *nodes[] = {keyspace_database(keyspaces[0], 0), keyspace_database(keyspaces[1], 0)};
    uint64_t cursor = 0;
    uint64_t calls = 0;

    (void)state;
    memset(seen, 0, sizeof *seen);
    put(nodes[0], 0, 5000);
    put(nodes[1], 0, KEYS);
    drop(nodes[1], 5000, KEYS);
    do {
        cursor = kv_scan(nodes[calls % 2], cursor, 11, see, seen);
        calls++;
    } while (cursor != 0);
    assert_true(calls > 100);
    assert_int_equal(seen->count, 5000);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_int_equal(seen->times[i], 1);
    }
    keyspace_free(keyspaces[0]);
    keyspace_free(keyspaces[1]);
    free(seen);
}

struct order {
    char keys[4000][8];
    uint64_t count;
};

static void note_order(void *context, struct slice key, const struct kv_value *value)
{
    struct order *order = context;

    (void)value;
    memset(order->keys[order->count], 0, sizeof order->keys[0]);
    memcpy(order->keys[order->count], key.data, key.size);
    order->count++;
}

static void test_scan__gives_the_same_order_after_the_same_history(void **state)
{
    struct order *orders = memory_take_zeroed(2, sizeof *orders);

    (void)state;
    for (int node = 0; node < 2; node++) {
        struct keyspace *k = keyspace_new(7);
        struct kv *kv = keyspace_database(k, 0);

        put(kv, 0, 9000);
        drop(kv, 3000, 8000);
        put(kv, 2000, 2500);
        kv_scan(kv, 0, UINT64_MAX, note_order, &orders[node]);
        keyspace_free(k);
    }
    assert_int_equal(orders[0].count, 4000);
    assert_memory_equal(&orders[0], &orders[1], sizeof orders[0]);
    free(orders);
}

static void test_scan__takes_any_number_as_a_cursor(void **state)
{
    struct seen *seen = memory_take_zeroed(1, sizeof *seen);
    struct keyspace *k = keyspace_new(7);
    struct kv *kv = keyspace_database(k, 0);
    struct prng prng = {3};

    (void)state;
    put(kv, 0, 1000);
    for (int i = 0; i < 10000; i++) {
        uint64_t cursor = prng_next(&prng) >> prng_below(&prng, 64);
        uint64_t next = kv_scan(kv, cursor, 5, see, seen);

        assert_true(next == 0 || next > cursor);
    }
    assert_int_equal(kv_scan(kv, UINT64_MAX, 5, see, seen), 0);
    assert_int_equal(kv_scan(kv, 1ull << 48, 5, see, seen), 0);
    keyspace_free(k);
    free(seen);
}

static void test_scan__picks_every_key_at_some_time(void **state)
{
    struct keyspace *k = keyspace_new(7);
    struct kv *kv = keyspace_database(k, 0);
    struct seen *seen = memory_take_zeroed(1, sizeof *seen);
    struct slice key;

    (void)state;
    assert_false(kv_pick(kv, 5, &key));
    put(kv, 0, 100);
    for (int i = 0; i < 20000; i++) {
        assert_true(kv_pick(kv, kv_chance(kv), &key));
        see(seen, key, &(struct kv_value){.bytes = slice_str("v")});
    }
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(seen->times[i] > 20);
    }
    keyspace_free(k);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan__gives_every_key_once),
        cmocka_unit_test(test_scan__misses_nothing_while_the_table_grows_and_shrinks),
        cmocka_unit_test(test_scan__continues_on_another_node),
        cmocka_unit_test(test_scan__gives_the_same_order_after_the_same_history),
        cmocka_unit_test(test_scan__takes_any_number_as_a_cursor),
        cmocka_unit_test(test_scan__picks_every_key_at_some_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
