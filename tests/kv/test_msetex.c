/* MSETEX, and SET with a condition on the present value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect_command.h"

#define SYNTAX_ERROR "-ERR syntax error\r\n"
#define WRONG_TYPE   "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

static void expect_expiry(struct keyspace *k, const char *key, uint64_t expires_ms)
{
    struct kv_value value;

    assert_true(kv_find(keyspace_database(k, 0), slice_str(key), &value));
    assert_int_equal(value.traits.expires_ms, expires_ms);
}

static void test_msetex__sets_all_or_nothing(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keyspace_advance_time(k, 1000 * 1000);
    expect(k, "MSETEX 2 a 1 b 2 NX EX 5", ":1\r\n");
    expect_expiry(k, "a", 6000);
    expect_expiry(k, "b", 6000);
    expect(k, "MSETEX 2 b 3 c 3 NX", ":0\r\n");
    expect(k, "MSETEX 2 b 3 c 3 XX", ":0\r\n");
    expect(k, "MGET a b c", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n");
    expect(k, "MSETEX 2 b 3 c 3 KEEPTTL", ":1\r\n");
    expect_expiry(k, "b", 6000);
    expect_expiry(k, "c", 0);
    expect(k, "MSETEX 1 b 4", ":1\r\n");
    expect_expiry(k, "b", 0);
    expect(k, "MSETEX 1 b 4 PXAT 7000 XX", ":1\r\n");
    expect_expiry(k, "b", 7000);
    keyspace_free(k);
}

static void test_msetex__refuses_what_makes_no_sense(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "MSETEX 0 a 1", "-ERR invalid numkeys value\r\n");
    expect(k, "MSETEX x a 1", "-ERR invalid numkeys value\r\n");
    expect(k, "MSETEX 2147483648 a 1", "-ERR invalid numkeys value\r\n");
    expect(k, "MSETEX 2 a 1 b", "-ERR wrong number of key-value pairs\r\n");
    expect(k, "MSETEX 1 a 1 b 2", SYNTAX_ERROR);
    expect(k, "MSETEX 1 a 1 NX XX", SYNTAX_ERROR);
    expect(k, "MSETEX 1 a 1 EX 5 KEEPTTL", SYNTAX_ERROR);
    expect(k, "MSETEX 1 a 1 EX 0", "-ERR invalid expire time in 'msetex' command\r\n");
    expect(k, "DBSIZE", ":0\r\n");
    keyspace_free(k);
}

static void test_set__with_a_condition_changes_only_what_is_as_expected(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "SET a 1 IFEQ 1", "$-1\r\n");
    expect(k, "EXISTS a", ":0\r\n");
    expect(k, "SET a 1 IFNE 1", "+OK\r\n");
    expect(k, "SET a 2 IFNE 1", "$-1\r\n");
    expect(k, "SET a 2 IFEQ 2", "$-1\r\n");
    expect(k, "SET a test IFEQ 1 PXAT 9000", "+OK\r\n");
    expect_expiry(k, "a", 9000);
    expect(k, "SET a 3 IFDEQ 9ec9f7918d7dfc41", "$-1\r\n");
    expect(k, "SET a 3 IFDNE 9EC9F7918D7DFC40", "$-1\r\n");
    expect(k, "SET a 3 IFDEQ 9EC9F7918D7DFC40 KEEPTTL GET", "$4\r\ntest\r\n");
    expect_expiry(k, "a", 9000);
    expect(k, "SET a 4 IFEQ 1 GET", "$1\r\n3\r\n");
    expect(k, "GET a", "$1\r\n3\r\n");
    expect(k, "SET b 1 IFDNE 0000000000000000 GET", "$-1\r\n");
    expect(k, "GET b", "$1\r\n1\r\n");
    keyspace_free(k);
}

static void test_set__takes_one_condition_on_a_string(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "SET a 1 IFEQ", SYNTAX_ERROR);
    expect(k, "SET a 1 NX IFEQ 1", SYNTAX_ERROR);
    expect(k, "SET a 1 IFNE 1 XX", SYNTAX_ERROR);
    expect(k, "SET a 1 IFEQ 1 IFNE 2", SYNTAX_ERROR);
    expect(k, "SET a 1 IFDEQ 1", "-ERR must be exactly 16 hexadecimal characters\r\n");
    kv_put(keyspace_database(k, 0), slice_str("h"), (struct traits){.type = VALUE_HASH},
           slice_of("\1\0\1\1nv", 6));
    expect(k, "SET h 1 IFEQ bytes", WRONG_TYPE);
    expect(k, "SET h 1 IFNE 1", WRONG_TYPE);
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msetex__sets_all_or_nothing),
        cmocka_unit_test(test_msetex__refuses_what_makes_no_sense),
        cmocka_unit_test(test_set__with_a_condition_changes_only_what_is_as_expected),
        cmocka_unit_test(test_set__takes_one_condition_on_a_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
