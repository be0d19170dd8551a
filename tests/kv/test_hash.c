/* Commands on hashes, reply by reply, and hashes in a keyspace: digests, snapshots, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "kv/event.h"
#include "kv/hash_value.h"
#include "kv/load.h"
#include "kv/record.h"
#include "kv/sum.h"
#include "kv/walk.h"
#include "run_command.h"

struct exchange {
    const char *line;
    const char *reply;
};

static void expect(struct keyspace *k, int version, const char *line, const char *reply)
{
    struct buffer out = {0};

    assert_true(run_line(k, 0, version, line, &out));
    buffer_append(&out, "", 1);
    if (strcmp(buffer_begin(&out), reply) != 0) {
        fail_msg("%s\nexpected: %s\ngot: %s", line, reply, buffer_begin(&out));
    }
    buffer_deinit(&out);
    assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
}

static void expect_exchanges(int version, const struct exchange *exchanges)
{
    struct keyspace *k = keyspace_new(1);

    keyspace_advance_time(k, 1000000);
    for (; exchanges->line != NULL; exchanges++) {
        expect(k, version, exchanges->line, exchanges->reply);
    }
    keyspace_free(k);
}

#define EXPECT(version, ...)                                                                       \
    expect_exchanges(version, (const struct exchange[]){__VA_ARGS__, {NULL, NULL}})

#define WRONG_TYPE     "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define NOT_AN_INTEGER "-ERR value is not an integer or out of range\r\n"

static void test_hash__set_and_get(void **state)
{
    (void)state;
    EXPECT(2, {"HSET h a 1 b 2", ":2\r\n"}, {"HSET h b 3 c 4", ":1\r\n"},
           {"HGET h b", "$1\r\n3\r\n"}, {"HGET h d", "$-1\r\n"}, {"HGET none a", "$-1\r\n"},
           {"HMGET h a d c", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n4\r\n"},
           {"HMGET none a", "*1\r\n$-1\r\n"}, {"HLEN h", ":3\r\n"}, {"HLEN none", ":0\r\n"},
           {"HEXISTS h a", ":1\r\n"}, {"HEXISTS h d", ":0\r\n"}, {"HSTRLEN h a", ":1\r\n"},
           {"HSTRLEN h d", ":0\r\n"}, {"HSETNX h a 9", ":0\r\n"}, {"HSETNX h d 9", ":1\r\n"},
           {"HGETALL h", "*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n3\r\n$1\r\nc\r\n$1\r\n4\r\n"
                         "$1\r\nd\r\n$1\r\n9\r\n"},
           {"HKEYS h", "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"},
           {"HVALS h", "*4\r\n$1\r\n1\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n9\r\n"},
           {"HDEL h a x b", ":2\r\n"}, {"HDEL h c d", ":2\r\n"}, {"EXISTS h", ":0\r\n"},
           {"HDEL h c", ":0\r\n"}, {"HGETALL h", "*0\r\n"}, {"HMSET h a 1", "+OK\r\n"},
           {"TYPE h", "+hash\r\n"}, {"HSET h \"\" \"\"", ":1\r\n"}, {"HGET h \"\"", "$0\r\n\r\n"});
    EXPECT(3, {"HSET h a 1", ":1\r\n"}, {"HGETALL h", "%1\r\n$1\r\na\r\n$1\r\n1\r\n"},
           {"HGETALL none", "%0\r\n"}, {"HGET h b", "_\r\n"}, {"HKEYS h", "*1\r\n$1\r\na\r\n"});
}

static void test_hash__refuses(void **state)
{
    (void)state;
    EXPECT(2, {"HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command\r\n"},
           {"HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command\r\n"},
           {"EXISTS h", ":0\r\n"}, {"SET s v", "+OK\r\n"}, {"HSET s a 1", WRONG_TYPE},
           {"HGET s a", WRONG_TYPE}, {"HDEL s a", WRONG_TYPE}, {"HGETALL s", WRONG_TYPE},
           {"HSETNX s a 1", WRONG_TYPE}, {"HLEN s", WRONG_TYPE}, {"HSET h a 1", ":1\r\n"},
           {"GET h", WRONG_TYPE}, {"APPEND h x", WRONG_TYPE}, {"SET h v", "+OK\r\n"},
           {"GET h", "$1\r\nv\r\n"});
}

static void test_hash__adds_to_numbers(void **state)
{
    (void)state;
    EXPECT(2, {"HINCRBY h n 5", ":5\r\n"}, {"HINCRBY h n -7", ":-2\r\n"},
           {"HINCRBY h n x", NOT_AN_INTEGER}, {"HSET h s x", ":1\r\n"},
           {"HINCRBY h s 1", "-ERR hash value is not an integer\r\n"},
           {"HSET h m 9223372036854775807", ":1\r\n"},
           {"HINCRBY h m 1", "-ERR increment or decrement would overflow\r\n"},
           {"HINCRBYFLOAT h f 10.5", "$4\r\n10.5\r\n"}, {"HINCRBYFLOAT h f 0.1", "$4\r\n10.6\r\n"},
           {"HINCRBYFLOAT h g 5.0e3", "$4\r\n5000\r\n"},
           {"HINCRBYFLOAT h s 1", "-ERR hash value is not a float\r\n"},
           {"HINCRBYFLOAT h f x", "-ERR value is not a valid float\r\n"},
           {"HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity\r\n"},
           {"HINCRBYFLOAT h n 2", "$1\r\n0\r\n"});
}

static void test_hash__scans_and_picks(void **state)
{
    (void)state;
    EXPECT(2, {"HSCAN h 0 WHAT", "*2\r\n$1\r\n0\r\n*0\r\n"}, {"HSET h a 1 b 2", ":2\r\n"},
           {"HSCAN h 0", "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"},
           {"HSCAN h 0 MATCH b* COUNT 5", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"},
           {"HSCAN h 0 NOVALUES", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
           {"HSCAN h x", "-ERR invalid cursor\r\n"}, {"HSCAN h 0 COUNT 0", "-ERR syntax error\r\n"},
           {"HSCAN h 0 WHAT", "-ERR syntax error\r\n"}, {"HRANDFIELD none", "$-1\r\n"},
           {"HRANDFIELD none 2", "*0\r\n"}, {"HRANDFIELD none -2", "*0\r\n"},
           {"HRANDFIELD h 0", "*0\r\n"}, {"HRANDFIELD h 5", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
           {"HRANDFIELD h 2 WITHVALUES", "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"},
           {"HRANDFIELD h x", NOT_AN_INTEGER}, {"HRANDFIELD h 1 WHAT", "-ERR syntax error\r\n"},
           {"HRANDFIELD h -9223372036854770000 WITHVALUES", "-ERR value is out of range\r\n"},
           {"HDEL h a", ":1\r\n"}, {"HRANDFIELD h", "$1\r\nb\r\n"},
           {"HRANDFIELD h -3", "*3\r\n$1\r\nb\r\n$1\r\nb\r\n$1\r\nb\r\n"});
    EXPECT(3, {"HSET h a 1", ":1\r\n"},
           {"HRANDFIELD h 1 WITHVALUES", "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"});
}

static void test_hash__picks_each_field_and_none_twice(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct buffer out = {0};
    char line[64];

    (void)state;
    for (int i = 0; i < 500; i++) {
        buffer_clear(&out);
        snprintf(line, sizeof line, "HSET h field-%03d v", i);
        assert_true(run_line(k, 0, 2, line, &out));
    }
    for (int round = 0; round < 100; round++) {
        bool met[500] = {false};
        int count = round < 50 ? 40 : 300; /* Few, and most of them. */
        const char *at;

        buffer_clear(&out);
        snprintf(line, sizeof line, "HRANDFIELD h %d", count);
        assert_true(run_line(k, 0, 2, line, &out));
        buffer_append(&out, "", 1);
        at = buffer_begin(&out);
        for (int i = 0; i < count; i++) {
            at = strstr(at, "field-");
            assert_non_null(at);
            at += strlen("field-");
            assert_false(met[strtoul(at, NULL, 10)]);
            met[strtoul(at, NULL, 10)] = true;
        }
        assert_null(strstr(at, "field-"));
    }
    buffer_deinit(&out);
    keyspace_free(k);
}

