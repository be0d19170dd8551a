/* DUMP and RESTORE: Redis's bytes, both ways; what is malformed is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc64.h"
#include "base/memory.h"
#include "base/prng.h"
#include "expect_command.h"
#include "hex.h"
#include "kv/call.h"
#include "kv/event.h"
#include "kv/rdb.h"

enum { DUMP_BYTES_MAX = 400, VALUE_BYTES_MAX = 400 };

#define WRONG_FOOTER "-ERR DUMP payload version or checksum are wrong\r\n"
#define BAD_FORMAT   "-ERR Bad data format\r\n"
#define BUSY         "-BUSYKEY Target key name already exists.\r\n"

static void expect_restored(struct keyspace *k, struct slice dump, const char *options,
                            const char *reply)
{
    const struct slice arguments[] = {slice_str("RESTORE"), slice_str("k"), slice_str("0"), dump,
                                      slice_str(options)};
    struct buffer out = {0};

    assert_true(run_arguments(k, 0, 2, options[0] == '\0' ? 4 : 5, arguments, &out));
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    buffer_deinit(&out);
}

static void expect_dump(struct keyspace *k, struct slice dump)
{
    const struct slice arguments[] = {slice_str("DUMP"), slice_str("k")};
    struct buffer out = {0};
    struct buffer expected = {0};

    buffer_printf(&expected, "$%zu\r\n", dump.size);
    buffer_append_slice(&expected, dump);
    buffer_append(&expected, "\r\n", 2);
    assert_true(run_arguments(k, 0, 2, 2, arguments, &out));
    assert_int_equal(buffer_size(&out), buffer_size(&expected));
    assert_memory_equal(buffer_begin(&out), buffer_begin(&expected), buffer_size(&out));
    buffer_deinit(&out);
    buffer_deinit(&expected);
}

static void test_crc64__is_that_of_jones(void **state)
{
    (void)state;
    assert_true(crc64("123456789", 9) == 0xe9c6d914c4b8d9cau);
    assert_true(crc64("", 0) == 0);
}

/* As Redis 7.0.15 has dumped them. Those with `is_ours` are dumped by Rakit in the same way. */
static const struct {
    const char *hex, *value;
    bool is_ours;
} dumps[] = {
    {"00c0010a002678e7b6d10111fc", "1", true},
    {"00c17fff0a001760822854808480", "-129", true},
    {"00c2701101000a0001a408fe953095a5", "70000", true},
    {"000b31323334353637383930310a00304e52d727176510", "12345678901", true},
    {"000568656c6c6f0a006372df766534200a", "hello", true},
    {"00000a005d9b5c400f7fa2da", "", true},
    {"00c3094064016161e057000161610a00e8a3b507b06df271",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaa"
     "aa",
     false},
};

static void test_dump__has_the_bytes_of_redis(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct slice value;
    char bytes[DUMP_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof dumps / sizeof dumps[0]; i++) {
        struct slice dump = slice_of(bytes, from_hex(dumps[i].hex, bytes));

        expect_restored(k, dump, "REPLACE", "+OK\r\n");
        assert_true(kv_get(keyspace_database(k, 0), slice_str("k"), &value));
        assert_true(slice_equal(value, slice_str(dumps[i].value)));
        if (dumps[i].is_ours) {
            expect_dump(k, dump);
        }
    }
    expect(k, "DUMP none", "$-1\r\n");
    keyspace_free(k);
}

static void test_restore__of_flipped_or_cut_bytes_is_refused(void **state)
{
    struct keyspace *k = keyspace_new(1);
    char bytes[DUMP_BYTES_MAX];
    size_t size = from_hex("000568656c6c6f0a006372df766534200a", bytes);

    (void)state;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        expect_restored(k, slice_of(bytes, size), "", WRONG_FOOTER);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++) {
        expect_restored(k, slice_of(bytes, cut), "", WRONG_FOOTER);
    }
    expect(k, "DBSIZE", ":0\r\n");
    keyspace_free(k);
}

/* With a right checksum. */
static void test_restore__of_what_makes_no_sense_is_refused(void **state)
{
    static const char *const bodies[] = {
        "05",                             /* A type that does not exist here. */
        "00",                             /* No string. */
        "0005616161",                     /* A string that ends too early. */
        "000161616161",                   /* Something behind it. */
        "0041",                           /* Half a size. */
        "008000ffffff",                   /* More than there is. */
        "0081ffffffffffffffff",           /* More than any. */
        "00c4",                           /* No such encoding. */
        "00c1ff",                         /* Half a number. */
        "00c3",                           /* Packed without sizes. */
        "00c303056161",                   /* Packed bytes that end too early. */
        "00c30205026161",                 /* Not so many bytes. */
        "00c303406400ff20",               /* A match before the beginning. */
        "00c304810000000100000000610000", /* 4 GB. */
    };
    struct keyspace *k = keyspace_new(1);
    char bytes[DUMP_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct buffer dump = {0};

        buffer_append(&dump, bytes, from_hex(bodies[i], bytes));
        rdb_write_footer(&dump, RDB_VERSION);
        expect_restored(k, buffer_slice(&dump), "", BAD_FORMAT);
        buffer_deinit(&dump);
    }
    expect(k, "DBSIZE", ":0\r\n");
    keyspace_free(k);
}

