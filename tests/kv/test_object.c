/* OBJECT, MEMORY USAGE, SORT and LCS: what goes in, and the reply byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect_command.h"

#define SYNTAX_ERROR "-ERR syntax error\r\n"
#define WRONG_TYPE   "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

static void test_object__encoding_follows_from_the_value(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "OBJECT ENCODING k", "$-1\r\n");
    expect(k, "SET k -12", "+OK\r\n");
    expect(k, "OBJECT ENCODING k", "$3\r\nint\r\n");
    expect(k, "SET k 012", "+OK\r\n");
    expect(k, "object encoding k", "$6\r\nembstr\r\n");
    expect(k, "SETRANGE k 44 x", ":45\r\n");
    expect(k, "OBJECT ENCODING k", "$3\r\nraw\r\n");
    expect(k, "HSET h f v", ":1\r\n");
    expect(k, "OBJECT ENCODING h", "$8\r\nlistpack\r\n");
    expect(k, "HSET h f 01234567890123456789012345678901234567890123456789012345678901234",
           ":0\r\n");
    expect(k, "OBJECT ENCODING h", "$9\r\nhashtable\r\n");
    expect(k, "OBJECT REFCOUNT k", ":1\r\n");
    expect(k, "OBJECT IDLETIME k", ":0\r\n");
    expect(k, "OBJECT FREQ k", "-ERR the uses of keys are not counted\r\n");
    expect(k, "OBJECT FREQ none", "$-1\r\n");
    expect(k, "OBJECT ENCODING",
           "-ERR wrong number of arguments for 'object|encoding' command\r\n");
    expect(k, "OBJECT WHAT k", "-ERR unknown subcommand 'WHAT'. Try OBJECT HELP.\r\n");
    keyspace_free(k);
}

/* Another node may hold the same value with spare room behind it. */
static void test_memory__usage_is_the_same_on_every_node(void **state)
{
    struct keyspace *grown = keyspace_new(1);
    struct keyspace *set = keyspace_new(1);

    (void)state;
    expect(grown, "APPEND k 0123456789", ":10\r\n");
    expect(grown, "APPEND k 0123456789", ":20\r\n");
    expect(set, "SET k 01234567890123456789", "+OK\r\n");
    expect(set, "MEMORY USAGE k", ":48\r\n");
    expect(grown, "MEMORY USAGE k SAMPLES 0", ":48\r\n");
    expect(set, "MEMORY USAGE none", "$-1\r\n");
    expect(set, "MEMORY USAGE k SAMPLES", SYNTAX_ERROR);
    expect(set, "MEMORY USAGE k SAMPLES -1", SYNTAX_ERROR);
    expect(set, "MEMORY USAGE k SAMPLES x", "-ERR value is not an integer or out of range\r\n");
    keyspace_free(grown);
    keyspace_free(set);
}

static void test_sort__has_nothing_to_sort(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "SORT none BY w_* LIMIT 0 5 GET # GET o_* DESC ALPHA", "*0\r\n");
    expect(k, "SORT_RO none", "*0\r\n");
    expect(k, "MSET s 1 d 2", "+OK\r\n");
    expect(k, "SORT s", WRONG_TYPE);
    expect(k, "SORT none STORE d", ":0\r\n");
    expect(k, "EXISTS d", ":0\r\n");
    expect(k, "SORT none LIMIT 0", SYNTAX_ERROR);
    expect(k, "SORT none LIMIT 0 x", "-ERR value is not an integer or out of range\r\n");
    expect(k, "SORT_RO none STORE s", SYNTAX_ERROR);
    keyspace_free(k);
}

static void test_lcs__of_two_strings(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "MSET a ohmytext b mynewtext", "+OK\r\n");
    expect(k, "LCS a b", "$6\r\nmytext\r\n");
    expect(k, "LCS a b LEN", ":6\r\n");
    expect(k, "LCS a b IDX",
           "*4\r\n$7\r\nmatches\r\n*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n*2\r\n*2\r\n:2"
           "\r\n:3\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:6\r\n");
    expect(k, "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
           "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen"
           "\r\n:6\r\n");
    expect(k, "LCS a none", "$0\r\n\r\n");
    expect(k, "LCS none none LEN", ":0\r\n");
    expect(k, "LCS a b LEN IDX",
           "-ERR If you want both the length and indexes, please just use IDX.\r\n");
    expect(k, "LCS a b MINMATCHLEN", SYNTAX_ERROR);
    expect(k, "LCS a b MINMATCHLEN x", "-ERR value is not an integer or out of range\r\n");
    expect(k, "SETRANGE a 4095 x", ":4096\r\n");
    expect(k, "SETRANGE b 4095 x", ":4096\r\n");
    expect(k, "LCS a b LEN",
           "-ERR LCS would hold up everybody: the product of the two lengths may be at most "
           "16777216\r\n");
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object__encoding_follows_from_the_value),
        cmocka_unit_test(test_memory__usage_is_the_same_on_every_node),
        cmocka_unit_test(test_sort__has_nothing_to_sort),
        cmocka_unit_test(test_lcs__of_two_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
