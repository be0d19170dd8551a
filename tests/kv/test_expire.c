/* Commands about expiry: replies, overflows, events, all by the log time of the call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kv/event.h"
#include "run_command.h"

struct exchange {
    const char *line;
    const char *reply;
};

enum { NOW_MS = 5000000 };

static void expect(struct keyspace *k, const char *line, const char *reply)
{
    struct buffer out = {0};

    assert_true(run_line(k, 0, 2, line, &out));
    buffer_append(&out, "", 1);
    if (strcmp(buffer_begin(&out), reply) != 0) {
        fail_msg("%s\nexpected: %s\ngot: %s", line, reply, buffer_begin(&out));
    }
    buffer_deinit(&out);
    assert_true(keyspace_digest(k) == keyspace_digest_recomputed(k));
}

/* In order, at NOW_MS. */
static void expect_all(const struct exchange *exchanges)
{
    struct keyspace *k = keyspace_new(1);

    keyspace_advance_time(k, NOW_MS * 1000ull + 999);
    for (; exchanges->line != NULL; exchanges++) {
        expect(k, exchanges->line, exchanges->reply);
    }
    keyspace_free(k);
}

#define EXPECT(...) expect_all((const struct exchange[]){__VA_ARGS__, {NULL, NULL}})

#define OK             "+OK\r\n"
#define NONE           ":0\r\n"
#define ONE            ":1\r\n"
#define SYNTAX_ERROR   "-ERR syntax error\r\n"
#define NOT_AN_INTEGER "-ERR value is not an integer or out of range\r\n"
#define NO_TIME(name)  "-ERR invalid expire time in '" name "' command\r\n"

static void test_expire__counts_from_log_time(void **state)
{
    (void)state;
    EXPECT({"SET k v", OK}, {"TTL k", ":-1\r\n"}, {"PTTL no", ":-2\r\n"}, {"EXPIRE no 5", NONE},
           {"EXPIRE k 5", ONE}, {"TTL k", ":5\r\n"}, {"PTTL k", ":5000\r\n"},
           {"PEXPIRETIME k", ":5005000\r\n"}, {"EXPIRETIME k", ":5005\r\n"},
           {"PEXPIRE k 1499", ONE}, {"TTL k", ":1\r\n"}, {"PEXPIRE k 1500", ONE},
           {"TTL k", ":2\r\n"}, {"EXPIREAT k 6000", ONE}, {"TTL k", ":1000\r\n"},
           {"PEXPIREAT k 6000001", ONE}, {"PTTL k", ":1000001\r\n"}, {"PERSIST k", ONE},
           {"PERSIST k", NONE}, {"PERSIST no", NONE}, {"TTL k", ":-1\r\n"},
           {"EXPIRETIME k", ":-1\r\n"}, {"PEXPIRETIME no", ":-2\r\n"});
}

static void test_expire__to_a_time_that_has_passed_deletes(void **state)
{
    (void)state;
    EXPECT({"MSET a 1 b 2 c 3 d 4", OK}, {"EXPIRE a -1", ONE}, {"GET a", "$-1\r\n"},
           {"PEXPIRE b 0", ONE}, {"EXPIREAT c 1", ONE}, {"PEXPIREAT d 5000000", ONE},
           {"DBSIZE", NONE}, {"SET e 5 PXAT 1", OK}, {"GET e", "$-1\r\n"}, {"SET e 5", OK},
           {"GETEX e EXAT 1", "$1\r\n5\r\n"}, {"DBSIZE", NONE});
}