/* --- fields that expire ---------------------------------------------------------------------- */

static void test_expiry__of_fields(void **state)
{
    (void)state;
    EXPECT(2, {"HSET h a 1 b 2 c 3", ":3\r\n"},
           {"HPEXPIRE h 500 FIELDS 2 a x", "*2\r\n:1\r\n:-2\r\n"},
           {"HPTTL h FIELDS 3 a b x", "*3\r\n:500\r\n:-1\r\n:-2\r\n"},
           {"HTTL h FIELDS 1 a", "*1\r\n:1\r\n"}, {"HPEXPIRETIME h FIELDS 1 a", "*1\r\n:1500\r\n"},
           {"HEXPIRETIME h FIELDS 1 a", "*1\r\n:2\r\n"},
           {"HEXPIRE h 1 NX FIELDS 2 a b", "*2\r\n:0\r\n:1\r\n"},
           {"HEXPIRE h 10 GT FIELDS 3 a b c", "*3\r\n:1\r\n:1\r\n:0\r\n"},
           {"HEXPIRE h 5 LT FIELDS 2 a c", "*2\r\n:1\r\n:1\r\n"},
           {"HEXPIRE h 5 XX FIELDS 1 x", "*1\r\n:-2\r\n"},
           {"HPERSIST h FIELDS 3 a a x", "*3\r\n:1\r\n:-1\r\n:-2\r\n"},
           {"HEXPIREAT h 1 FIELDS 1 a", "*1\r\n:2\r\n"}, {"HEXISTS h a", ":0\r\n"},
           {"HEXPIREAT h 2 FIELDS 1 b", "*1\r\n:1\r\n"}, {"HSET h b 9", ":0\r\n"},
           {"HTTL h FIELDS 1 b", "*1\r\n:-1\r\n"}, {"HTTL none FIELDS 1 b", "*1\r\n:-2\r\n"},
           {"HPEXPIREAT h 5000 FIELDS 1 b", "*1\r\n:1\r\n"}, {"HINCRBY h b 1", ":10\r\n"},
           {"HPEXPIRETIME h FIELDS 1 b", "*1\r\n:5000\r\n"},
           {"HEXPIRE h 0 FIELDS 2 b c", "*2\r\n:2\r\n:2\r\n"}, {"EXISTS h", ":0\r\n"},
           {"HEXPIRE none 1 FIELDS 1 a", "*1\r\n:-2\r\n"}, {"EXISTS none", ":0\r\n"});
    EXPECT(
        2, {"HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0\r\n"},
        {"HEXPIRE h 9999999999999 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command\r\n"},
        {"HEXPIRE h 1 WHAT 1 a",
         "-ERR Mandatory argument FIELDS is missing or not at the right position\r\n"},
        {"HEXPIRE h 1 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0\r\n"},
        {"HEXPIRE h 1 FIELDS 2 a",
         "-ERR The `numfields` parameter must match the number of arguments\r\n"},
        {"HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer\r\n"},
        {"HEXPIRE h x FIELDS 1 a", NOT_AN_INTEGER});
}

