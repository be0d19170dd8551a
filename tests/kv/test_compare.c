/* DELEX, DELIFEQ, DIGEST: what goes in, and the reply byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect_command.h"

#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define NO_DIGEST  "-ERR must be exactly 16 hexadecimal characters\r\n"

static void put_hash(struct keyspace *k, const char *key)
{
    kv_put(keyspace_database(k, 0), slice_str(key), (struct traits){.type = VALUE_HASH},
           slice_of("\1\0\1\1nv", 6));
}

/* The first digest is the one in Redis's documentation of the command. */
static void test_digest__is_the_one_that_redis_computes(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "SET k \"Hello world\"", "+OK\r\n");
    expect(k, "DIGEST k", "$16\r\nb6acb9d84a38ff74\r\n");
    expect(k, "SET k test", "+OK\r\n");
    expect(k, "DIGEST k", "$16\r\n9ec9f7918d7dfc40\r\n");
    expect(k, "DIGEST none", "$-1\r\n");
    put_hash(k, "h");
    expect(k, "DIGEST h", WRONG_TYPE);
    keyspace_free(k);
}

static void test_delex__deletes_what_is_as_expected(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "MSET a 1 b 1 c test d test e 1", "+OK\r\n");
    expect(k, "DELEX a IFEQ 2", ":0\r\n");
    expect(k, "DELEX a ifeq 1", ":1\r\n");
    expect(k, "DELEX a IFEQ 1", ":0\r\n");
    expect(k, "DELEX a IFNE 1", ":0\r\n");
    expect(k, "DELEX b IFNE 1", ":0\r\n");
    expect(k, "DELEX b IFNE 2", ":1\r\n");
    expect(k, "DELEX c IFDNE 9EC9F7918D7DFC40", ":0\r\n");
    expect(k, "DELEX c IFDEQ 9ec9f7918d7dfc41", ":0\r\n");
    expect(k, "DELEX c IFDEQ 9EC9F7918D7dfc40", ":1\r\n");
    expect(k, "DELEX d IFDNE 0000000000000000", ":1\r\n");
    expect(k, "DELEX e", ":1\r\n");
    expect(k, "DELEX e", ":0\r\n");
    expect(k, "DBSIZE", ":0\r\n");
    keyspace_free(k);
}

static void test_delex__refuses_what_makes_no_sense(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "DELEX a IFEQ", "-ERR wrong number of arguments for 'delex' command\r\n");
    expect(k, "DELEX a IFEQ 1 2", "-ERR wrong number of arguments for 'delex' command\r\n");
    expect(k, "DELEX a WHAT 1", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n");
    expect(k, "DELEX a IFDEQ 1", NO_DIGEST);
    expect(k, "DELEX a IFDNE 000000000000000g", NO_DIGEST);
    put_hash(k, "h");
    expect(k, "DELEX h IFNE 1", WRONG_TYPE);
    expect(k, "DELEX h", ":1\r\n");
    keyspace_free(k);
}

static void test_delifeq__is_valkeys_name_for_it(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "SET a token", "+OK\r\n");
    expect(k, "DELIFEQ a other", ":0\r\n");
    expect(k, "DELIFEQ a token", ":1\r\n");
    expect(k, "DELIFEQ a token", ":0\r\n");
    put_hash(k, "h");
    expect(k, "DELIFEQ h bytes", WRONG_TYPE);
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest__is_the_one_that_redis_computes),
        cmocka_unit_test(test_delex__deletes_what_is_as_expected),
        cmocka_unit_test(test_delex__refuses_what_makes_no_sense),
        cmocka_unit_test(test_delifeq__is_valkeys_name_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