static void test_expire__has_conditions(void **state)
{
    (void)state;
    EXPECT({"SET k v", OK}, {"EXPIRE k 10 XX", NONE}, {"EXPIRE k 10 GT", NONE},
           {"EXPIRE k 10 NX", ONE}, {"EXPIRE k 10 NX", NONE}, {"EXPIRE k 10 GT", NONE},
           {"EXPIRE k 11 gt", ONE}, {"EXPIRE k 11 LT", NONE}, {"EXPIRE k 10 lt XX", ONE},
           {"TTL k", ":10\r\n"}, {"PERSIST k", ONE}, {"EXPIRE k 10 LT", ONE},
           {"EXPIRE k 1 NX XX",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"},
           {"EXPIRE k 1 LT GT", "-ERR GT and LT options at the same time are not compatible\r\n"},
           {"EXPIRE k x WHAT", "-ERR Unsupported option WHAT\r\n"}, {"EXPIRE k x", NOT_AN_INTEGER},
           {"TTL k", ":10\r\n"});
}

static void test_expire__refuses_what_overflows(void **state)
{
    (void)state;
    EXPECT({"SET k v", OK}, {"EXPIRE k 9223372036854776", NO_TIME("expire")},
           {"EXPIRE k -9223372036854776", NO_TIME("expire")},
           {"EXPIRE k 9223372036854775", NO_TIME("expire")},
           {"PEXPIRE k 9223372036854770808", NO_TIME("pexpire")},
           {"PEXPIREAT k 9223372036854775807", ONE},
           {"SET k v PX 9223372036854775807", NO_TIME("set")}, {"SETEX k 0 v", NO_TIME("setex")},
           {"PSETEX k -1 v", NO_TIME("psetex")}, {"SETEX k x v", NOT_AN_INTEGER},
           {"GETEX k EX 0", NO_TIME("getex")}, {"GETEX no EX 0", "$-1\r\n"},
           {"GET k", "$1\r\nv\r\n"});
}

static void test_set__with_a_lifetime(void **state)
{
    (void)state;
    EXPECT({"SET k v EX 10", OK}, {"PTTL k", ":10000\r\n"}, {"SET k w KEEPTTL", OK},
           {"PTTL k", ":10000\r\n"}, {"SET k x XX PX 7 GET", "$1\r\nw\r\n"}, {"PTTL k", ":7\r\n"},
           {"SET k y NX EX 9", "$-1\r\n"}, {"PTTL k", ":7\r\n"}, {"SET k z EXAT 5001", OK},
           {"PTTL k", ":1000\r\n"}, {"SET k z EX 1 EX 2", OK}, {"TTL k", ":2\r\n"}, {"SET k z", OK},
           {"TTL k", ":-1\r\n"}, {"SETEX k 3 v", OK}, {"PTTL k", ":3000\r\n"}, {"PSETEX k 3 v", OK},
           {"PTTL k", ":3\r\n"}, {"GETEX k", "$1\r\nv\r\n"}, {"PTTL k", ":3\r\n"},
           {"GETEX k PX 9", "$1\r\nv\r\n"}, {"PTTL k", ":9\r\n"},
           {"GETEX k PERSIST", "$1\r\nv\r\n"}, {"PTTL k", ":-1\r\n"},
           {"GETEX k KEEPTTL", SYNTAX_ERROR}, {"GETEX k EX 1 PERSIST", SYNTAX_ERROR},
           {"SET new v KEEPTTL", OK}, {"TTL new", ":-1\r\n"});
}

static void note_event(void *context, const struct key_event *e)
{
    buffer_printf(context, "%s:%.*s ", e->name, (int)e->key.size, e->key.data);
}

static void test_expire__reports_events(void **state)
{
    static const char *const lines[] = {
        "SET k v EX 5", "SET k v KEEPTTL", "EXPIRE k 9",   "PERSIST k",       "PERSIST k",
        "SETEX k 1 v",  "GETEX k",         "GETEX k PX 8", "GETEX k PERSIST", "GETEX k PERSIST",
        "EXPIRE no 1",  "GETEX k EXAT 1",  "SET k v",      "EXPIRE k 0"};
    struct buffer seen = {0};
    struct keyspace_observer observer = {.context = &seen, .changed = note_event};
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keyspace_advance_time(k, NOW_MS * 1000ull);
    keyspace_observe(k, &observer);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct buffer out = {0};

        assert_true(run_line(k, 0, 2, lines[i], &out));
        buffer_deinit(&out);
    }
    buffer_append(&seen, "", 1);
    assert_string_equal(buffer_begin(&seen), "set:k expire:k set:k expire:k persist:k set:k "
                                             "expire:k expire:k persist:k del:k set:k del:k ");
    buffer_deinit(&seen);
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expire__counts_from_log_time),
        cmocka_unit_test(test_expire__to_a_time_that_has_passed_deletes),
        cmocka_unit_test(test_expire__has_conditions),
        cmocka_unit_test(test_expire__refuses_what_overflows),
        cmocka_unit_test(test_set__with_a_lifetime),
        cmocka_unit_test(test_expire__reports_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