static void test_expiry__with_get_and_set(void **state)
{
    (void)state;
    EXPECT(2, {"HSETEX h PX 700 FIELDS 2 a 1 b 2", ":1\r\n"},
           {"HPTTL h FIELDS 2 a b", "*2\r\n:700\r\n:700\r\n"},
           {"HSETEX h FNX FIELDS 2 a 5 c 5", ":0\r\n"}, {"HSETEX h FXX FIELDS 2 a 5 c 5", ":0\r\n"},
           {"HSETEX h FXX KEEPTTL FIELDS 1 a 5", ":1\r\n"},
           {"HPTTL h FIELDS 1 a", "*1\r\n:700\r\n"},
           {"HGETEX h FIELDS 2 a x", "*2\r\n$1\r\n5\r\n$-1\r\n"},
           {"HGETEX h PERSIST FIELDS 1 a", "*1\r\n$1\r\n5\r\n"},
           {"HGETEX h EX 9 FIELDS 2 a x", "*2\r\n$1\r\n5\r\n$-1\r\n"},
           {"HTTL h FIELDS 1 a", "*1\r\n:9\r\n"},
           {"HGETEX h EX 1 PX 1 FIELDS 1 a", "-ERR syntax error\r\n"},
           {"HGETDEL h FIELDS 2 a x", "*2\r\n$1\r\n5\r\n$-1\r\n"},
           {"HGETDEL h FIELDS 1 b", "*1\r\n$1\r\n2\r\n"}, {"EXISTS h", ":0\r\n"},
           {"HGETDEL h FIELDS 1 b", "*1\r\n$-1\r\n"});
}

