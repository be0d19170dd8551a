/* RENAME, RENAMENX, COPY: the value goes with its type and its expiry, also while a snapshot is
 * written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/prng.h"
#include "kv/call.h"
#include "kv/event.h"
#include "kv/kv.h"
#include "kv/load.h"
#include "kv/walk.h"
#include "run_command.h"

enum { LARGE_BYTES = 300 * 1000 };

#define NO_SUCH_KEY "-ERR no such key\r\n"

static void expect(struct keyspace *k, const char *line, const char *reply)
{
    struct buffer out = {0};

    assert_true(run_line(k, 0, 2, line, &out));
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    buffer_deinit(&out);
    assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
}

static void put(struct keyspace *k, const char *key, uint8_t type, uint64_t expires_ms)
{
    kv_put(keyspace_database(k, 0), slice_str(key), (struct traits){type, expires_ms},
           type == VALUE_HASH ? slice_of("\1\0\1\1nv", 6) : slice_str("v"));
}

static void expect_traits(struct keyspace *k, uint32_t database, const char *key, uint8_t type,
                          uint64_t expires_ms)
{
    struct kv_value value;

    assert_true(kv_find(keyspace_database(k, database), slice_str(key), &value));
    assert_int_equal(value.traits.type, type);
    assert_int_equal(value.traits.expires_ms, expires_ms);
}

static void test_rename__replaces_and_needs_a_key(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "RENAME a b", NO_SUCH_KEY);
    expect(k, "RENAMENX a a", NO_SUCH_KEY);
    expect(k, "MSET a 1 b 2", "+OK\r\n");
    expect(k, "RENAME a a", "+OK\r\n");
    expect(k, "RENAMENX a a", ":0\r\n");
    expect(k, "RENAMENX a b", ":0\r\n");
    expect(k, "RENAME a b", "+OK\r\n");
    expect(k, "MGET a b", "*2\r\n$-1\r\n$1\r\n1\r\n");
    expect(k, "RENAMENX b c", ":1\r\n");
    expect(k, "RENAME c \"\"", "+OK\r\n");
    expect(k, "GET \"\"", "$1\r\n1\r\n");
    expect(k, "DBSIZE", ":1\r\n");
    keyspace_free(k);
}

static void test_rename__takes_type_and_expiry_along(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    put(k, "a", VALUE_HASH, 5000);
    put(k, "b", VALUE_STRING, 7000);
    expect(k, "RENAME a b", "+OK\r\n");
    expect_traits(k, 0, "b", VALUE_HASH, 5000);
    put(k, "c", VALUE_STRING, 0);
    expect(k, "RENAME c b", "+OK\r\n");
    expect_traits(k, 0, "b", VALUE_STRING, 0);
    keyspace_free(k);
}

static void test_rename__and_copy_see_no_expired_key(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    put(k, "a", VALUE_STRING, 1000);
    put(k, "b", VALUE_STRING, 1000);
    put(k, "c", VALUE_STRING, 0);
    put(k, "d", VALUE_STRING, 0);
    keyspace_advance_time(k, 1001 * 1000);
    expect(k, "COPY a e", ":0\r\n");
    expect(k, "RENAME a e", NO_SUCH_KEY);
    expect(k, "COPY c a", ":1\r\n");
    expect(k, "RENAMENX d b", ":1\r\n");
    expect_traits(k, 0, "a", VALUE_STRING, 0);
    expect_traits(k, 0, "b", VALUE_STRING, 0);
    keyspace_free(k);
}

static void test_copy__is_a_value_of_its_own(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "COPY a b", ":0\r\n");
    expect(k, "SET a 1", "+OK\r\n");
    expect(k, "COPY a a", "-ERR source and destination objects are the same\r\n");
    expect(k, "COPY a b", ":1\r\n");
    expect(k, "APPEND a 2", ":2\r\n");
    expect(k, "COPY a b", ":0\r\n");
    expect(k, "MGET a b", "*2\r\n$2\r\n12\r\n$1\r\n1\r\n");
    expect(k, "COPY a b replace", ":1\r\n");
    expect(k, "GET b", "$2\r\n12\r\n");
    expect(k, "COPY a a DB 3", ":1\r\n");
    expect(k, "COPY a b DB 3 REPLACE", ":1\r\n");
    assert_int_equal(keyspace_count(k, 3), 2);
    expect(k, "COPY a b DB", "-ERR syntax error\r\n");
    expect(k, "COPY a b DB x", "-ERR value is not an integer or out of range\r\n");
    expect(k, "COPY a b DB 16", "-ERR DB index is out of range\r\n");
    put(k, "h", VALUE_HASH, 5000);
    expect(k, "COPY h i DB 3", ":1\r\n");
    expect_traits(k, 3, "i", VALUE_HASH, 5000);
    expect_traits(k, 0, "h", VALUE_HASH, 5000);
    keyspace_free(k);
}

static void test_copy__of_a_huge_value_is_refused(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct kv *kv = keyspace_database(k, 0);

    (void)state;
    kv_set_range(kv, slice_str("a"), CALL_VALUE_BYTES_MAX, slice_str("x"));
    expect(k, "COPY a b",
           "-ERR the value is larger than 67108864 bytes, and this command would hold up "
           "everybody: read and write it in parts, by GETRANGE and APPEND\r\n");
    expect(k, "RENAME a b", "+OK\r\n");
    expect(k, "STRLEN b", ":67108865\r\n");
    keyspace_free(k);
}

static void note_event(void *context, const struct key_event *e)
{
    buffer_printf(context, "%u:%s:%.*s ", (unsigned)e->database, e->name, (int)e->key.size,
                  e->key.data);
}

static void test_events__name_both_keys(void **state)
{
    static const char *const lines[] = {"SET a 1",      "RENAME a a",     "RENAME a b",
                                        "RENAMENX b c", "COPY c d",       "COPY c c DB 2",
                                        "COPY c d",     "SORT no STORE d"};
    struct buffer seen = {0};
    struct keyspace_observer observer = {.context = &seen, .changed = note_event};
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keyspace_observe(k, &observer);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct buffer out = {0};

        assert_true(run_line(k, 0, 2, lines[i], &out));
        buffer_deinit(&out);
    }
    buffer_append(&seen, "", 1);
    assert_string_equal(buffer_begin(&seen),
                        "0:set:a 0:rename_from:a 0:rename_to:b 0:rename_from:b 0:rename_to:c "
                        "0:copy_to:d 2:copy_to:c 0:del:d ");
    buffer_deinit(&seen);
    keyspace_free(k);
}

/* Keys of all lengths, values of all sizes, grown or not, expiring or not. */
static void change_any(struct keyspace *k, struct prng *prng, const char *large)
{
    char names[2][400];
    struct slice keys[2];
    struct kv *kv = keyspace_database(k, 0);
    size_t size = prng_chance(prng, 1, 6) ? LARGE_BYTES : prng_below(prng, 300);

    for (int i = 0; i < 2; i++) {
        int width = prng_chance(prng, 1, 2) ? 3 : 300;

        keys[i] = slice_of(names[i], (size_t)snprintf(names[i], sizeof names[i], "%0*u", width,
                                                      (unsigned)prng_below(prng, 12)));
    }
    switch (prng_below(prng, 5)) {
    case 0:
        kv_put(kv, keys[0], (struct traits){0, prng_below(prng, 2) * 9000}, slice_of(large, size));
        break;
    case 1:
        kv_set_range(kv, keys[0], prng_below(prng, 400), slice_of(large, 40));
        break;
    case 2:
        if (!slice_equal(keys[0], keys[1])) {
            kv_copy(kv, keys[0], kv, keys[1]);
        }
        break;
    default:
        if (!slice_equal(keys[0], keys[1])) {
            kv_rename(kv, keys[0], keys[1]);
        }
    }
    keyspace_tidy(k, 1);
}

