/* Data commands: what goes in, and the reply byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "run_command.h"

struct exchange {
    const char *line;
    const char *reply;
};

static void expect_reply(struct keyspace *k, int version, const char *line, const char *reply)
{
    struct buffer out = {0};

    assert_true(run_line(k, 0, version, line, &out));
    buffer_append(&out, "", 1);
    if (strcmp(out.data, reply) != 0) {
        fail_msg("%s\nexpected: %s\ngot: %s", line, reply, out.data);
    }
    buffer_deinit(&out);
    assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
}

/* Runs the exchanges on an empty keyspace, in order. */
static void expect_exchanges(int version, const struct exchange *exchanges)
{
    struct keyspace *k = keyspace_new(1);

    for (; exchanges->line != NULL; exchanges++) {
        expect_reply(k, version, exchanges->line, exchanges->reply);
    }
    keyspace_free(k);
}

#define EXPECT(version, ...)                                                                       \
    expect_exchanges(version, (const struct exchange[]){__VA_ARGS__, {NULL, NULL}})

#define SYNTAX_ERROR   "-ERR syntax error\r\n"
#define NOT_AN_INTEGER "-ERR value is not an integer or out of range\r\n"
#define TOO_LONG       "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"

static void test_commands__get_and_set(void **state)
{
    (void)state;
    EXPECT(2, {"GET k", "$-1\r\n"}, {"SET k v", "+OK\r\n"}, {"GET k", "$1\r\nv\r\n"},
           {"set k \"a\\r\\n\\x00b\"", "+OK\r\n"}, {"STRLEN k", ":5\r\n"},
           {"SET k \"\"", "+OK\r\n"}, {"GET k", "$0\r\n\r\n"}, {"SET \"\" e", "+OK\r\n"},
           {"GET \"\"", "$1\r\ne\r\n"});
    EXPECT(3, {"GET k", "_\r\n"}, {"SET k v", "+OK\r\n"}, {"GET k", "$1\r\nv\r\n"});
}

static void test_commands__set_with_conditions(void **state)
{
    (void)state;
    EXPECT(2, {"SET k v XX", "$-1\r\n"}, {"EXISTS k", ":0\r\n"}, {"SET k v NX", "+OK\r\n"},
           {"SET k w nx", "$-1\r\n"}, {"GET k", "$1\r\nv\r\n"}, {"SET k w xx", "+OK\r\n"},
           {"SET k x GET", "$1\r\nw\r\n"}, {"GET k", "$1\r\nx\r\n"}, {"SET l y GET", "$-1\r\n"},
           {"GET l", "$1\r\ny\r\n"}, {"SET k z NX GET", "$1\r\nx\r\n"}, {"GET k", "$1\r\nx\r\n"},
           {"SET m z NX GET", "$-1\r\n"}, {"GET m", "$1\r\nz\r\n"}, {"SET n z XX GET", "$-1\r\n"},
           {"EXISTS n", ":0\r\n"}, {"SET m 1 GET XX GET XX", "$1\r\nz\r\n"},
           {"GET m", "$1\r\n1\r\n"});
    EXPECT(3, {"SET k v XX", "_\r\n"}, {"SET k v GET", "_\r\n"});
}

static void test_commands__set_refuses_bad_options(void **state)
{
    static const char no_time[] = "-ERR invalid expire time in 'set' command\r\n";

    (void)state;
    EXPECT(2, {"SET k v NX XX", SYNTAX_ERROR}, {"SET k v XX NX", SYNTAX_ERROR},
           {"SET k v WHAT", SYNTAX_ERROR}, {"SET k v \"\"", SYNTAX_ERROR},
           {"SET k v EX", SYNTAX_ERROR}, {"SET k v EX 1 PX 1", SYNTAX_ERROR},
           {"SET k v EX 1 KEEPTTL", SYNTAX_ERROR}, {"SET k v KEEPTTL PXAT 1", SYNTAX_ERROR},
           {"SET k v PERSIST", SYNTAX_ERROR}, {"SET k v EX x", NOT_AN_INTEGER},
           {"SET k v PX 0", no_time}, {"SET k v EXAT -5", no_time},
           {"SET k v EX 9223372036854775807", no_time}, {"DBSIZE", ":0\r\n"});
}

static void test_commands__relatives_of_get_and_set(void **state)
{
    (void)state;
    EXPECT(2, {"SETNX k v", ":1\r\n"}, {"SETNX k w", ":0\r\n"}, {"GETSET k w", "$1\r\nv\r\n"},
           {"GETSET l x", "$-1\r\n"}, {"GETDEL l", "$1\r\nx\r\n"}, {"GETDEL l", "$-1\r\n"},
           {"GET k", "$1\r\nw\r\n"}, {"DBSIZE", ":1\r\n"});
}

