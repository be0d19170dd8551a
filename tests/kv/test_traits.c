/* Types and expiry of keys: by log time alone, kept by each change that does not set a new value,
 * in digests and in snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/prng.h"
#include "expect_command.h"
#include "kv/event.h"
#include "kv/kv.h"
#include "kv/load.h"
#include "kv/sum.h"
#include "kv/walk.h"

enum { KEYS = 60, LARGE_BYTES = 100 * 1000 };

static const struct traits hash = {.type = VALUE_HASH};

static void set_now(struct keyspace *k, uint64_t now_ms)
{
    keyspace_advance_time(k, now_ms * 1000);
}

/* --- expiry --------------------------------------------------------------------------------- */

static void put_expiring(struct keyspace *k, const char *key, const char *value, uint64_t at_ms)
{
    kv_put(keyspace_database(k, 0), slice_str(key), (struct traits){.expires_ms = at_ms},
           slice_str(value));
}

static void test_expiry__begins_after_the_millisecond_and_never_ends(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct kv *kv = keyspace_database(k, 0);
    struct slice value;

    (void)state;
    put_expiring(k, "k", "v", 1000);
    set_now(k, 1000);
    assert_true(kv_get(kv, slice_str("k"), &value));
    keyspace_advance_time(k, 1000999);
    assert_true(kv_get(kv, slice_str("k"), &value));
    set_now(k, 1001);
    assert_false(kv_get(kv, slice_str("k"), &value));
    set_now(k, 900); /* Time never runs backwards. */
    assert_false(kv_get(kv, slice_str("k"), &value));
    keyspace_free(k);
}

