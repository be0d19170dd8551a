/* Commands that are executed at most once: what is remembered of a client, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/once.h"
#include "run_command.h"

enum { KEEP_S = 60 };

static struct command_once of(const char *client, uint64_t number)
{
    return (struct command_once){
        .client = slice_str(client), .number = number, .keep_s = KEEP_S, .resp_version = 2};
}

static enum once_verdict judge(struct keyspace *k, const char *client, uint64_t number)
{
    struct command_once once = of(client, number);
    struct once_reply reply;

    return once_judge(k, &once, &reply);
}

static void keep(struct keyspace *k, const char *client, uint64_t number, const char *reply)
{
    struct command_once once = of(client, number);

    once_keep(k, &once, 1000 + number, slice_str(reply));
}

static void assert_again(struct keyspace *k, const char *client, uint64_t number,
                         const char *expected)
{
    struct command_once once = of(client, number);
    struct once_reply reply;

    assert_int_equal(once_judge(k, &once, &reply), ONCE_AGAIN);
    assert_true(slice_equal(reply.bytes, slice_str(expected)));
    assert_int_equal(reply.resp_version, 2);
    assert_int_equal(reply.index, 1000 + number);
}

static void pass_s(struct keyspace *k, uint64_t seconds)
{
    keyspace_advance_time(k, keyspace_time_us(k) + seconds * 1000000);
}

static void test_once__remembers_replies_by_client_and_number(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    assert_int_equal(judge(k, "a", 1), ONCE_FIRST);
    keep(k, "a", 1, ":1\r\n");
    assert_int_equal(judge(k, "a", 2), ONCE_FIRST);
    keep(k, "a", 2, ":2\r\n");
    assert_again(k, "a", 1, ":1\r\n");
    assert_again(k, "a", 2, ":2\r\n");
    assert_int_equal(judge(k, "a", 3), ONCE_FIRST);
    assert_int_equal(judge(k, "b", 1), ONCE_FIRST);
    assert_int_equal(judge(k, "b", 2), ONCE_UNKNOWN);
    keyspace_free(k);
}

/* A reply may show what another user must not see. */
static void test_once__users_have_clients_of_their_own(void **state)
{
    struct keyspace *k = keyspace_new(1);
    struct command_once once = of("a", 1);
    struct once_reply reply;

    (void)state;
    keep(k, "a", 1, "$6\r\nsecret\r\n");
    once.user = 7;
    assert_int_equal(once_judge(k, &once, &reply), ONCE_FIRST);
    once_keep(k, &once, 1001, slice_str("+mine\r\n"));
    assert_int_equal(once_judge(k, &once, &reply), ONCE_AGAIN);
    assert_true(slice_equal(reply.bytes, slice_str("+mine\r\n")));
    assert_again(k, "a", 1, "$6\r\nsecret\r\n");
    assert_int_equal(once_open(k, 7, slice_str("a"), KEEP_S), 2);
    keyspace_free(k);
}

/* A number that was refused is missing, and may be executed after later ones. */
static void test_once__a_number_that_was_left_out_is_executed_late(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keep(k, "a", 1, "+1\r\n");
    keep(k, "a", 4, "+4\r\n");
    keep(k, "a", 6, "+6\r\n");
    assert_int_equal(judge(k, "a", 3), ONCE_FIRST);
    keep(k, "a", 3, "+3\r\n");
    assert_int_equal(judge(k, "a", 2), ONCE_FIRST);
    for (uint64_t i = 1; i <= 6; i++) {
        char reply[8];

        snprintf(reply, sizeof reply, "+%u\r\n", (unsigned)i);
        if (i == 2 || i == 5) {
            assert_int_equal(judge(k, "a", i), ONCE_FIRST);
        } else {
            assert_again(k, "a", i, reply);
        }
    }
    keyspace_free(k);
}

static void test_once__old_numbers_are_not_executed(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    for (uint64_t i = 1; i <= ONCE_NUMBERS; i++) {
        keep(k, "a", i, "+OK\r\n");
    }
    assert_again(k, "a", 1, "+OK\r\n");
    keep(k, "a", ONCE_NUMBERS + 1, "+OK\r\n");
    assert_int_equal(judge(k, "a", 1), ONCE_TOO_OLD);
    assert_again(k, "a", 2, "+OK\r\n");
    keep(k, "a", UINT64_MAX, "+OK\r\n");
    assert_int_equal(judge(k, "a", UINT64_MAX - ONCE_NUMBERS), ONCE_TOO_OLD);
    assert_int_equal(judge(k, "a", UINT64_MAX - ONCE_NUMBERS + 1), ONCE_FIRST);
    assert_again(k, "a", UINT64_MAX, "+OK\r\n");
    keyspace_free(k);
}