static void test_commands__many_keys_at_once(void **state)
{
    (void)state;
    EXPECT(2, {"MSET a 1 b 2 a 3", "+OK\r\n"},
           {"MGET a b c a", "*4\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n$1\r\n3\r\n"},
           {"MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n"},
           {"MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command\r\n"},
           {"MSETNX c 1 a 2", ":0\r\n"}, {"GET c", "$-1\r\n"}, {"MSETNX c 1 d 2 c 4", ":1\r\n"},
           {"GET c", "$1\r\n4\r\n"}, {"EXISTS a b c d e a", ":5\r\n"}, {"TOUCH a e", ":1\r\n"},
           {"DEL a a e b", ":2\r\n"}, {"UNLINK c d", ":2\r\n"}, {"DBSIZE", ":0\r\n"});
    EXPECT(3, {"MGET a", "*1\r\n_\r\n"});
}

static void test_commands__append_and_length(void **state)
{
    (void)state;
    EXPECT(2, {"STRLEN k", ":0\r\n"}, {"APPEND k ab", ":2\r\n"}, {"APPEND k cde", ":5\r\n"},
           {"STRLN k", ":5\r\n"}, {"GET k", "$5\r\nabcde\r\n"}, {"APPEND k \"\"", ":5\r\n"},
           {"APPEND e \"\"", ":0\r\n"}, {"EXISTS e", ":1\r\n"});
}

static void test_commands__ranges(void **state)
{
    (void)state;
    EXPECT(2, {"SET k 0123456789", "+OK\r\n"}, {"GETRANGE k 0 3", "$4\r\n0123\r\n"},
           {"GETRANGE k -3 -1", "$3\r\n789\r\n"}, {"GETRANGE k 0 -1", "$10\r\n0123456789\r\n"},
           {"SUBSTR k 5 100", "$5\r\n56789\r\n"}, {"GETRANGE k 3 2", "$0\r\n\r\n"},
           {"GETRANGE k -1 -3", "$0\r\n\r\n"}, {"GETRANGE k -100 -99", "$1\r\n0\r\n"},
           {"GETRANGE k -100 1", "$2\r\n01\r\n"}, {"GETRANGE k 10 20", "$0\r\n\r\n"},
           {"GETRANGE k 9223372036854775807 9223372036854775807", "$0\r\n\r\n"},
           {"GETRANGE k -9223372036854775808 9223372036854775807", "$10\r\n0123456789\r\n"},
           {"GETRANGE none 0 -1", "$0\r\n\r\n"}, {"GETRANGE k a 1", NOT_AN_INTEGER},
           {"GETRANGE k 1 a", NOT_AN_INTEGER}, {"GETRANGE k 1 9223372036854775808", NOT_AN_INTEGER},
           {"SETRANGE k 2 ab", ":10\r\n"}, {"GET k", "$10\r\n01ab456789\r\n"},
           {"SETRANGE k 9 xyz", ":12\r\n"}, {"GET k", "$12\r\n01ab45678xyz\r\n"},
           {"SETRANGE k 3 \"\"", ":12\r\n"}, {"SETRANGE new 3 \"\"", ":0\r\n"},
           {"EXISTS new", ":0\r\n"}, {"SETRANGE new 3 x", ":4\r\n"},
           {"GETRANGE new 3 3", "$1\r\nx\r\n"},
           {"SETRANGE k -1 x", "-ERR offset is out of range\r\n"},
           {"SETRANGE k x x", NOT_AN_INTEGER}, {"SETRANGE k 536870912 x", TOO_LONG},
           {"SETRANGE k 9223372036854775807 x", TOO_LONG}, {"STRLEN k", ":12\r\n"});
}

static void test_commands__bits(void **state)
{
    (void)state;
    EXPECT(2, {"GETBIT k 0", ":0\r\n"}, {"GETBIT k 4294967295", ":0\r\n"}, {"EXISTS k", ":0\r\n"},
           {"SETBIT k 7 1", ":0\r\n"}, {"GET k", "$1\r\n\x01\r\n"}, {"SETBIT k 7 1", ":1\r\n"},
           {"SETBIT k 1 1", ":0\r\n"}, {"GET k", "$1\r\nA\r\n"}, {"GETBIT k 0", ":0\r\n"},
           {"GETBIT k 1", ":1\r\n"}, {"SETBIT k 7 0", ":1\r\n"}, {"GET k", "$1\r\n@\r\n"},
           {"SETBIT k 26 1", ":0\r\n"}, {"STRLEN k", ":4\r\n"}, {"GETRANGE k 3 3", "$1\r\n \r\n"},
           {"SETRANGE k 1 ab", ":4\r\n"}, {"GET k", "$4\r\n@ab \r\n"}, {"GETBIT k 32", ":0\r\n"},
           {"SETBIT new 23 0", ":0\r\n"}, {"STRLEN new", ":3\r\n"}, {"SETBIT old 0 0", ":0\r\n"},
           {"STRLEN old", ":1\r\n"}, {"SETBIT k 40 0", ":0\r\n"}, {"STRLEN k", ":6\r\n"},
           {"SETBIT old 0 1", ":0\r\n"}, {"GET old", "$1\r\n\x80\r\n"}, {"GETBIT old 0", ":1\r\n"});
}

