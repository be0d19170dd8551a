/* INCRBYFLOAT and INCREX: what goes in, and the reply byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kv/event.h"
#include "run_command.h"

#define SYNTAX_ERROR   "-ERR syntax error\r\n"
#define NOT_AN_INTEGER "-ERR value is not an integer or out of range\r\n"
#define NOT_A_FLOAT    "-ERR value is not a valid float\r\n"

static void expect_in(struct keyspace *k, int version, const char *line, const char *reply)
{
    struct buffer out = {0};

    assert_true(run_line(k, 0, version, line, &out));
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    buffer_deinit(&out);
}

static void expect(struct keyspace *k, const char *line, const char *reply)
{
    expect_in(k, 2, line, reply);
}

static void expect_expiry(struct keyspace *k, const char *key, uint64_t expires_ms)
{
    struct kv_value value;

    assert_true(kv_find(keyspace_database(k, 0), slice_str(key), &value));
    assert_int_equal(value.traits.expires_ms, expires_ms);
}

static void test_incrbyfloat__writes_numbers_as_redis_does(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "INCRBYFLOAT f 10.5", "$4\r\n10.5\r\n");
    expect(k, "INCRBYFLOAT f 0.1", "$4\r\n10.6\r\n");
    expect(k, "INCRBYFLOAT f -10.6", "$1\r\n0\r\n");
    expect(k, "INCRBYFLOAT f 5.0e3", "$4\r\n5000\r\n");
    expect(k, "SET f 3.0 KEEPTTL", "+OK\r\n");
    expect(k, "INCRBYFLOAT f 1.000000000000000001000", "$1\r\n4\r\n");
    expect(k, "INCRBYFLOAT f x", NOT_A_FLOAT);
    expect(k, "INCRBYFLOAT f \" 1\"", NOT_A_FLOAT);
    expect(k, "INCRBYFLOAT f \"1 \"", NOT_A_FLOAT);
    expect(k, "INCRBYFLOAT f \"1\\x00\"", NOT_A_FLOAT);
    expect(k, "INCRBYFLOAT f nan", NOT_A_FLOAT);
    expect(k, "INCRBYFLOAT f +inf", "-ERR increment would produce NaN or Infinity\r\n");
    expect(k, "SET s text PXAT 9000", "+OK\r\n");
    expect(k, "INCRBYFLOAT s 1", NOT_A_FLOAT);
    expect(k, "SET s 1 PXAT 9000", "+OK\r\n");
    expect(k, "INCRBYFLOAT s 1", "$1\r\n2\r\n");
    expect_expiry(k, "s", 9000);
    keyspace_free(k);
}

static void test_increx__replies_the_number_and_what_was_added(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "INCREX n", "*2\r\n:1\r\n:1\r\n");
    expect(k, "INCREX n BYINT 41", "*2\r\n:42\r\n:41\r\n");
    expect(k, "INCREX n BYINT -50", "*2\r\n:-8\r\n:-50\r\n");
    expect(k, "INCREX n BYFLOAT 0.5", "*2\r\n$4\r\n-7.5\r\n$3\r\n0.5\r\n");
    expect_in(k, 3, "INCREX n BYFLOAT 0.5", "*2\r\n,-7\r\n,0.5\r\n");
    expect(k, "INCREX n NX", "*-1\r\n");
    expect(k, "INCREX none XX", "*-1\r\n");
    expect(k, "INCREX n XX", "*2\r\n:-6\r\n:1\r\n");
    expect(k, "EXISTS none", ":0\r\n");
    keyspace_free(k);
}

static void test_increx__goes_beyond_no_bound(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "INCREX n BYINT 11 UBOUND 10", "*2\r\n:0\r\n:0\r\n");
    expect(k, "EXISTS n", ":0\r\n");
    expect(k, "INCREX n BYINT 11 UBOUND 10 SATURATE", "*2\r\n:10\r\n:10\r\n");
    expect(k, "INCREX n UBOUND 10 EX 5", "*2\r\n:10\r\n:0\r\n");
    expect_expiry(k, "n", 0);
    expect(k, "INCREX n BYINT -15 LBOUND -3 SATURATE", "*2\r\n:-3\r\n:-13\r\n");
    expect(k, "INCREX n BYINT 9223372036854775807",
           "*2\r\n:9223372036854775804\r\n:9223372036854775807\r\n");
    expect(k, "INCREX n BYINT 9", "*2\r\n:9223372036854775804\r\n:0\r\n");
    expect(k, "INCREX n BYINT 9 SATURATE", "*2\r\n:9223372036854775807\r\n:3\r\n");
    expect(k, "INCREX n BYINT -1 UBOUND 7 SATURATE", "*2\r\n:7\r\n:-9223372036854775800\r\n");
    expect(k, "INCREX n BYFLOAT 1.5 UBOUND 8", "*2\r\n$1\r\n7\r\n$1\r\n0\r\n");
    expect(k, "INCREX n BYFLOAT 1.5 UBOUND 8.25 SATURATE", "*2\r\n$4\r\n8.25\r\n$4\r\n1.25\r\n");
    keyspace_free(k);
}

static void note_event(void *context, const struct key_event *e)
{
    buffer_printf(context, "%s ", e->name);
}

static void test_increx__sets_when_the_number_expires(void **state)
{
    struct buffer seen = {0};
    struct keyspace_observer observer = {.context = &seen, .changed = note_event};
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keyspace_observe(k, &observer);
    keyspace_advance_time(k, 1000 * 1000);
    expect(k, "INCREX n EX 5 ENX", "*2\r\n:1\r\n:1\r\n");
    expect_expiry(k, "n", 6000);
    expect(k, "INCREX n EX 9 ENX", "*2\r\n:2\r\n:1\r\n");
    expect_expiry(k, "n", 6000);
    expect(k, "INCREX n", "*2\r\n:3\r\n:1\r\n");
    expect_expiry(k, "n", 6000);
    expect(k, "INCREX n PX 9", "*2\r\n:4\r\n:1\r\n");
    expect_expiry(k, "n", 1009);
    expect(k, "INCREX n PERSIST", "*2\r\n:5\r\n:1\r\n");
    expect_expiry(k, "n", 0);
    expect(k, "INCREX n BYFLOAT 1 PXAT 8000", "*2\r\n$1\r\n6\r\n$1\r\n1\r\n");
    expect_expiry(k, "n", 8000);
    buffer_append(&seen, "", 1);
    assert_string_equal(buffer_begin(&seen), "incrby expire incrby incrby incrby expire incrby "
                                             "persist incrbyfloat expire ");
    buffer_deinit(&seen);
    keyspace_free(k);
}

static void test_increx__refuses_what_makes_no_sense(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "INCREX n BYINT", SYNTAX_ERROR);
    expect(k, "INCREX n BYINT 1 BYFLOAT 1", SYNTAX_ERROR);
    expect(k, "INCREX n NX XX", SYNTAX_ERROR);
    expect(k, "INCREX n WHAT", SYNTAX_ERROR);
    expect(k, "INCREX n EX 5 PERSIST", SYNTAX_ERROR);
    expect(k, "INCREX n PERSIST ENX", SYNTAX_ERROR);
    expect(k, "INCREX n ENX", "-ERR ENX flag requires an expiration\r\n");
    expect(k, "INCREX n BYINT 1.5", NOT_AN_INTEGER);
    expect(k, "INCREX n UBOUND 1.5", NOT_AN_INTEGER);
    expect(k, "INCREX n BYFLOAT x", NOT_A_FLOAT);
    expect(k, "INCREX n LBOUND 2 UBOUND 1", "-ERR LBOUND is greater than UBOUND\r\n");
    expect(k, "INCREX n EX 0", "-ERR invalid expire time in 'increx' command\r\n");
    expect(k, "SET n text", "+OK\r\n");
    expect(k, "INCREX n", NOT_AN_INTEGER);
    expect(k, "INCREX n BYFLOAT 1", NOT_A_FLOAT);
    kv_put(keyspace_database(k, 0), slice_str("h"), (struct traits){.type = VALUE_HASH},
           slice_of("\1\0\1\1nv", 6));
    expect(k, "INCREX h", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_incrbyfloat__writes_numbers_as_redis_does),
        cmocka_unit_test(test_increx__replies_the_number_and_what_was_added),
        cmocka_unit_test(test_increx__goes_beyond_no_bound),
        cmocka_unit_test(test_increx__sets_when_the_number_expires),
        cmocka_unit_test(test_increx__refuses_what_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