static void test_expiry__hides_fields_from_every_command(void **state)
{
    static const struct exchange exchanges[] = {
        {"HGET h a", "$-1\r\n"},
        {"HMGET h a", "*1\r\n$-1\r\n"},
        {"HEXISTS h a", ":0\r\n"},
        {"HSTRLEN h a", ":0\r\n"},
        {"HLEN h", ":1\r\n"},
        {"HKEYS h", "*1\r\n$1\r\nb\r\n"},
        {"HVALS h", "*1\r\n$1\r\n2\r\n"},
        {"HGETALL h", "*2\r\n$1\r\nb\r\n$1\r\n2\r\n"},
        {"HRANDFIELD h", "$1\r\nb\r\n"},
        {"HSCAN h 0 NOVALUES", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n"},
        {"HTTL h FIELDS 1 a", "*1\r\n:-2\r\n"},
        {"HDEL h a", ":0\r\n"},
        {"HSET h a 5", ":1\r\n"},
        {"HSETNX h a 5", ":1\r\n"},
        {"HINCRBY h a 5", ":5\r\n"},
        {"HGETDEL h FIELDS 1 a", "*1\r\n$-1\r\n"},
        {"HPERSIST h FIELDS 1 a", "*1\r\n:-2\r\n"},
        {"HEXPIRE h 5 FIELDS 1 a", "*1\r\n:-2\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
        struct keyspace *k = keyspace_new(1);

        keyspace_advance_time(k, 1000000);
        expect(k, 2, "HSET h a 1 b 2", ":2\r\n");
        expect(k, 2, "HPEXPIRE h 100 FIELDS 1 a", "*1\r\n:1\r\n");
        keyspace_advance_time(k, 1100999);
        expect(k, 2, "HGET h a", "$1\r\n1\r\n");
        keyspace_advance_time(k, 1101000);
        expect(k, 2, exchanges[i].line, exchanges[i].reply);
        keyspace_free(k);
    }
}

/* --- large hashes in a keyspace --------------------------------------------------------------- */

static void change_any(struct keyspace *k, struct prng *prng)
{
    char line[2200];
    unsigned key = (unsigned)prng_below(prng, 3);
    unsigned field = (unsigned)prng_below(prng, 1500);
    struct buffer out = {0};
    int size = (int)(prng_chance(prng, 1, 30) ? prng_below(prng, 2000) : prng_below(prng, 30));

    if (prng_chance(prng, 1, 3)) {
        snprintf(line, sizeof line, "HDEL h%u f%u", key, field);
    } else {
        snprintf(line, sizeof line, "HSET h%u f%u %0*u f%u x", key, field, size + 1, field,
                 field + 1);
    }
    assert_true(run_line(k, 0, 2, line, &out));
    buffer_deinit(&out);
}

static void expect_loaded(struct keyspace *k, struct slice records, uint64_t digest)
{
    struct keyspace *loaded = keyspace_new(3);
    struct keyspace_loader *loader = keyspace_loader_new(loaded);
    struct keyspace_sum *sum = keyspace_sum_new(k);

    assert_true(keyspace_sum_take(sum, records));
    assert_true(keyspace_sum_is(sum, digest));
    assert_true(keyspace_loader_take(loader, records));
    assert_true(keyspace_loader_finish(loader));
    assert_true(keyspace_digest(loaded) == digest);
    assert_true(keyspace_digest_recomputed(loaded) == digest);
    keyspace_sum_free(sum);
    keyspace_loader_free(loader);
    keyspace_free(loaded);
}

/* What a walk writes is the state of the instant when it began, while large hashes go on growing,
 * shrinking and moving their blocks. */
/* At a node whose clock is ahead of the last entry. */
static void expect_later(struct keyspace *k, const struct slice *arguments, uint32_t count,
                         const char *reply)
{
    struct buffer out = {0};
    struct resp_writer writer = {&out, 2};
    const struct command *command = command_named(arguments[0]);
    struct command_call call = {.command = command,
                                .argument_count = count,
                                .arguments = arguments,
                                .reply = &writer,
                                .kv = keyspace_database(k, 0),
                                .keyspace = k,
                                .time_us = keyspace_time_us(k) + 5000000};

    assert_non_null(command);
    command->handler(&call);
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    buffer_deinit(&out);
}

static void test_expiry__goes_by_the_state_and_not_by_the_clock_of_a_node(void **state)
{
    const struct slice get[] = {slice_str("HGET"), slice_str("h"), slice_str("a")};
    const struct slice length[] = {slice_str("HLEN"), slice_str("h")};
    const struct slice left[] = {slice_str("HPTTL"), slice_str("h"), slice_str("FIELDS"),
                                 slice_str("1"), slice_str("a")};
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keyspace_advance_time(k, 1000000);
    expect(k, 2, "HSETEX h PX 500 FIELDS 1 a x", ":1\r\n");
    expect_later(k, get, 3, "$1\r\nx\r\n");
    expect_later(k, length, 2, ":1\r\n");
    expect_later(k, left, 5, "*1\r\n:0\r\n");
    keyspace_advance_time(k, 1501000);
    expect_later(k, get, 3, "$-1\r\n");
    keyspace_free(k);
}

static void test_snapshot__holds_hashes_as_they_were(void **state)
{
    struct prng prng = {11};

    (void)state;
    for (int round = 0; round < 6; round++) {
        struct keyspace *k = keyspace_new(3);
        struct buffer out = {0};

        for (int i = 0; i < 3000; i++) {
            change_any(k, &prng);
            if (i % 100 == 0) {
                assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
            }
        }

        uint64_t digest = keyspace_digest(k);

        keyspace_walk_begin(k, &out);
        do {
            for (int i = 0; i < 20; i++) {
                change_any(k, &prng);
            }
        } while (!keyspace_walk_step(k, 2000));
        keyspace_walk_end(k);
        assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
        expect_loaded(k, buffer_slice(&out), digest);
        buffer_deinit(&out);
        keyspace_free(k);
    }
}

static bool loads(const char *value, size_t size)
{
    struct keyspace *k = keyspace_new(1);
    struct keyspace_loader *loader = keyspace_loader_new(k);
    struct buffer records = {0};

    record_write_database(&records, 0, 1, 1);
    record_write_item(&records, 0, (struct traits){.type = VALUE_HASH}, slice_str("h"),
                      slice_of(value, size));

    bool is_good =
        keyspace_loader_take(loader, buffer_slice(&records)) && keyspace_loader_finish(loader);

    keyspace_loader_free(loader);
    keyspace_free(k);
    buffer_deinit(&records);
    return is_good;
}

static void test_snapshot__with_a_malformed_hash_is_refused(void **state)
{
    (void)state;
    assert_true(loads("\1\0\1\1nv", 6));
    assert_false(loads("\1\0\1\2nv", 6));
    assert_false(loads("\1", 1));
    assert_false(loads("\2\0\0\0nv", 6));
    assert_false(loads("", 0));
}

/* --- events ---------------------------------------------------------------------------------- */

static void note_event(void *context, const struct key_event *e)
{
    buffer_printf(context, "%s:%.*s ", e->name, (int)e->key.size, e->key.data);
}

static void note_replaced(void *context, uint32_t database)
{
    buffer_printf(context, "%u:replaced ", (unsigned)database);
}

static void expect_events(const char *const *lines, const char *events)
{
    struct buffer seen = {0};
    struct keyspace_observer observer = {
        .context = &seen, .changed = note_event, .replaced = note_replaced};
    struct keyspace *k = keyspace_new(1);

    keyspace_advance_time(k, 1000000);
    keyspace_observe(k, &observer);
    for (; *lines != NULL; lines++) {
        struct buffer out = {0};

        assert_true(run_line(k, 0, 2, *lines, &out));
        buffer_deinit(&out);
    }
    buffer_append(&seen, "", 1);
    assert_string_equal(buffer_begin(&seen), events);
    buffer_deinit(&seen);
    keyspace_free(k);
}

static void test_events__are_those_of_redis(void **state)
{
    static const char *const lines[] = {"HSET h a 1 b 2",
                                        "HSETNX h a 1",
                                        "HSETNX h c 1",
                                        "HDEL h x",
                                        "HDEL h a",
                                        "HDEL h b c",
                                        "HINCRBY h n 1",
                                        "HINCRBYFLOAT h n 1",
                                        "HEXPIRE h 5 FIELDS 1 n",
                                        "HPERSIST h FIELDS 1 n",
                                        "HEXPIREAT h 0 FIELDS 1 n",
                                        NULL};

    (void)state;
    expect_events(lines, "hset:h hset:h hdel:h hdel:h del:h hincrby:h hincrbyfloat:h hexpire:h "
                         "hpersist:h hdel:h del:h ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash__set_and_get),
        cmocka_unit_test(test_hash__refuses),
        cmocka_unit_test(test_hash__adds_to_numbers),
        cmocka_unit_test(test_hash__scans_and_picks),
        cmocka_unit_test(test_hash__picks_each_field_and_none_twice),
        cmocka_unit_test(test_expiry__of_fields),
        cmocka_unit_test(test_expiry__with_get_and_set),
        cmocka_unit_test(test_expiry__hides_fields_from_every_command),
        cmocka_unit_test(test_expiry__goes_by_the_state_and_not_by_the_clock_of_a_node),
        cmocka_unit_test(test_snapshot__holds_hashes_as_they_were),
        cmocka_unit_test(test_snapshot__with_a_malformed_hash_is_refused),
        cmocka_unit_test(test_events__are_those_of_redis),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