static void test_expiry__hides_a_key_from_every_command(void **state)
{
    static const struct {
        const char *line, *reply;
    } commands[] = {
        {"GET k", "$-1\r\n"},
        {"EXISTS k", ":0\r\n"},
        {"STRLEN k", ":0\r\n"},
        {"TYPE k", "+none\r\n"},
        {"MGET k", "*1\r\n$-1\r\n"},
        {"KEYS *", "*0\r\n"},
        {"SCAN 0", "*2\r\n$1\r\n0\r\n*0\r\n"},
        {"RANDOMKEY", "$-1\r\n"},
        {"DEL k", ":0\r\n"},
        {"SETNX k n", ":1\r\n"},
        {"APPEND k n", ":1\r\n"},
        {"INCR k", ":1\r\n"},
        {"SETRANGE k 1 n", ":2\r\n"},
        {"GETSET k n", "$-1\r\n"},
        {"SET k n XX", "$-1\r\n"},
        {"SET k n NX", "+OK\r\n"},
        {"MOVE k 1", ":0\r\n"},
        {"MSETNX k n", ":1\r\n"},
        {"GETDEL k", "$-1\r\n"},
        {"SETBIT k 0 1", ":0\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct keyspace *k = keyspace_new(1);

        put_expiring(k, "k", "12", 1000);
        set_now(k, 1001);
        expect(k, commands[i].line, commands[i].reply);
        assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
        keyspace_free(k);
    }
}

static uint64_t expiry_of(struct keyspace *k, const char *key)
{
    struct kv_value value;

    assert_true(kv_find(keyspace_database(k, 0), slice_str(key), &value));
    return value.traits.expires_ms;
}

static void test_expiry__stays_with_changes_and_goes_with_a_new_value(void **state)
{
    static const char *const keeping[] = {"APPEND k 1", "SETRANGE k 0 9", "INCR k", "DECRBY k 2",
                                          "SETBIT k 1 0"};
    static const char *const dropping[] = {"SET k v", "GETSET k v", "MSET k v"};

    (void)state;
    for (size_t i = 0; i < sizeof keeping / sizeof keeping[0]; i++) {
        struct keyspace *k = keyspace_new(1);
        struct buffer out = {0};

        put_expiring(k, "k", "12", 1000);
        assert_true(run_line(k, 0, 2, keeping[i], &out));
        assert_int_equal(expiry_of(k, "k"), 1000);
        buffer_deinit(&out);
        keyspace_free(k);
    }
    for (size_t i = 0; i < sizeof dropping / sizeof dropping[0]; i++) {
        struct keyspace *k = keyspace_new(1);
        struct buffer out = {0};

        put_expiring(k, "k", "12", 1000);
        assert_true(run_line(k, 0, 2, dropping[i], &out));
        assert_int_equal(expiry_of(k, "k"), 0);
        buffer_deinit(&out);
        keyspace_free(k);
    }
}

/* --- types ---------------------------------------------------------------------------------- */

static void test_type__other_than_a_string_is_refused(void **state)
{
    static const char *const lines[] = {
        "GET k",  "GETSET k v", "GETDEL k",     "STRLEN k",       "APPEND k v", "SETRANGE k 0 v",
        "INCR k", "GETBIT k 0", "SETBIT k 0 1", "GETRANGE k 0 1", "SET k v GET"};
    struct keyspace *k = keyspace_new(1);

    (void)state;
    kv_put(keyspace_database(k, 0), slice_str("k"), hash, slice_of("\1\0\1\1nv", 6));
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        expect(k, lines[i],
               "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    }
    expect(k, "MGET k", "*1\r\n$-1\r\n");
    expect(k, "TYPE k", "+hash\r\n");
    expect(k, "SCAN 0 TYPE hash", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n");
    expect(k, "SCAN 0 TYPE string", "*2\r\n$1\r\n0\r\n*0\r\n");
    expect(k, "SETNX k v", ":0\r\n");
    expect(k, "SET k v", "+OK\r\n");
    expect(k, "GET k", "$1\r\nv\r\n");
    keyspace_free(k);
}

/* --- digests and snapshots -------------------------------------------------------------------- */

static void test_digest__notices_type_and_expiry(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct kv *kv = keyspace_database(k, 0);
    uint64_t digests[4];

    (void)state;
    kv_put(kv, slice_str("k"), (struct traits){0}, slice_of("\1\0\1\1nv", 6));
    digests[0] = keyspace_digest(k);
    kv_put(kv, slice_str("k"), hash, slice_of("\1\0\1\1nv", 6));
    digests[1] = keyspace_digest(k);
    assert_true(kv_set_expiry(kv, slice_str("k"), 5000));
    digests[2] = keyspace_digest(k);
    assert_true(kv_set_expiry(kv, slice_str("k"), 5001));
    digests[3] = keyspace_digest(k);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < i; j++) {
            assert_true(digests[i] != digests[j]);
        }
    }
    assert_true(kv_set_expiry(kv, slice_str("k"), 0));
    assert_true(keyspace_digest(k) == digests[1]);
    keyspace_free(k);
}

static void change_any(struct keyspace *k, struct prng *prng, char *large)
{
    struct kv *kv = keyspace_database(k, (uint32_t)prng_below(prng, 2));
    char text[16];
    struct slice key =
        slice_of(text, (size_t)sprintf(text, "k%u", (unsigned)prng_below(prng, KEYS)));
    uint64_t now_ms = keyspace_now_ms(k);
    uint64_t expires_ms = prng_chance(prng, 1, 2) ? 0 : now_ms + prng_below(prng, 300);
    bool is_hash = prng_chance(prng, 1, 2);
    struct traits traits = {is_hash ? VALUE_HASH : VALUE_STRING, expires_ms};
    size_t size = prng_chance(prng, 1, 10) ? LARGE_BYTES : prng_below(prng, 400);
    struct slice value = is_hash ? slice_of("\1\0\1\1nv", 6) : slice_of(large, size);
    struct kv_value old = {.traits = {0}};

    switch (prng_below(prng, 6)) {
    case 0:
        kv_set(kv, key, slice_of(large, size));
        break;
    case 1:
        kv_put(kv, key, traits, value);
        break;
    case 2:
        kv_set_expiry(kv, key, expires_ms);
        break;
    case 3:
        if (!kv_find(kv, key, &old) || old.traits.type == VALUE_STRING) {
            kv_set_range(kv, key, prng_below(prng, 300), slice_of(large, prng_below(prng, 50)));
        }
        break;
    case 4:
        if (!kv_find(kv, key, &old) || old.traits.type == VALUE_STRING) {
            kv_replace(kv, key, slice_of(large, size));
        }
        break;
    default:
        kv_delete(kv, key);
    }
    if (prng_chance(prng, 1, 4)) {
        set_now(k, now_ms + prng_below(prng, 20));
    }
}

/* What a walk writes is the state of the instant when it began, whatever has changed since. */
static void test_snapshot__holds_types_and_expiry(void **state)
{
    char *large = memory_take_zeroed(1, LARGE_BYTES);
    struct prng prng = {7};

    (void)state;
    for (int round = 0; round < 30; round++) {
        struct keyspace *k = keyspace_new(3);
        struct keyspace *loaded = keyspace_new(3);
        struct keyspace_loader *loader = keyspace_loader_new(loaded);
        struct keyspace_sum *sum = keyspace_sum_new(k);
        struct buffer out = {0};

        set_now(k, 1000);
        for (int i = 0; i < 500; i++) {
            change_any(k, &prng, large);
        }
        assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));

        uint64_t digest = keyspace_digest(k);

        keyspace_walk_begin(k, &out);
        do {
            change_any(k, &prng, large);
        } while (!keyspace_walk_step(k, 2000));
        keyspace_walk_end(k);
        assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
        assert_true(keyspace_sum_take(sum, buffer_slice(&out)));
        assert_true(keyspace_sum_is(sum, digest));
        assert_true(keyspace_loader_take(loader, buffer_slice(&out)));
        assert_true(keyspace_loader_finish(loader));
        assert_true(keyspace_digest(loaded) == digest);
        assert_true(keyspace_digest_recomputed(loaded) == digest);
        keyspace_loader_free(loader);
        keyspace_sum_free(sum);
        buffer_deinit(&out);
        keyspace_free(loaded);
        keyspace_free(k);
    }
    free(large);
}