static void test_rename__leaves_a_snapshot_as_it_was(void **state)
{
    char *large = memory_take_zeroed(1, LARGE_BYTES);
    struct prng prng = {11};

    (void)state;
    for (int i = 0; i < LARGE_BYTES; i++) {
        large[i] = (char)i;
    }
    for (int round = 0; round < 40; round++) {
        struct keyspace *k = keyspace_new(3);
        struct keyspace *loaded = keyspace_new(3);
        struct keyspace_loader *loader = keyspace_loader_new(loaded);
        struct buffer out = {0};

        for (int i = 0; i < 60; i++) {
            change_any(k, &prng, large);
        }

        uint64_t digest = keyspace_digest(k);

        assert_true(digest == keyspace_digest_recomputed(k));
        keyspace_walk_begin(k, &out);
        do {
            change_any(k, &prng, large);
        } while (!keyspace_walk_step(k, 5000));
        keyspace_walk_end(k);
        assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
        assert_true(keyspace_loader_take(loader, buffer_slice(&out)));
        assert_true(keyspace_loader_finish(loader));
        assert_true(keyspace_digest_recomputed(loaded) == digest);
        keyspace_loader_free(loader);
        buffer_deinit(&out);
        keyspace_free(loaded);
        keyspace_free(k);
    }
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rename__replaces_and_needs_a_key),
        cmocka_unit_test(test_rename__takes_type_and_expiry_along),
        cmocka_unit_test(test_rename__and_copy_see_no_expired_key),
        cmocka_unit_test(test_copy__is_a_value_of_its_own),
        cmocka_unit_test(test_copy__of_a_huge_value_is_refused),
        cmocka_unit_test(test_events__name_both_keys),
        cmocka_unit_test(test_rename__leaves_a_snapshot_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