static void test_commands__bits_that_do_not_exist(void **state)
{
    static const char offset[] = "-ERR bit offset is not an integer or out of range\r\n";
    static const char bit[] = "-ERR bit is not an integer or out of range\r\n";

    (void)state;
    EXPECT(2, {"GETBIT k -1", offset}, {"GETBIT k x", offset}, {"GETBIT k \"\"", offset},
           {"GETBIT k 4294967296", offset}, {"GETBIT k 9223372036854775808", offset},
           {"SETBIT k -1 1", offset}, {"SETBIT k 01 1", offset}, {"SETBIT k 4294967296 1", offset},
           {"SETBIT k 9223372036854775807 1", offset}, {"SETBIT k x x", offset},
           {"SETBIT k 0 2", bit}, {"SETBIT k 0 -1", bit}, {"SETBIT k 0 x", bit},
           {"SETBIT k 0 \"\"", bit}, {"SETBIT k 0 01", bit}, {"SETBIT k 0 4294967297", bit},
           {"EXISTS k", ":0\r\n"});
}

static void test_commands__values_end_at_512_mb(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect_reply(k, 2, "SETRANGE k 536870911 x", ":536870912\r\n");
    expect_reply(k, 2, "STRLEN k", ":536870912\r\n");
    expect_reply(k, 2, "APPEND k x", TOO_LONG);
    expect_reply(k, 2, "APPEND k \"\"", ":536870912\r\n");
    expect_reply(k, 2, "SETRANGE k 536870911 y", ":536870912\r\n");
    expect_reply(k, 2, "SETRANGE k 536870912 y", TOO_LONG);
    expect_reply(k, 2, "GETRANGE k 536870910 -1", "$2\r\n");
    expect_reply(k, 2, "SETBIT k 4294967295 0", ":1\r\n"); /* Of the y. */
    expect_reply(k, 2, "GETRANGE k 536870911 -1", "$1\r\nx\r\n");
    expect_reply(k, 2, "STRLEN k", ":536870912\r\n");
    keyspace_free(k);
}

static void test_commands__numbers(void **state)
{
    (void)state;
    EXPECT(2, {"INCR n", ":1\r\n"}, {"INCRBY n 41", ":42\r\n"}, {"DECR n", ":41\r\n"},
           {"DECRBY n 50", ":-9\r\n"}, {"GET n", "$2\r\n-9\r\n"}, {"DECR m", ":-1\r\n"},
           {"INCRBY n x", NOT_AN_INTEGER}, {"INCRBY n 9223372036854775808", NOT_AN_INTEGER},
           {"SET s a", "+OK\r\n"}, {"INCR s", NOT_AN_INTEGER}, {"SET s \" 1\"", "+OK\r\n"},
           {"INCR s", NOT_AN_INTEGER}, {"SET s \"\"", "+OK\r\n"}, {"INCR s", NOT_AN_INTEGER},
           {"SET n 9223372036854775806", "+OK\r\n"}, {"INCR n", ":9223372036854775807\r\n"},
           {"INCR n", "-ERR increment or decrement would overflow\r\n"},
           {"SET n -9223372036854775807", "+OK\r\n"}, {"DECR n", ":-9223372036854775808\r\n"},
           {"DECR n", "-ERR increment or decrement would overflow\r\n"},
           {"DECRBY n -9223372036854775808", "-ERR decrement would overflow\r\n"},
           {"INCRBY n 9223372036854775807", ":-1\r\n"},
           {"INCRBY n -9223372036854775808", "-ERR increment or decrement would overflow\r\n"});
}