/* --- what commands keep for themselves ----------------------------------------------------- */

static void test_flush__leaves_what_commands_keep(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct slice value;

    (void)state;
    kv_set(keyspace_database(k, KEYSPACE_SCRIPTS), slice_str("k"), slice_str("v"));
    expect(k, "FLUSHALL", "+OK\r\n");
    assert_true(kv_get(keyspace_database(k, KEYSPACE_SCRIPTS), slice_str("k"), &value));
    keyspace_free(k);
}

/* --- events --------------------------------------------------------------------------------- */

static void note_event(void *context, const struct key_event *e)
{
    buffer_printf(context, "%u:%s:%.*s ", (unsigned)e->database, e->name, (int)e->key.size,
                  e->key.data);
}

static void note_replaced(void *context, uint32_t database)
{
    buffer_printf(context, "%u:replaced ", (unsigned)database);
}

static void test_events__come_in_the_order_of_changes(void **state)
{
    static const char *const lines[] = {
        "SET a 1",      "APPEND a 2", "INCR a",  "SETRANGE a 0 1", "SETBIT a 0 1",
        "MSET b 1 c 2", "GETDEL b",   "DEL c d", "MOVE a 1",       "SETNX e 1",
        "SETNX e 2",    "SWAPDB 0 1", "FLUSHDB"};
    struct buffer seen = {0};
    struct keyspace_observer observer = {
        .context = &seen, .changed = note_event, .replaced = note_replaced};
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keyspace_observe(k, &observer);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct buffer out = {0};

        assert_true(run_line(k, 0, 2, lines[i], &out));
        buffer_deinit(&out);
    }
    put_expiring(k, "x", "1", 1000);
    set_now(k, 1001);
    expect(k, "SETNX x 1", ":1\r\n");
    buffer_append(&seen, "", 1);
    assert_string_equal(buffer_begin(&seen),
                        "0:set:a 0:append:a 0:incrby:a 0:setrange:a 0:setbit:a 0:set:b 0:set:c "
                        "0:del:b 0:del:c 0:move_from:a 1:move_to:a 0:set:e 0:replaced 1:replaced "
                        "0:replaced 0:expired:x 0:set:x ");
    buffer_deinit(&seen);
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expiry__begins_after_the_millisecond_and_never_ends),
        cmocka_unit_test(test_expiry__hides_a_key_from_every_command),
        cmocka_unit_test(test_expiry__stays_with_changes_and_goes_with_a_new_value),
        cmocka_unit_test(test_type__other_than_a_string_is_refused),
        cmocka_unit_test(test_digest__notices_type_and_expiry),
        cmocka_unit_test(test_snapshot__holds_types_and_expiry),
        cmocka_unit_test(test_flush__leaves_what_commands_keep),
        cmocka_unit_test(test_events__come_in_the_order_of_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