static void test_restore__knows_no_later_version(void **state)
{
    struct keyspace *k = keyspace_new(1);
    char dump[] = {0, 1, 'a', RDB_VERSION_MAX + 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    (void)state;
    expect_restored(k, slice_of(dump, sizeof dump), "", WRONG_FOOTER);
    dump[3] = RDB_VERSION_MAX;
    expect_restored(k, slice_of(dump, sizeof dump), "", "+OK\r\n"); /* 0: no checksum. */
    keyspace_free(k);
}

static void test_restore__checks_its_options_in_the_order_of_redis(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "SET k v", "+OK\r\n");
    expect(k, "RESTORE k -1 bad", BUSY);
    expect(k, "RESTORE k x bad WHAT", "-ERR syntax error\r\n");
    expect(k, "RESTORE k x bad REPLACE", "-ERR value is not an integer or out of range\r\n");
    expect(k, "RESTORE k -1 bad REPLACE", "-ERR Invalid TTL value, must be >= 0\r\n");
    expect(k, "RESTORE k 0 bad REPLACE", WRONG_FOOTER);
    expect(k, "RESTORE n 0 bad IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0\r\n");
    expect(k, "RESTORE n 0 bad FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n");
    expect(k, "RESTORE n 0 bad FREQ 255 IDLETIME 1", "-ERR syntax error\r\n");
    expect(k, "RESTORE n 0 bad IDLETIME", "-ERR syntax error\r\n");
    expect(k, "GET k", "$1\r\nv\r\n");
    keyspace_free(k);
}

static uint64_t restored_expiry(struct keyspace *k, const char *ttl, const char *option)
{
    struct kv_value value = {.traits = {0}};
    struct slice arguments[] = {slice_str("RESTORE"), slice_str("k"),
                                slice_str(ttl),       slice_of("\0\1a\012\0\0\0\0\0\0\0\0\0", 13),
                                slice_str("REPLACE"), slice_str(option)};
    struct resp_writer w = {&(struct buffer){0}, 2};
    struct command_call call = {.command = command_named(arguments[0]),
                                .argument_count = option[0] == '\0' ? 5 : 6,
                                .arguments = arguments,
                                .reply = &w,
                                .kv = keyspace_database(k, 0),
                                .keyspace = k,
                                .time_us = keyspace_time_us(k)};

    call.command->handler(&call);
    assert_memory_equal(buffer_begin(w.out), "+OK", 3);
    buffer_deinit(w.out);
    return kv_find(keyspace_database(k, 0), arguments[1], &value) ? value.traits.expires_ms : 1;
}

static void note_event(void *context, const struct key_event *e)
{
    buffer_printf(context, "%s ", e->name);
}

static void test_restore__sets_when_the_key_expires(void **state)
{
    struct buffer seen = {0};
    struct keyspace_observer observer = {.context = &seen, .changed = note_event};
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keyspace_observe(k, &observer);
    keyspace_advance_time(k, 5000 * 1000);
    assert_int_equal(restored_expiry(k, "0", ""), 0);
    assert_int_equal(restored_expiry(k, "250", ""), 5250);
    assert_int_equal(restored_expiry(k, "9000", "ABSTTL"), 9000);
    assert_int_equal(restored_expiry(k, "9223372036854775807", ""), EXPIRES_MS_MAX);
    assert_int_equal(restored_expiry(k, "5000", "ABSTTL"), 1); /* It has passed: there is none. */
    assert_int_equal(restored_expiry(k, "4000", "ABSTTL"), 1);
    buffer_append(&seen, "", 1);
    assert_string_equal(buffer_begin(&seen), "restore restore restore restore del ");
    buffer_deinit(&seen);
    keyspace_free(k);
}

static void test_dump__of_any_value_comes_back(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct kv *kv = keyspace_database(k, 0);
    struct prng prng = {5};

    (void)state;
    for (int round = 0; round < 300; round++) {
        char value[VALUE_BYTES_MAX];
        size_t size = prng_below(&prng, sizeof value);
        struct buffer dump = {0};
        struct slice found;

        for (size_t i = 0; i < size; i++) {
            value[i] = (char)prng_next(&prng);
        }
        if (prng_chance(&prng, 1, 2)) {
            size = (size_t)snprintf(value, sizeof value, "%lld",
                                    (long long)(prng_next(&prng) >> prng_below(&prng, 64)));
        }
        rdb_write_type(&dump, RDB_STRING);
        rdb_write_string(&dump, slice_of(value, size));
        rdb_write_footer(&dump, RDB_VERSION);
        kv_set(kv, slice_str("k"), slice_of(value, size));
        expect_dump(k, buffer_slice(&dump));
        kv_delete(kv, slice_str("k"));
        expect_restored(k, buffer_slice(&dump), "", "+OK\r\n");
        assert_true(kv_get(kv, slice_str("k"), &found));
        assert_true(slice_equal(found, slice_of(value, size)));
        buffer_deinit(&dump);
    }
    kv_set_range(kv, slice_str("k"), CALL_VALUE_BYTES_MAX, slice_str("x"));
    expect(k, "DUMP k",
           "-ERR the value is larger than 67108864 bytes, and this command would hold up "
           "everybody: read and write it in parts, by GETRANGE and APPEND\r\n");
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc64__is_that_of_jones),
        cmocka_unit_test(test_dump__has_the_bytes_of_redis),
        cmocka_unit_test(test_restore__of_flipped_or_cut_bytes_is_refused),
        cmocka_unit_test(test_restore__of_what_makes_no_sense_is_refused),
        cmocka_unit_test(test_restore__knows_no_later_version),
        cmocka_unit_test(test_restore__checks_its_options_in_the_order_of_redis),
        cmocka_unit_test(test_restore__sets_when_the_key_expires),
        cmocka_unit_test(test_dump__of_any_value_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