static void test_commands__keys_of_any_kind(void **state)
{
    (void)state;
    EXPECT(2, {"TYPE k", "+none\r\n"}, {"SET k v", "+OK\r\n"}, {"TYPE k", "+string\r\n"},
           {"RANDOMKEY", "$1\r\nk\r\n"}, {"FLUSHALL NOW", SYNTAX_ERROR},
           {"FLUSHALL SYNC ASYNC", SYNTAX_ERROR}, {"DBSIZE", ":1\r\n"}, {"FLUSHALL", "+OK\r\n"},
           {"DBSIZE", ":0\r\n"}, {"FLUSHDB async", "+OK\r\n"}, {"FLUSHALL SYNC", "+OK\r\n"},
           {"RANDOMKEY", "$-1\r\n"});
    EXPECT(3, {"RANDOMKEY", "_\r\n"});
}

static void test_commands__keys_by_pattern(void **state)
{
    (void)state;
    EXPECT(2, {"KEYS *", "*0\r\n"}, {"MSET ab 1 abc 2 b 3", "+OK\r\n"},
           {"KEYS b", "*1\r\n$1\r\nb\r\n"}, {"KEYS a?", "*1\r\n$2\r\nab\r\n"},
           {"KEYS [^a]*", "*1\r\n$1\r\nb\r\n"}, {"KEYS x*", "*0\r\n"});
}

static void test_commands__scan(void **state)
{
    static const char bad_cursor[] = "-ERR invalid cursor\r\n";

    (void)state;
    EXPECT(2, {"SCAN 0", "*2\r\n$1\r\n0\r\n*0\r\n"}, {"SET k v", "+OK\r\n"},
           {"SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n"},
           {"SCAN 0 COUNT 5 MATCH k TYPE string", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n"},
           {"SCAN 0 MATCH x*", "*2\r\n$1\r\n0\r\n*0\r\n"},
           {"SCAN 0 TYPE hash", "*2\r\n$1\r\n0\r\n*0\r\n"},
           {"SCAN 0 TYPE STRING", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n"},
           {"SCAN 281474976710655", "*2\r\n$1\r\n0\r\n*0\r\n"},
           {"SCAN 18446744073709551615", "*2\r\n$1\r\n0\r\n*0\r\n"}, {"SCAN x", bad_cursor},
           {"SCAN \" 0\"", bad_cursor}, {"SCAN 0x", bad_cursor},
           {"SCAN 18446744073709551616", bad_cursor},
           {"SCAN 99999999999999999999999999999999", bad_cursor}, {"SCAN 0 COUNT", SYNTAX_ERROR},
           {"SCAN 0 COUNT 0", SYNTAX_ERROR}, {"SCAN 0 COUNT -1", SYNTAX_ERROR},
           {"SCAN 0 COUNT x", NOT_AN_INTEGER}, {"SCAN 0 WHAT 1", SYNTAX_ERROR},
           {"SCAN x COUNT 0", bad_cursor});
}

/* SCAN, called with each returned cursor until that is 0, finds every key. */
static void test_commands__scan_leads_through_everything(void **state)
{
    struct keyspace *k = keyspace_new(1);
    char cursor[32] = "0";
    uint64_t keys = 0;
    uint64_t calls = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char text[16];

        kv_set(keyspace_database(k, 0), slice_of(text, (size_t)sprintf(text, "key:%d", i)),
               slice_str("v"));
    }
    do {
        char line[64];
        struct buffer out = {0};
        unsigned long count = 0;

        snprintf(line, sizeof line, "SCAN %s", cursor);
        assert_true(run_line(k, 0, 2, line, &out));
        buffer_append(&out, "", 1);
        assert_int_equal(sscanf(out.data, "*2\r\n$%*u\r\n%30[0-9]\r\n*%lu", cursor, &count), 2);
        keys += count;
        calls++;
        buffer_deinit(&out);
    } while (strcmp(cursor, "0") != 0);
    assert_int_equal(keys, 1000);
    assert_true(calls > 50);
    keyspace_free(k);
}

/* A reply that is too large is refused before it is built; only the error is written. */
static void test_commands__replies_of_many_values_have_a_limit(void **state)
{
    static const char *const refused[] = {"MGET k k k", "KEYS *", "SCAN 0 COUNT 1000"};
    static const char *const granted[] = {"MGET k k", "KEYS key:1*", "SCAN 0 COUNT 1", "GET big"};
    struct keyspace *k = keyspace_new(7);
    char big[4096];

    (void)state;
    memset(big, 'x', sizeof big);
    kv_set(keyspace_database(k, 0), slice_str("big"), slice_of(big, sizeof big));
    kv_set(keyspace_database(k, 0), slice_str("k"), slice_of(big, 400));
    for (int i = 0; i < 100; i++) {
        char key[16];

        kv_set(keyspace_database(k, 0),
               slice_of(key, (size_t)snprintf(key, sizeof key, "key:%d", i)), slice_str("v"));
    }
    keyspace_limit_replies(k, 1000);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct buffer out = {0};

        assert_true(run_line(k, 0, 2, refused[i], &out));
        buffer_append(&out, "", 1);
        assert_non_null(strstr(out.data, "-ERR the reply would be larger than 1000 bytes: "));
        assert_true(buffer_size(&out) < 200);
        buffer_deinit(&out);
    }
    for (size_t i = 0; i < sizeof granted / sizeof granted[0]; i++) {
        struct buffer out = {0};

        assert_true(run_line(k, 0, 2, granted[i], &out));
        assert_true(out.data[0] == '*' || out.data[0] == '$');
        buffer_deinit(&out);
    }
    keyspace_free(k);
}

