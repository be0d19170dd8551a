/* What users saw, on its way from the simulator to lincheck. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cluster/recorder.h"

enum { CLIENT = 1 };

struct talk_state {
    struct recorder *recorder;
    struct verdict verdict;
    struct recorder_stats stats;
    uint64_t last_operation;
    uint64_t now_ns;
};

static void begin(struct talk_state *t)
{
    *t = (struct talk_state){.recorder = recorder_new()};
}

static uint64_t call(struct talk_state *t, const char *a, const char *b, const char *c)
{
    struct slice words[3] = {slice_str(a), slice_str(b), slice_str(c == NULL ? "" : c)};

    recorder_invoke(t->recorder, ++t->last_operation, CLIENT, ++t->now_ns, 0, words,
                    c == NULL ? 2 : 3);
    return t->last_operation;
}

static void answer(struct talk_state *t, uint64_t operation, const char *reply)
{
    recorder_return(t->recorder, operation, ++t->now_ns, slice_str(reply));
}

static void judge(struct talk_state *t)
{
    recorder_judge(t->recorder, &t->verdict, &t->stats);
    recorder_free(t->recorder);
}

static void test_recorder__good_history(void **state)
{
    struct talk_state t;

    (void)state;
    begin(&t);
    answer(&t, call(&t, "SET", "k", "1"), "+OK\r\n");
    answer(&t, call(&t, "GET", "k", NULL), "$1\r\n1\r\n");
    answer(&t, call(&t, "MGET", "k", "none"), "*2\r\n$1\r\n1\r\n$-1\r\n");
    answer(&t, call(&t, "STRLEN", "k", NULL), ":1\r\n");
    judge(&t);
    assert_false(t.verdict.is_guilty);
    assert_int_equal(t.stats.operation_count, 4);
}

static void test_recorder__stale_read_is_noticed(void **state)
{
    struct talk_state t;

    (void)state;
    begin(&t);
    answer(&t, call(&t, "SET", "k", "1"), "+OK\r\n");
    answer(&t, call(&t, "SET", "k", "2"), "+OK\r\n");
    answer(&t, call(&t, "GET", "k", NULL), "$1\r\n1\r\n");
    judge(&t);
    assert_true(t.verdict.is_guilty);
    assert_string_equal(t.verdict.rule, "history");
}

static void test_recorder__databases_are_apart(void **state)
{
    struct slice set[] = {slice_str("SET"), slice_str("k"), slice_str("1")};
    struct slice get[] = {slice_str("GET"), slice_str("k")};

    (void)state;
    for (uint32_t database = 2; database < 4; database++) {
        struct talk_state t;

        begin(&t);
        recorder_invoke(t.recorder, 1, CLIENT, 1, 3, set, 3);
        recorder_return(t.recorder, 1, 2, slice_str("+OK\r\n"));
        recorder_invoke(t.recorder, 2, CLIENT, 3, database, get, 2);
        recorder_return(t.recorder, 2, 4, slice_str("$1\r\n1\r\n"));
        judge(&t);
        assert_int_equal(t.verdict.is_guilty, database != 3);
    }
}

static void test_recorder__refused_command_was_not_executed(void **state)
{
    struct talk_state t;

    (void)state;
    begin(&t);
    answer(&t, call(&t, "SET", "k", "1"), "-CLUSTERDOWN no leader\r\n");
    answer(&t, call(&t, "GET", "k", NULL), "$1\r\n1\r\n");
    judge(&t);
    assert_true(t.verdict.is_guilty);
}

static void test_recorder__doubtful_command_may_have_been_executed(void **state)
{
    const char *const doubts[] = {"-INDOUBT it may have been executed\r\n", NULL};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct talk_state t;

        begin(&t);

        uint64_t set = call(&t, "SET", "k", "1");

        if (doubts[i] != NULL) {
            answer(&t, set, doubts[i]);
        }
        answer(&t, call(&t, "GET", "k", NULL), "$-1\r\n");
        answer(&t, call(&t, "GET", "k", NULL), "$1\r\n1\r\n");
        judge(&t);
        assert_false(t.verdict.is_guilty);
        assert_int_equal(t.stats.open_count, 1);
    }
}

static void test_recorder__unknown_command_is_refused(void **state)
{
    struct talk_state t;

    (void)state;
    begin(&t);
    answer(&t, call(&t, "FLUSHALL", "k", NULL), "+OK\r\n");
    judge(&t);
    assert_true(t.verdict.is_guilty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorder__good_history),
        cmocka_unit_test(test_recorder__stale_read_is_noticed),
        cmocka_unit_test(test_recorder__databases_are_apart),
        cmocka_unit_test(test_recorder__refused_command_was_not_executed),
        cmocka_unit_test(test_recorder__doubtful_command_may_have_been_executed),
        cmocka_unit_test(test_recorder__unknown_command_is_refused),
    };

    return cmocka_run_group_tests_name("sim/recorder", tests, NULL, NULL);
}