static void test_once__a_client_is_forgotten_by_log_time(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    pass_s(k, 1000);
    keep(k, "a", 1, "+OK\r\n");
    pass_s(k, KEEP_S - 1);
    keep(k, "a", 2, "+OK\r\n");
    pass_s(k, KEEP_S - 1);
    assert_again(k, "a", 1, "+OK\r\n");
    pass_s(k, 2);
    assert_int_equal(judge(k, "a", 2), ONCE_UNKNOWN);
    assert_int_equal(judge(k, "a", 3), ONCE_UNKNOWN);
    keyspace_free(k);
}

static void test_once__large_replies_are_not_kept(void **state)
{
    struct keyspace *k = keyspace_new(1);
    char reply[ONCE_REPLY_BYTES_MAX + 2];
    uint64_t kept = ONCE_CLIENT_BYTES_MAX / ONCE_REPLY_BYTES_MAX;

    (void)state;
    memset(reply, 'x', sizeof reply);
    reply[ONCE_REPLY_BYTES_MAX + 1] = '\0';
    keep(k, "a", 1, reply);
    assert_int_equal(judge(k, "a", 1), ONCE_REPLY_GONE);
    reply[ONCE_REPLY_BYTES_MAX] = '\0';
    for (uint64_t i = 2; i <= kept + 2; i++) {
        keep(k, "a", i, reply);
    }
    assert_int_equal(judge(k, "a", 2), ONCE_REPLY_GONE); /* For newer ones. */
    for (uint64_t i = 3; i <= kept + 2; i++) {
        assert_again(k, "a", i, reply);
    }
    keyspace_free(k);
}

static void test_once__only_so_many_clients_are_remembered(void **state)
{
    struct keyspace *k = keyspace_new(1);
    char name[16];

    (void)state;
    for (int i = 0; i < ONCE_CLIENTS_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        keep(k, name, 1, "+OK\r\n");
    }
    assert_int_equal(judge(k, "other", 1), ONCE_TOO_MANY);
    assert_int_equal(judge(k, "other", 2), ONCE_UNKNOWN);
    assert_int_equal(once_open(k, 0, slice_str("other"), KEEP_S), 0);
    assert_again(k, "c7", 1, "+OK\r\n");
    assert_int_equal(judge(k, "c7", 2), ONCE_FIRST);
    keyspace_free(k);
}

static void expect(struct keyspace *k, const char *line, const char *reply)
{
    struct buffer out = {0};

    assert_true(run_line(k, 0, 2, line, &out));
    assert_true(slice_equal(buffer_slice(&out), slice_str(reply)));
    buffer_deinit(&out);
}

static void test_once__opening_gives_the_next_number(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    expect(k, "ONCE a OPEN", ":2\r\n");
    expect(k, "ONCE a OPEN KEEP 10", ":2\r\n"); /* However often. */
    assert_int_equal(judge(k, "a", 2), ONCE_FIRST);
    assert_int_equal(judge(k, "a", 1), ONCE_REPLY_GONE);
    keep(k, "a", 7, "+OK\r\n");
    expect(k, "once a open", ":8\r\n");
    assert_again(k, "a", 7, "+OK\r\n");
    expect(k, "ONCE \"\" OPEN", "-ERR the client's name must have 1 to 128 bytes\r\n");
    expect(k, "ONCE a OPEN KEEP 0", "-ERR KEEP must be 1 to 604800 seconds\r\n");
    expect(k, "ONCE a OPEN KEEP 604801", "-ERR KEEP must be 1 to 604800 seconds\r\n");
    keyspace_free(k);
}

static void test_once__flushall_forgets_no_client(void **state)
{
    struct keyspace *k = keyspace_new(1);

    (void)state;
    keep(k, "a", 1, "+OK\r\n");
    expect(k, "FLUSHALL", "+OK\r\n");
    assert_again(k, "a", 1, "+OK\r\n");
    keyspace_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once__remembers_replies_by_client_and_number),
        cmocka_unit_test(test_once__users_have_clients_of_their_own),
        cmocka_unit_test(test_once__a_number_that_was_left_out_is_executed_late),
        cmocka_unit_test(test_once__old_numbers_are_not_executed),
        cmocka_unit_test(test_once__a_client_is_forgotten_by_log_time),
        cmocka_unit_test(test_once__large_replies_are_not_kept),
        cmocka_unit_test(test_once__only_so_many_clients_are_remembered),
        cmocka_unit_test(test_once__opening_gives_the_next_number),
        cmocka_unit_test(test_once__flushall_forgets_no_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