static void expect_start(struct keyspace *k, const struct slice *arguments, uint32_t count,
                         const char *start)
{
    struct buffer out = {0};

    assert_true(run_arguments(k, 0, 2, count, arguments, &out));
    buffer_append(&out, "", 1);
    assert_memory_equal(buffer_begin(&out), start, strlen(start));
    buffer_deinit(&out);
}

static void test_commands__walks_have_a_limit(void **state)
{
    enum { KEYS_MAX = 200 * 1000, LONG = 100 * 1000 };
    struct keyspace *k = keyspace_new(1);
    static char text[LONG];
    struct slice keys[] = {slice_str("KEYS"), slice_str("none*")};
    struct slice scan[] = {slice_str("SCAN"), slice_str("0"), slice_str("MATCH"), {0}};

    (void)state;
    /* A long pattern and a long key: the product of their lengths. */
    memset(text, 'a', sizeof text);
    kv_set(keyspace_database(k, 0), slice_of(text, sizeof text), slice_str("v"));
    text[0] = '*';
    text[LONG / 2] = 'b';
    keys[1] = scan[3] = slice_of(text, LONG / 2 + 1);
    expect_start(k, keys, 2, "-ERR the pattern takes too long");
    expect_start(k, scan, 4, "-ERR the pattern takes too long");
    keys[1] = slice_str("*aaa");
    expect_start(k, keys, 2, "*1\r\n$100000\r\n");

    for (int i = 0; i < KEYS_MAX; i++) {
        char name[16];

        kv_set(keyspace_database(k, 0),
               slice_of(name, (size_t)snprintf(name, sizeof name, "%d", i)), slice_str("v"));
    }
    expect_start(k, keys, 2, "-ERR there are more than 200000 keys");
    kv_delete(keyspace_database(k, 0), slice_str("0"));
    expect_start(k, keys, 2, "*1\r\n$100000\r\n");
    keyspace_free(k);
}

static void test_commands__scan_takes_no_count_for_an_order(void **state)
{
    enum { MORE_KEYS = 250 * 1000 };
    struct keyspace *k = keyspace_new(1);
    struct slice scan[] = {slice_str("SCAN"), slice_str("0"), slice_str("COUNT"),
                           slice_str("1000000")};
    struct buffer out = {0};

    (void)state;
    for (int i = 0; i < MORE_KEYS; i++) {
        char name[16];

        kv_set(keyspace_database(k, 0),
               slice_of(name, (size_t)snprintf(name, sizeof name, "%d", i)), slice_str("v"));
    }
    assert_true(run_arguments(k, 0, 2, 4, scan, &out));
    assert_memory_not_equal(buffer_begin(&out), "*2\r\n$1\r\n0\r\n", 11);
    buffer_deinit(&out);
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands__get_and_set),
        cmocka_unit_test(test_commands__set_with_conditions),
        cmocka_unit_test(test_commands__set_refuses_bad_options),
        cmocka_unit_test(test_commands__relatives_of_get_and_set),
        cmocka_unit_test(test_commands__many_keys_at_once),
        cmocka_unit_test(test_commands__append_and_length),
        cmocka_unit_test(test_commands__ranges),
        cmocka_unit_test(test_commands__bits),
        cmocka_unit_test(test_commands__bits_that_do_not_exist),
        cmocka_unit_test(test_commands__values_end_at_512_mb),
        cmocka_unit_test(test_commands__numbers),
        cmocka_unit_test(test_commands__keys_of_any_kind),
        cmocka_unit_test(test_commands__keys_by_pattern),
        cmocka_unit_test(test_commands__scan),
        cmocka_unit_test(test_commands__scan_leads_through_everything),
        cmocka_unit_test(test_commands__replies_of_many_values_have_a_limit),
        cmocka_unit_test(test_commands__walks_have_a_limit),
        cmocka_unit_test(test_commands__scan_takes_no_count_for_an_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
